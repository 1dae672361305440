/**
 * Register to ctnetlink attributes: the other direction of kernel-table.ts.
 *
 * Writes every attribute the register holds and nothing else; what a request may and may not say is
 * decided in kernel-request.ts. Described in: doc/flow.md.
 */
import type { MessageWriter } from "../netlink/message.ts";
import {
  AF_INET,
  type FlowRegister,
  Has0,
  Has1,
  hasPorts,
  IPPROTO_ICMP,
  isIcmp,
  MASTER_TUPLE,
  ORIG_TUPLE,
  REPLY_TUPLE,
  type Register,
  type TupleWords,
  W,
} from "./register.ts";

/** Upper bound of one request with every attribute, in bytes. */
export const KERNEL_FLOW_MAX_BYTES = 1536;

export function encodeTuple(
  w: MessageWriter,
  r: Register,
  t: TupleWords,
  protocol = r.words[t.protocol]!,
): void {
  const { words } = r;
  const v4 = words[t.family] === AF_INET;
  const tuple = w.beginNest(t.type);
  const ip = w.beginNest(1);
  w.words(v4 ? 1 : 3, words, t.src, v4 ? 1 : 4);
  w.words(v4 ? 2 : 4, words, t.dst, v4 ? 1 : 4);
  w.endNest(ip);
  const proto = w.beginNest(2);
  w.u8(1, protocol);
  if (isIcmp(protocol)) {
    const base = protocol === IPPROTO_ICMP ? 4 : 7;
    w.u8(base + 2, words[t.l4Dst]! & 0xff);
    w.u8(base + 1, words[t.l4Dst]! >>> 8);
    w.be16(base, words[t.l4Src]!);
  } else if (hasPorts(protocol) && (words[W.has0]! & t.hasL4) !== 0) {
    w.be16(2, words[t.l4Src]!);
    w.be16(3, words[t.l4Dst]!);
  }
  w.endNest(proto);
  if ((words[W.has0]! & t.hasZone) !== 0) w.be16(3, words[t.zone]!);
  w.endNest(tuple);
}

/**
 * Every attribute of the register, in the order of the reference's requests. The reply may be told to
 * have a protocol of its own: a command line can say so, and the kernel then refuses it.
 */
export function encodeKernelFlow(
  w: MessageWriter,
  r: FlowRegister,
  replyProtocol = r.words[W.protocol]!,
): void {
  const { words } = r;
  const has0 = words[W.has0]!;
  const has1 = words[W.has1]!;
  encodeTuple(w, r, ORIG_TUPLE);
  if ((has0 & Has0.reply) !== 0) encodeTuple(w, r, REPLY_TUPLE, replyProtocol);
  if ((has0 & Has0.master) !== 0) encodeTuple(w, r, MASTER_TUPLE);
  if ((has0 & Has0.status) !== 0) w.be32(3, words[W.status]!);
  if ((has0 & Has0.timeout) !== 0) w.be32(7, words[W.timeout]!);
  if ((has0 & Has0.mark) !== 0) w.be32(8, words[W.mark]!);
  if ((has1 & Has1.markMask) !== 0) w.be32(21, words[W.markMask]!);
  encodeProtoinfo(w, words, has0);
  encodeNat(w, r, 6, W.snat, has0 & Has0.snat, W.snatPort, has0 & Has0.snatPort);
  encodeNat(w, r, 13, W.dnat, has0 & Has0.dnat, W.dnatPort, has0 & Has0.dnatPort);
  if ((has0 & Has0.seqOrig) !== 0) encodeWords(w, words, 15, W.seqOrigPosition);
  if ((has0 & Has0.seqReply) !== 0) encodeWords(w, words, 16, W.seqReplyPosition);
  if ((has0 & Has0.helper) !== 0) encodeHelper(w, r, has1);
  if ((has0 & Has0.zone) !== 0) w.be16(18, words[W.zone]!);
  if ((has0 & Has0.labels) !== 0) w.words(22, words, W.labels, words[W.labelWords]!);
  if ((has1 & Has1.labelsMask) !== 0) {
    w.words(23, words, W.labelsMask, words[W.labelWords]!);
  }
  if ((has0 & Has0.synproxy) !== 0) encodeWords(w, words, 24, W.synproxyIsn);
  if (has1 !== 0) encodeReported(w, r, has1);
}

/** Attributes that only the kernel states; requests do not hold them. */
function encodeReported(w: MessageWriter, r: FlowRegister, has1: number): void {
  const { words } = r;
  if ((has1 & Has1.id) !== 0) w.be32(12, words[W.id]!);
  if ((has1 & Has1.use) !== 0) w.be32(11, words[W.use]!);
  if ((has1 & Has1.countersOrig) !== 0) encodeCounters(w, words, 9, W.packetsOrigLow);
  if ((has1 & Has1.countersReply) !== 0) encodeCounters(w, words, 10, W.packetsReplyLow);
  if ((has1 & Has1.secmark) !== 0) w.be32(17, words[W.secmark]!);
  if ((has1 & Has1.secctx) !== 0) {
    const nest = w.beginNest(19);
    w.text(1, r.bytes, W.secctx * 4, words[W.secctxLength]!);
    w.endNest(nest);
  }
  if ((has1 & (Has1.start | Has1.stop)) !== 0) {
    const nest = w.beginNest(20);
    if ((has1 & Has1.start) !== 0) w.be64(1, words[W.startLow]!, words[W.startHigh]!);
    if ((has1 & Has1.stop) !== 0) w.be64(2, words[W.stopLow]!, words[W.stopHigh]!);
    w.endNest(nest);
  }
  if ((has1 & Has1.statusMask) !== 0) w.be32(26, words[W.statusMask]!);
  if ((has1 & Has1.eventTime) !== 0) w.be64(27, words[W.eventTimeLow]!, words[W.eventTimeHigh]!);
}

