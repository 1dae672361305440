/**
 * The flow register: one unpacked flow in one preallocated block of words.
 *
 * Every codec reads from it or writes to it, so N formats need 2N codecs and no converter between
 * any two. Nothing here allocates after construction.
 *
 * A field is a fixed word offset in `W` and, where its absence means something, a presence bit in
 * `has0` / `has1`. Numbers are host order; addresses are raw network-order bytes in four words (an
 * IPv4 address fills the first). 64-bit values are two words, low word first.
 *
 * Described in: doc/flow.md.
 */

/** Word offsets of the fields. */
export const W = {
  /** Presence bits, see `Has0` and `Has1`. */
  has0: 0,
  has1: 1,
  /** Address family: 2 IPv4, 10 IPv6. */
  family: 2,
  /** IP protocol number. */
  protocol: 3,
  origSrc: 4,
  origDst: 8,
  /** Source port, ICMP id, or GRE key. */
  origL4Src: 12,
  /** Destination port, ICMP `type << 8 | code`, or GRE key. */
  origL4Dst: 13,
  replySrc: 14,
  replyDst: 18,
  replyL4Src: 22,
  replyL4Dst: 23,
  zone: 24,
  zoneOrig: 25,
  zoneReply: 26,
  status: 27,
  timeout: 28,
  mark: 29,
  tcpState: 30,
  wscaleOrig: 31,
  wscaleReply: 32,
  /** TCP flags, original direction: `flags | mask << 8` (same for the reply). */
  tcpFlagsOrig: 33,
  tcpFlagsReply: 34,
  sctpState: 35,
  sctpVtagOrig: 36,
  sctpVtagReply: 37,
  dccpState: 38,
  dccpRole: 39,
  dccpHandshakeLow: 40,
  dccpHandshakeHigh: 41,
  masterFamily: 42,
  masterProtocol: 43,
  masterSrc: 44,
  masterDst: 48,
  masterL4Src: 52,
  masterL4Dst: 53,
  seqOrigPosition: 54,
  seqOrigBefore: 55,
  seqOrigAfter: 56,
  seqReplyPosition: 57,
  seqReplyBefore: 58,
  seqReplyAfter: 59,
  synproxyIsn: 60,
  synproxyIts: 61,
  synproxyTsoff: 62,
  id: 63,
  use: 64,
  packetsOrigLow: 65,
  packetsOrigHigh: 66,
  bytesOrigLow: 67,
  bytesOrigHigh: 68,
  packetsReplyLow: 69,
  packetsReplyHigh: 70,
  bytesReplyLow: 71,
  bytesReplyHigh: 72,
  /** Nanoseconds since the Unix epoch. */
  startLow: 73,
  startHigh: 74,
  stopLow: 75,
  stopHigh: 76,
  eventTimeLow: 77,
  eventTimeHigh: 78,
  secmark: 79,
  /** Translated source and destination, as the wire or a command line states them. */
  snat: 80,
  dnat: 84,
  snatPort: 88,
  dnatPort: 89,
  /** Lengths in bytes of the strings below, without a terminating NUL. */
  helperLength: 90,
  helperInfoLength: 91,
  secctxLength: 92,
  /** Number of 32-bit label words; label bit n is bit n % 32 of word n / 32. */
  labelWords: 93,
  labels: 94,
  labelsMask: 98,
  markMask: 102,
  statusMask: 103,
  /** 16 bytes. */
  helper: 104,
  /** 32 bytes: private data of a helper. */
  helperInfo: 108,
  /** 256 bytes. */
  secctx: 116,
} as const;

/** Size of a register in words. */
export const REGISTER_WORDS = 180;

export const HELPER_MAX_BYTES = 15;
export const HELPER_INFO_MAX_BYTES = 32;
export const SECCTX_MAX_BYTES = 255;
export const LABEL_MAX_WORDS = 4;

/** Presence bits of word `has0`. */
export const Has0 = {
  /** Both addresses, the family and the protocol of the original tuple. */
  orig: 1 << 0,
  /** Ports, ICMP triple or keys of the original tuple. */
  origL4: 1 << 1,
  reply: 1 << 2,
  replyL4: 1 << 3,
  zone: 1 << 4,
  zoneOrig: 1 << 5,
  zoneReply: 1 << 6,
  status: 1 << 7,
  timeout: 1 << 8,
  mark: 1 << 9,
  tcpState: 1 << 10,
  wscaleOrig: 1 << 11,
  wscaleReply: 1 << 12,
  tcpFlagsOrig: 1 << 13,
  tcpFlagsReply: 1 << 14,
  sctpState: 1 << 15,
  sctpVtagOrig: 1 << 16,
  sctpVtagReply: 1 << 17,
  dccpState: 1 << 18,
  dccpRole: 1 << 19,
  dccpHandshake: 1 << 20,
  master: 1 << 21,
  masterL4: 1 << 22,
  seqOrig: 1 << 23,
  seqReply: 1 << 24,
  synproxy: 1 << 25,
  helper: 1 << 26,
  labels: 1 << 27,
  snat: 1 << 28,
  dnat: 1 << 29,
  snatPort: 1 << 30,
  dnatPort: 1 << 31,
} as const;

