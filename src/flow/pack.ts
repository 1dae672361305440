/**
 * The packed flow: what a cache stores.
 *
 * First the attributes as they go on the wire, ready to be sent by a copy; then a local part with
 * what the wire loses: a word of bits, then the fields the bits announce. A flow of which nothing is
 * lost has no local part. `unpack(pack(flow))` gives the flow back, except for what a cache never
 * holds: counters, use count, stop and event times, and the masks of command lines.
 *
 * Described in: doc/flow.md.
 */
import { icmpReplyType } from "./icmp.ts";
import { isMirror, mirrorTuple } from "./nat.ts";
import {
  AF_INET,
  type FlowRegister,
  Has0,
  Has1,
  IPPROTO_GRE,
  IPPROTO_UDPLITE,
  W,
} from "./register.ts";
import { hasWirePorts } from "./wire-rows.ts";
import {
  decodeWireFlow,
  encodeWireFlow,
  WIRE_FLOW_MAX_WORDS,
  WIRE_HELPER_MAX_BYTES,
} from "./wire-table.ts";

/** Bits of the first word of a local part. */
const L = {
  /** The reply tuple is known and mirrors the original: nothing else is stored. */
  replyMirror: 1 << 0,
  /** The reply tuple stands here whole. */
  replyWhole: 1 << 1,
  /** The original tuple has an l4 part that the wire does not carry (GRE, UDP-Lite). */
  origL4: 1 << 2,
  /** The l4 part on the wire is a filler (a TCP message without ports). */
  noOrigL4: 1 << 3,
  /** STATUS on the wire is a filler. */
  noStatus: 1 << 4,
  id: 1 << 5,
  timeout: 1 << 6,
  /** One word for scales and flags; the four bits say which of them are known. */
  wscaleOrig: 1 << 7,
  wscaleReply: 1 << 8,
  tcpFlagsOrig: 1 << 9,
  tcpFlagsReply: 1 << 10,
  tcpMasks: 1 << 11,
  dccpHandshake: 1 << 12,
  dccpRole: 1 << 13,
  noVtagOrig: 1 << 14,
  noVtagReply: 1 << 15,
  seqOrig: 1 << 16,
  seqReply: 1 << 17,
  helper: 1 << 18,
  helperInfo: 1 << 19,
  labels: 1 << 20,
  zoneOrig: 1 << 21,
  zoneReply: 1 << 22,
  secmark: 1 << 23,
  secctx: 1 << 24,
  start: 1 << 25,
  sctpVtags: 1 << 26,
  /** The reply tuple has no l4 part. */
  replyNoL4: 1 << 27,
} as const;

const TCP_LOCAL = L.wscaleOrig | L.wscaleReply | L.tcpFlagsOrig | L.tcpFlagsReply;

/** Upper bound of a local part in words. */
export const LOCAL_MAX_WORDS = 128;
export const PACKED_MAX_WORDS = WIRE_FLOW_MAX_WORDS + LOCAL_MAX_WORDS;

/** A flow that was packed, or is about to be unpacked: `words[0..wireWords)`, then the local part. */
export interface Packed {
  readonly words: Int32Array;
  wireWords: number;
  localWords: number;
}

export function newPacked(): Packed {
  return { words: new Int32Array(PACKED_MAX_WORDS), wireWords: 0, localWords: 0 };
}

/** Pack a flow. `mask` is the `policyMask` of the link: what it keeps off the wire goes to the local part. */
export function pack(r: FlowRegister, mask: number, out: Packed): void {
  const end = encodeWireFlow(r, mask, out.words, 0);
  out.wireWords = end;
  const bits = localBits(r.words, mask);
  if (bits === 0) {
    out.localWords = 0;
    return;
  }
  out.words[end] = bits;
  out.localWords = writeLocal(r.words, bits, out.words, end + 1) - end;
}

