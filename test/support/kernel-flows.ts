/** Flows written by hand, their identity as text, and the kernel messages that announce them. */

import { encodeKernelFlow } from "../../src/flow/kernel-encode.ts";
import {
  AF_INET,
  AF_INET6,
  FlowRegister,
  Has0,
  hasPorts,
  IPPROTO_ICMP,
  IPPROTO_TCP,
  isIcmp,
  Status,
  W,
} from "../../src/flow/register.ts";
import { swap32 } from "../../src/kit/bytes.ts";
import {
  IPCTNL_MSG_CT_DELETE,
  IPCTNL_MSG_CT_NEW,
  MessageWriter,
  NLM_F_CREATE,
} from "../../src/netlink/message.ts";

export interface PlainFlow {
  readonly protocol?: number;
  /** Dotted IPv4, or IPv6 as eight groups. */
  readonly source?: string;
  readonly target?: string;
  /** Where the reply comes from, behind a translation. */
  readonly replySource?: string;
  readonly sourcePort?: number;
  readonly targetPort?: number;
  readonly zone?: number;
  readonly mark?: number;
  readonly timeout?: number;
  readonly status?: number;
  readonly tcpState?: number;
  /** The original tuple of the flow this one is related to. */
  readonly master?: PlainFlow;
}

const CONFIRMED = Status.CONFIRMED;

/** The bytes of an address: four groups in decimal, or eight in hexadecimal. */
export function addressBytes(text: string): Uint8Array {
  if (!text.includes(":")) return Uint8Array.from(text.split("."), Number);
  return Uint8Array.from(
    text.split(":").flatMap((group) => {
      const value = Number.parseInt(group, 16);
      return [value >>> 8, value & 0xff];
    }),
  );
}

/** A flow as the kernel reports it: both tuples, status, timeout; the rest where it was asked for. */
export function plainFlow(options: PlainFlow = {}): FlowRegister {
  const r = new FlowRegister();
  const { words } = r;
  const protocol = options.protocol ?? IPPROTO_TCP;
  const source = addressBytes(options.source ?? "10.1.1.1");
  const target = addressBytes(options.target ?? "10.2.2.2");
  const replySource = options.replySource ? addressBytes(options.replySource) : target;
  const sourcePort = options.sourcePort ?? 1024;
  const targetPort = options.targetPort ?? 80;
  words[W.family] = source.length === 4 ? AF_INET : AF_INET6;
  words[W.protocol] = protocol;
  r.bytes.set(source, W.origSrc * 4);
  r.bytes.set(target, W.origDst * 4);
  r.bytes.set(replySource, W.replySrc * 4);
  r.bytes.set(source, W.replyDst * 4);
  let has = Has0.orig | Has0.origL4 | Has0.reply | Has0.replyL4 | Has0.status | Has0.timeout;
  words[W.origL4Src] = sourcePort;
  if (isIcmp(protocol)) {
    const v4 = protocol === IPPROTO_ICMP;
    words[W.origL4Dst] = (v4 ? 8 : 128) << 8;
    words[W.replyL4Src] = sourcePort;
    words[W.replyL4Dst] = (v4 ? 0 : 129) << 8;
  } else if (!hasPorts(protocol)) {
    has &= ~(Has0.origL4 | Has0.replyL4);
    words[W.origL4Src] = 0;
  } else {
    words[W.origL4Dst] = targetPort;
    words[W.replyL4Src] = targetPort;
    words[W.replyL4Dst] = sourcePort;
  }
  words[W.status] = (options.status ?? 0) | CONFIRMED;
  words[W.timeout] = options.timeout ?? 300;
  const set = (bit: number, word: number, value: number | undefined) => {
    if (value === undefined) return;
    words[word] = value;
    has |= bit;
  };
  set(Has0.zone, W.zone, options.zone);
  set(Has0.mark, W.mark, options.mark);
  set(Has0.tcpState, W.tcpState, options.tcpState);
  if (options.master !== undefined) {
    const master = plainFlow(options.master).words;
    words[W.masterFamily] = master[W.family]!;
    words[W.masterProtocol] = master[W.protocol]!;
    for (let i = 0; i < 4; i++) words[W.masterSrc + i] = master[W.origSrc + i]!;
    for (let i = 0; i < 4; i++) words[W.masterDst + i] = master[W.origDst + i]!;
    words[W.masterL4Src] = master[W.origL4Src]!;
    words[W.masterL4Dst] = master[W.origL4Dst]!;
    has |= Has0.master | Has0.masterL4;
  }
  words[W.has0] = has;
  return r;
}

function tupleKey(words: Uint32Array, family: number, protocol: number, at: number): string {
  const size = words[family] === AF_INET ? 1 : 4;
  const hex = (word: number) => (swap32(words[word]!) >>> 0).toString(16).padStart(8, "0");
  const address = (from: number) => Array.from({ length: size }, (_, i) => hex(from + i)).join("");
  return `${words[protocol]} ${address(at)} ${address(at + 4)} ${words[at + 8]} ${words[at + 9]}`;
}

/** The identity of a flow, zones of one direction included. */
export function flowKey(r: FlowRegister): string {
  const { words } = r;
  const zones = `${words[W.zone]}/${words[W.zoneOrig]}/${words[W.zoneReply]}`;
  return `${tupleKey(words, W.family, W.protocol, W.origSrc)} zone ${zones}`;
}

/** The identity of the reply tuple. */
export function replyKey(r: FlowRegister): string {
  return `${tupleKey(r.words, W.family, W.protocol, W.replySrc)} zone ${r.words[W.zone]}`;
}

/** The identity of the master, as `flowKey` tells it, without a zone of its own. */
export function masterKey(r: FlowRegister): string {
  const zones = `${r.words[W.zone]}/0/0`;
  return `${tupleKey(r.words, W.masterFamily, W.masterProtocol, W.masterSrc)} zone ${zones}`;
}

export type EventKind = "new" | "update" | "destroy";

/** An event message of the conntrack socket; `port` is the socket that caused it, 0 the kernel itself. */
export function eventMessage(kind: EventKind, flow: FlowRegister, port = 0): Uint8Array {
  const w = new MessageWriter(4096);
  const type = kind === "destroy" ? IPCTNL_MSG_CT_DELETE : IPCTNL_MSG_CT_NEW;
  w.begin(type, kind === "new" ? NLM_F_CREATE : 0, 0, flow.words[W.family]!);
  encodeKernelFlow(w, flow);
  w.end();
  const bytes = w.bytes.slice(0, w.length);
  new DataView(bytes.buffer).setUint32(12, port, true);
  return bytes;
}