/** Presence bits of word `has1`. */
export const Has1 = {
  id: 1 << 0,
  use: 1 << 1,
  countersOrig: 1 << 2,
  countersReply: 1 << 3,
  start: 1 << 4,
  stop: 1 << 5,
  eventTime: 1 << 6,
  secmark: 1 << 7,
  secctx: 1 << 8,
  helperInfo: 1 << 9,
  labelsMask: 1 << 10,
  markMask: 1 << 11,
  statusMask: 1 << 12,
} as const;

export const AF_INET = 2;
export const AF_INET6 = 10;

export const IPPROTO_ICMP = 1;
export const IPPROTO_TCP = 6;
export const IPPROTO_UDP = 17;
export const IPPROTO_DCCP = 33;
export const IPPROTO_GRE = 47;
export const IPPROTO_ICMPV6 = 58;
export const IPPROTO_SCTP = 132;
export const IPPROTO_UDPLITE = 136;

/** Kernel status bits (`enum ip_conntrack_status`). */
export const Status = {
  EXPECTED: 0x1,
  SEEN_REPLY: 0x2,
  ASSURED: 0x4,
  CONFIRMED: 0x8,
  SRC_NAT: 0x10,
  DST_NAT: 0x20,
  SEQ_ADJUST: 0x40,
  SRC_NAT_DONE: 0x80,
  DST_NAT_DONE: 0x100,
  DYING: 0x200,
  FIXED_TIMEOUT: 0x400,
  TEMPLATE: 0x800,
  UNTRACKED: 0x1000,
  HELPER: 0x2000,
  OFFLOAD: 0x4000,
  HW_OFFLOAD: 0x8000,
} as const;

/** A block of words: presence bits in the first two, the fields of a flow or an expectation behind. */
export interface Register {
  readonly words: Uint32Array;
  readonly bytes: Uint8Array;
}

/** Where a tuple lies in a register: word offsets. */
export interface TupleWords {
  /** Its attribute in a kernel message. */
  readonly type: number;
  readonly src: number;
  readonly dst: number;
  readonly l4Src: number;
  readonly l4Dst: number;
  readonly protocol: number;
  readonly family: number;
  readonly zone: number;
  /** 0: the tuple has no zone of its own. */
  readonly hasZone: number;
  /** Presence bits, of the first word: addresses and protocol, and the l4 part. */
  readonly has: number;
  readonly hasL4: number;
}

export const ORIG_TUPLE: TupleWords = {
  type: 1,
  src: W.origSrc,
  dst: W.origDst,
  l4Src: W.origL4Src,
  l4Dst: W.origL4Dst,
  protocol: W.protocol,
  family: W.family,
  zone: W.zoneOrig,
  hasZone: Has0.zoneOrig,
  has: Has0.orig,
  hasL4: Has0.origL4,
};
export const REPLY_TUPLE: TupleWords = {
  type: 2,
  src: W.replySrc,
  dst: W.replyDst,
  l4Src: W.replyL4Src,
  l4Dst: W.replyL4Dst,
  protocol: W.protocol,
  family: W.family,
  zone: W.zoneReply,
  hasZone: Has0.zoneReply,
  has: Has0.reply,
  hasL4: Has0.replyL4,
};
export const MASTER_TUPLE: TupleWords = {
  type: 14,
  src: W.masterSrc,
  dst: W.masterDst,
  l4Src: W.masterL4Src,
  l4Dst: W.masterL4Dst,
  protocol: W.masterProtocol,
  family: W.masterFamily,
  zone: 0,
  hasZone: 0,
  has: Has0.master,
  hasL4: Has0.masterL4,
};

/** One unpacked flow. `words` and `bytes` are two views of the same memory. */
export class FlowRegister implements Register {
  readonly words: Uint32Array;
  readonly bytes: Uint8Array;

  constructor() {
    this.words = new Uint32Array(REGISTER_WORDS);
    this.bytes = new Uint8Array(this.words.buffer);
  }

  /** Forget the flow. Wiped is what is read without asking for a presence bit: bits, l4 parts, zones. */
  clear(): void {
    const words = this.words;
    words[W.has0] = words[W.has1] = 0;
    words[W.family] = words[W.protocol] = 0;
    words[W.origL4Src] = words[W.origL4Dst] = 0;
    words[W.replyL4Src] = words[W.replyL4Dst] = 0;
    words[W.zone] = words[W.zoneOrig] = words[W.zoneReply] = 0;
  }

  has0(bits: number): boolean {
    return (this.words[W.has0]! & bits) !== 0;
  }

  has1(bits: number): boolean {
    return (this.words[W.has1]! & bits) !== 0;
  }

  copyFrom(other: FlowRegister): void {
    this.words.set(other.words);
  }
}

/** Whether the protocol's tuple holds two ports (GRE keys count as ports, as they do in the kernel). */
export function hasPorts(protocol: number): boolean {
  return (
    protocol === IPPROTO_TCP ||
    protocol === IPPROTO_UDP ||
    protocol === IPPROTO_SCTP ||
    protocol === IPPROTO_DCCP ||
    protocol === IPPROTO_UDPLITE ||
    protocol === IPPROTO_GRE
  );
}

export function isIcmp(protocol: number): boolean {
  return protocol === IPPROTO_ICMP || protocol === IPPROTO_ICMPV6;
}