/** Which fields the wire loses. */
function localBits(r: Uint32Array, mask: number): number {
  const has0 = r[W.has0]!;
  const has1 = r[W.has1]!;
  let bits = 0;
  if ((has0 & Has0.reply) !== 0) bits |= replyBits(r);
  const protocol = r[W.protocol]!;
  const keyed = protocol === IPPROTO_GRE || protocol === IPPROTO_UDPLITE;
  if (keyed && (has0 & Has0.origL4) !== 0) bits |= L.origL4;
  if (hasWirePorts(protocol) && (has0 & Has0.origL4) === 0) bits |= L.noOrigL4;
  if ((has0 & Has0.status) === 0) bits |= L.noStatus;
  if ((has1 & Has1.id) !== 0) bits |= L.id;
  if ((has0 & Has0.timeout & ~mask) !== 0) bits |= L.timeout;
  const tcpScales = (has0 & Has0.tcpState) === 0 ? 0 : mask;
  if ((has0 & Has0.wscaleOrig & ~tcpScales) !== 0) bits |= L.wscaleOrig;
  if ((has0 & Has0.wscaleReply & ~tcpScales) !== 0) bits |= L.wscaleReply;
  if ((has0 & Has0.tcpFlagsOrig) !== 0) bits |= L.tcpFlagsOrig;
  if ((has0 & Has0.tcpFlagsReply) !== 0) bits |= L.tcpFlagsReply;
  if ((has0 & (Has0.tcpFlagsOrig | Has0.tcpFlagsReply)) !== 0) {
    if (((r[W.tcpFlagsOrig]! | r[W.tcpFlagsReply]!) & 0xff00) !== 0) bits |= L.tcpMasks;
  }
  return bits | rareBits(r, has0, has1);
}

function replyBits(r: Uint32Array): number {
  const whole = (r[W.has0]! & Has0.replyL4) !== (r[W.has0]! & Has0.origL4) << 2;
  const noL4 = (r[W.has0]! & Has0.replyL4) === 0 ? L.replyNoL4 : 0;
  if (whole) return L.replyWhole | noL4;
  const icmpReply = icmpReplyType(r[W.protocol]!, r[W.origL4Dst]! >>> 8);
  return (isMirror(r, icmpReply) ? L.replyMirror : L.replyWhole) | noL4;
}

/** Fields that ordinary flows do not have. */
function rareBits(r: Uint32Array, has0: number, has1: number): number {
  const rare0 =
    Has0.sctpState |
    Has0.sctpVtagOrig |
    Has0.sctpVtagReply |
    Has0.dccpHandshake |
    Has0.dccpRole |
    Has0.seqOrig |
    Has0.seqReply |
    Has0.helper |
    Has0.labels |
    Has0.zoneOrig |
    Has0.zoneReply;
  const rare1 = Has1.helperInfo | Has1.secmark | Has1.secctx | Has1.start;
  if ((has0 & rare0) === 0 && (has1 & rare1) === 0) return 0;
  let bits = 0;
  if ((has0 & Has0.sctpState) !== 0) {
    if ((has0 & Has0.sctpVtagOrig) === 0) bits |= L.noVtagOrig;
    if ((has0 & Has0.sctpVtagReply) === 0) bits |= L.noVtagReply;
  } else if ((has0 & (Has0.sctpVtagOrig | Has0.sctpVtagReply)) !== 0) {
    bits |= L.sctpVtags;
    if ((has0 & Has0.sctpVtagOrig) === 0) bits |= L.noVtagOrig;
    if ((has0 & Has0.sctpVtagReply) === 0) bits |= L.noVtagReply;
  }
  if ((has0 & Has0.dccpHandshake) !== 0) bits |= L.dccpHandshake;
  if ((has0 & Has0.dccpRole) !== 0 && (has0 & Has0.dccpState) === 0) bits |= L.dccpRole;
  const both = (has0 & Has0.seqOrig) !== 0 && (has0 & Has0.seqReply) !== 0;
  if ((has0 & Has0.seqOrig) !== 0 && !both) bits |= L.seqOrig;
  if ((has0 & Has0.seqReply) !== 0 && !both) bits |= L.seqReply;
  if ((has0 & Has0.helper) !== 0 && r[W.helperLength]! > WIRE_HELPER_MAX_BYTES) bits |= L.helper;
  if ((has1 & Has1.helperInfo) !== 0) bits |= L.helperInfo;
  if ((has0 & Has0.labels) !== 0 && !anyLabel(r)) bits |= L.labels;
  if ((has0 & Has0.zoneOrig) !== 0) bits |= L.zoneOrig;
  if ((has0 & Has0.zoneReply) !== 0) bits |= L.zoneReply;
  if ((has1 & Has1.secmark) !== 0) bits |= L.secmark;
  if ((has1 & Has1.secctx) !== 0) bits |= L.secctx;
  if ((has1 & Has1.start) !== 0) bits |= L.start;
  return bits;
}