function encodeProtoinfo(w: MessageWriter, words: Uint32Array, has0: number): void {
  const tcp =
    Has0.tcpState | Has0.wscaleOrig | Has0.wscaleReply | Has0.tcpFlagsOrig | Has0.tcpFlagsReply;
  if ((has0 & tcp) !== 0) {
    const outer = w.beginNest(4);
    const inner = w.beginNest(1);
    if ((has0 & Has0.tcpState) !== 0) w.u8(1, words[W.tcpState]!);
    if ((has0 & Has0.tcpFlagsOrig) !== 0) tcpFlags(w, 4, words[W.tcpFlagsOrig]!);
    if ((has0 & Has0.tcpFlagsReply) !== 0) tcpFlags(w, 5, words[W.tcpFlagsReply]!);
    if ((has0 & Has0.wscaleOrig) !== 0) w.u8(2, words[W.wscaleOrig]!);
    if ((has0 & Has0.wscaleReply) !== 0) w.u8(3, words[W.wscaleReply]!);
    w.endNest(inner);
    w.endNest(outer);
  }
  if ((has0 & (Has0.sctpState | Has0.sctpVtagOrig | Has0.sctpVtagReply)) !== 0) {
    const outer = w.beginNest(4);
    const inner = w.beginNest(3);
    if ((has0 & Has0.sctpState) !== 0) w.u8(1, words[W.sctpState]!);
    if ((has0 & Has0.sctpVtagOrig) !== 0) w.be32(2, words[W.sctpVtagOrig]!);
    if ((has0 & Has0.sctpVtagReply) !== 0) w.be32(3, words[W.sctpVtagReply]!);
    w.endNest(inner);
    w.endNest(outer);
  }
  if ((has0 & (Has0.dccpState | Has0.dccpRole | Has0.dccpHandshake)) !== 0) {
    const outer = w.beginNest(4);
    const inner = w.beginNest(2);
    if ((has0 & Has0.dccpState) !== 0) w.u8(1, words[W.dccpState]!);
    if ((has0 & Has0.dccpRole) !== 0) w.u8(2, words[W.dccpRole]!);
    if ((has0 & Has0.dccpHandshake) !== 0) {
      w.be64(3, words[W.dccpHandshakeLow]!, words[W.dccpHandshakeHigh]!);
    }
    w.endNest(inner);
    w.endNest(outer);
  }
}

function tcpFlags(w: MessageWriter, type: number, word: number): void {
  w.pair(type, word & 0xff, word >>> 8);
}

/** A port translation is stated for every protocol that has ports (the reference: TCP and UDP only). */
function encodeNat(
  w: MessageWriter,
  r: FlowRegister,
  type: number,
  address: number,
  hasAddress: number,
  port: number,
  hasPort: number,
): void {
  const protocol = r.words[W.protocol]!;
  const withPort = hasPort !== 0 && hasPorts(protocol);
  if (hasAddress === 0 && !withPort) return;
  const nest = w.beginNest(type);
  if (hasAddress !== 0) {
    const v4 = r.words[W.family] === AF_INET;
    w.words(v4 ? 1 : 4, r.words, address, v4 ? 1 : 4);
  }
  if (withPort) {
    const proto = w.beginNest(3);
    w.be16(1, r.words[port]!);
    w.be16(2, r.words[port]!);
    w.endNest(proto);
  }
  w.endNest(nest);
}

function encodeHelper(w: MessageWriter, r: FlowRegister, has1: number): void {
  const nest = w.beginNest(5);
  w.text(1, r.bytes, W.helper * 4, r.words[W.helperLength]!);
  if ((has1 & Has1.helperInfo) !== 0) {
    w.raw(2, r.bytes, W.helperInfo * 4, r.words[W.helperInfoLength]!);
  }
  w.endNest(nest);
}

/** Three be32 in attributes 1, 2, 3: sequence adjustment, synproxy. */
function encodeWords(w: MessageWriter, words: Uint32Array, type: number, at: number): void {
  const nest = w.beginNest(type);
  for (let i = 0; i < 3; i++) w.be32(i + 1, words[at + i]!);
  w.endNest(nest);
}

function encodeCounters(w: MessageWriter, words: Uint32Array, type: number, at: number): void {
  const nest = w.beginNest(type);
  w.be64(1, words[at]!, words[at + 1]!);
  w.be64(2, words[at + 2]!, words[at + 3]!);
  w.endNest(nest);
}