function anyLabel(r: Uint32Array): boolean {
  for (let i = 0; i < r[W.labelWords]!; i++) if (r[W.labels + i] !== 0) return true;
  return false;
}

/** A field that is a run of words, and the bits that bring it back. */
interface LocalRun {
  readonly bit: number;
  readonly word: number;
  readonly count: number;
  readonly has0: number;
  readonly has1: number;
}

const run = (bit: number, word: number, count: number, has0: number, has1 = 0): LocalRun => ({
  bit,
  word,
  count,
  has0,
  has1,
});

/** Fixed runs, in the order they are stored. */
const RUNS: readonly LocalRun[] = [
  run(L.id, W.id, 1, 0, Has1.id),
  run(L.timeout, W.timeout, 1, Has0.timeout),
  run(L.dccpHandshake, W.dccpHandshakeLow, 2, Has0.dccpHandshake),
  run(L.dccpRole, W.dccpRole, 1, Has0.dccpRole),
  run(L.sctpVtags, W.sctpVtagOrig, 2, Has0.sctpVtagOrig | Has0.sctpVtagReply),
  run(L.seqOrig, W.seqOrigPosition, 3, Has0.seqOrig),
  run(L.seqReply, W.seqReplyPosition, 3, Has0.seqReply),
  run(L.zoneOrig, W.zoneOrig, 1, Has0.zoneOrig),
  run(L.zoneReply, W.zoneReply, 1, Has0.zoneReply),
  run(L.secmark, W.secmark, 1, 0, Has1.secmark),
  run(L.start, W.startLow, 2, 0, Has1.start),
  run(L.labels, W.labelWords, 1, Has0.labels),
];

/** A string: its length in one word, then its bytes. */
interface LocalText {
  readonly bit: number;
  readonly length: number;
  readonly word: number;
  readonly has0: number;
  readonly has1: number;
}

const TEXTS: readonly LocalText[] = [
  { bit: L.helper, length: W.helperLength, word: W.helper, has0: Has0.helper, has1: 0 },
  {
    bit: L.helperInfo,
    length: W.helperInfoLength,
    word: W.helperInfo,
    has0: 0,
    has1: Has1.helperInfo,
  },
  { bit: L.secctx, length: W.secctxLength, word: W.secctx, has0: 0, has1: Has1.secctx },
];

const RUN_BITS = RUNS.reduce((all, each) => all | each.bit, 0);
const TEXT_BITS = TEXTS.reduce((all, each) => all | each.bit, 0);

function writeLocal(r: Uint32Array, bits: number, out: Int32Array, at: number): number {
  let end = at;
  if ((bits & L.replyWhole) !== 0) {
    const size = r[W.family] === AF_INET ? 1 : 4;
    for (let i = 0; i < size; i++) out[end++] = r[W.replySrc + i]!;
    for (let i = 0; i < size; i++) out[end++] = r[W.replyDst + i]!;
    out[end++] = (r[W.replyL4Src]! & 0xffff) | (r[W.replyL4Dst]! << 16);
  }
  if ((bits & L.origL4) !== 0) {
    out[end++] = (r[W.origL4Src]! & 0xffff) | (r[W.origL4Dst]! << 16);
  }
  if ((bits & TCP_LOCAL) !== 0) {
    out[end++] =
      (r[W.wscaleOrig]! & 0xff) |
      ((r[W.wscaleReply]! & 0xff) << 8) |
      ((r[W.tcpFlagsOrig]! & 0xff) << 16) |
      (r[W.tcpFlagsReply]! << 24);
  }
  if ((bits & L.tcpMasks) !== 0) {
    out[end++] = (r[W.tcpFlagsOrig]! >>> 8) | ((r[W.tcpFlagsReply]! >>> 8) << 8);
  }
  if ((bits & RUN_BITS) !== 0) {
    for (let i = 0; i < RUNS.length; i++) {
      const each = RUNS[i]!;
      if ((bits & each.bit) === 0) continue;
      for (let k = 0; k < each.count; k++) out[end++] = r[each.word + k]!;
    }
  }
  if ((bits & TEXT_BITS) !== 0) {
    for (const each of TEXTS) {
      if ((bits & each.bit) === 0) continue;
      out[end++] = r[each.length]!;
      const words = (r[each.length]! + 3) >> 2;
      for (let k = 0; k < words; k++) out[end++] = r[each.word + k]!;
    }
  }
  return end;
}

/**
 * Unpack a flow that `pack` made: `wireWords` words at `at`, then `localWords`.
 * The words are our own, so a mismatch is a broken invariant and not a malformed message.
 */
export function unpack(
  r: FlowRegister,
  words: Int32Array,
  at: number,
  wireWords: number,
  localWords: number,
): boolean {
  if (!decodeWireFlow(r, words, at, wireWords * 4)) return false;
  if (localWords > 0) readLocal(r, words, at + wireWords);
  return true;
}

function readLocal(r: FlowRegister, source: Int32Array, at: number): void {
  const out = r.words;
  const bits = source[at]!;
  let here = at + 1;
  let has0 = out[W.has0]!;
  let has1 = out[W.has1]!;
  if ((bits & L.noStatus) !== 0) has0 &= ~Has0.status;
  if ((bits & L.noOrigL4) !== 0) has0 &= ~Has0.origL4;
  if ((bits & L.replyWhole) !== 0) {
    const size = out[W.family] === AF_INET ? 1 : 4;
    for (let i = 0; i < size; i++) out[W.replySrc + i] = source[here++]!;
    for (let i = 0; i < size; i++) out[W.replyDst + i] = source[here++]!;
    const l4 = source[here++]!;
    out[W.replyL4Src] = l4 & 0xffff;
    out[W.replyL4Dst] = l4 >>> 16;
  }
  if ((bits & L.origL4) !== 0) {
    const l4 = source[here++]!;
    out[W.origL4Src] = l4 & 0xffff;
    out[W.origL4Dst] = l4 >>> 16;
    has0 |= Has0.origL4;
  }
  if ((bits & (L.replyMirror | L.replyWhole)) !== 0) {
    has0 |= (bits & L.replyNoL4) === 0 ? Has0.reply | Has0.replyL4 : Has0.reply;
    if ((bits & L.replyMirror) !== 0) {
      mirrorTuple(out, icmpReplyType(out[W.protocol]!, out[W.origL4Dst]! >>> 8));
    }
  }
  if ((bits & TCP_LOCAL) !== 0) {
    readTcp(out, bits, source, here);
    here += (bits & L.tcpMasks) === 0 ? 1 : 2;
    has0 |= tcpPresence(bits);
  }
  if ((bits & RUN_BITS) !== 0) {
    for (let i = 0; i < RUNS.length; i++) {
      const each = RUNS[i]!;
      if ((bits & each.bit) === 0) continue;
      for (let k = 0; k < each.count; k++) out[each.word + k] = source[here++]!;
      has0 |= each.has0;
      has1 |= each.has1;
    }
    if ((bits & L.labels) !== 0) out.fill(0, W.labels, W.labels + out[W.labelWords]!);
  }
  if ((bits & L.noVtagOrig) !== 0) has0 &= ~Has0.sctpVtagOrig;
  if ((bits & L.noVtagReply) !== 0) has0 &= ~Has0.sctpVtagReply;
  if ((bits & TEXT_BITS) !== 0) {
    for (const each of TEXTS) {
      if ((bits & each.bit) === 0) continue;
      const length = source[here++]!;
      out[each.length] = length;
      const words = (length + 3) >> 2;
      for (let k = 0; k < words; k++) out[each.word + k] = source[here++]!;
      has0 |= each.has0;
      has1 |= each.has1;
    }
  }
  out[W.has0] = has0;
  out[W.has1] = has1;
}

/** Scales that came over the wire are already in place: only those with a bit are overwritten. */
function readTcp(out: Uint32Array, bits: number, source: Int32Array, at: number): void {
  const tcp = source[at]!;
  const masks = (bits & L.tcpMasks) === 0 ? 0 : source[at + 1]!;
  if ((bits & L.wscaleOrig) !== 0) out[W.wscaleOrig] = tcp & 0xff;
  if ((bits & L.wscaleReply) !== 0) out[W.wscaleReply] = (tcp >>> 8) & 0xff;
  if ((bits & L.tcpFlagsOrig) !== 0) {
    out[W.tcpFlagsOrig] = ((tcp >>> 16) & 0xff) | ((masks & 0xff) << 8);
  }
  if ((bits & L.tcpFlagsReply) !== 0) {
    out[W.tcpFlagsReply] = (tcp >>> 24) | (masks & 0xff00);
  }
}

function tcpPresence(bits: number): number {
  // The four local bits stand in the order of the four presence bits.
  return (bits & TCP_LOCAL) << 4;
}
