/**
 * The attributes of a flow on the replication wire, one row each, both ways.
 *
 * Order of rows is order on the wire.
 *
 * The same bytes are what a cache stores (pack.ts): sending a cached flow is a copy.
 *
 * Described in: doc/sync/wire.md.
 */
import { swap16, swap32 } from "../kit/bytes.ts";
import {
  AF_INET,
  AF_INET6,
  type FlowRegister,
  Has0,
  isIcmp,
  LABEL_MAX_WORDS,
  type Register,
  W,
} from "./register.ts";
import { decodeUsualHead, encodeUsualHead } from "./wire-fast.ts";
import {
  addressPair,
  be32,
  decodeRows,
  hasWirePorts,
  header,
  name,
  portPair,
  row,
  rowsById,
  u8,
  type WireRow,
} from "./wire-rows.ts";

/** Longest helper name that a receiver of the reference takes: its limit of 16 counts the header and the NUL. */
export const WIRE_HELPER_MAX_BYTES = 11;
/** Longest label attribute that the reference's parser lets pass, header included. */
const WIRE_LABELS_MAX_BYTES = 1028;

/** One translated address. */
function natAddress(
  id: number,
  name: string,
  family: number,
  word: number,
  needs: number,
): WireRow {
  const words = family === AF_INET ? 1 : 4;
  const head = header(4 + words * 4, id);
  return row(
    id,
    name,
    4 + words * 4,
    needs,
    (r, out, at) => {
      if (r[W.family] !== family) return at;
      out[at] = head;
      for (let i = 0; i < words; i++) out[at + 1 + i] = r[word + i]!;
      return at + 1 + words;
    },
    (register, source, at) => {
      for (let i = 0; i < words; i++) register.words[word + i] = source[at + i]!;
      register.words[W.has0]! |= needs;
      return true;
    },
  );
}

/** 16 bits in reversed network order: what a little-endian reference puts on the wire (doc/sync/wire.md). */
function reversed16(
  id: number,
  name: string,
  word: number,
  needs: number,
  only?: (r: Uint32Array) => boolean,
) {
  const head = header(6, id);
  return row(
    id,
    name,
    6,
    needs,
    (r, out, at) => {
      if (only !== undefined && !only(r)) return at;
      out[at] = head;
      out[at + 1] = r[word]! & 0xffff;
      return at + 2;
    },
    (register, words, at) => {
      register.words[word] = words[at]! & 0xffff;
      register.words[W.has0]! |= needs;
      return true;
    },
  );
}

/** ICMP type and code are the two bytes of the destination-port word. */
function icmpByte(id: number, name: string, shift: 0 | 8): WireRow {
  const head = header(5, id);
  return row(
    id,
    name,
    5,
    Has0.origL4,
    (r, out, at) => {
      if (!isIcmp(r[W.protocol]!)) return at;
      out[at] = head;
      out[at + 1] = (r[W.origL4Dst]! >>> shift) & 0xff;
      return at + 2;
    },
    (register, words, at) => {
      const keep = register.words[W.origL4Dst]! & (shift === 8 ? 0x00ff : 0xff00);
      register.words[W.origL4Dst] = keep | ((words[at]! & 0xff) << shift);
      register.words[W.has0]! |= Has0.origL4;
      return true;
    },
  );
}

const FLOW = { family: W.family, src: W.origSrc, dst: W.origDst };
const MASTER = { family: W.masterFamily, src: W.masterSrc, dst: W.masterDst };

const natSequence: WireRow = row(
  16,
  "NAT_SEQ_ADJ",
  28,
  Has0.seqOrig | Has0.seqReply,
  (r, out, at) => {
    out[at] = header(28, 16);
    for (let i = 0; i < 6; i++) out[at + 1 + i] = swap32(r[W.seqOrigPosition + i]!);
    return at + 7;
  },
  (register, words, at) => {
    for (let i = 0; i < 6; i++) register.words[W.seqOrigPosition + i] = swap32(words[at + i]!);
    register.words[W.has0]! |= Has0.seqOrig | Has0.seqReply;
    return true;
  },
);

const HELPER = {
  word: W.helper,
  lengthWord: W.helperLength,
  max: WIRE_HELPER_MAX_BYTES,
  has: Has0.helper,
};

const labels: WireRow = row(
  28,
  "LABELS",
  WIRE_LABELS_MAX_BYTES,
  Has0.labels,
  (r, out, at) => {
    const count = r[W.labelWords]!;
    let any = 0;
    for (let i = 0; i < count; i++) any |= r[W.labels + i]!;
    if (any === 0) return at;
    out[at] = header(4 + count * 4, 28);
    for (let i = 0; i < count; i++) out[at + 1 + i] = swap32(r[W.labels + i]!);
    return at + 1 + count;
  },
  (register, words, at, size) => {
    const count = size >> 2;
    // An odd size, or more than the kernel can hold: the flow is kept without its labels.
    if (size === 0 || size % 4 !== 0 || count > LABEL_MAX_WORDS) return true;
    for (let i = 0; i < count; i++) register.words[W.labels + i] = swap32(words[at + i]!);
    register.words[W.labelWords] = count;
    register.words[W.has0]! |= Has0.labels;
    return true;
  },
  true,
);

const synproxy: WireRow = row(
  31,
  "SYNPROXY",
  16,
  Has0.synproxy,
  (r, out, at) => {
    out[at] = header(16, 31);
    out[at + 1] = swap32(r[W.synproxyIts]!);
    out[at + 2] = swap32(r[W.synproxyIsn]!);
    out[at + 3] = swap32(r[W.synproxyTsoff]!);
    return at + 4;
  },
  (register, words, at) => {
    register.words[W.synproxyIts] = swap32(words[at]!);
    register.words[W.synproxyIsn] = swap32(words[at + 1]!);
    register.words[W.synproxyTsoff] = swap32(words[at + 2]!);
    register.words[W.has0]! |= Has0.synproxy;
    return true;
  },
);

const zone: WireRow = row(
  32,
  "ZONE",
  6,
  Has0.zone,
  (r, out, at) => {
    out[at] = header(6, 32);
    out[at + 1] = swap16(r[W.zone]!);
    return at + 2;
  },
  (register, words, at) => {
    register.words[W.zone] = swap16(words[at]!);
    register.words[W.has0]! |= Has0.zone;
    return true;
  },
);

/** A word that is 0 where the register has no value: sent all the same. */
function always32(id: number, name: string, word: number, has: number): WireRow {
  const inner = be32(id, name, word, 0, has);
  return {
    ...inner,
    encode: (r, out, at) => {
      out[at] = header(8, id);
      out[at + 1] = (r[W.has0]! & has) === 0 ? 0 : swap32(r[word]!);
      return at + 2;
    },
  };
}

function vtag(id: number, name: string, word: number, has: number): WireRow {
  return { ...always32(id, name, word, has), needs: Has0.sctpState };
}

/** Rows in the order of the wire. */
export const wireTable: readonly WireRow[] = [
  addressPair(0, "IPV4", AF_INET, FLOW, 0),
  addressPair(1, "IPV6", AF_INET6, FLOW, 0),
  always32(5, "STATUS", W.status, Has0.status),
  { ...u8(2, "L4PROTO", W.protocol, 0), decode: decodeProtocol },
  portPair(3, "PORT", W.origL4Src, W.origL4Dst, 0, Has0.origL4, (r) =>
    hasWirePorts(r[W.protocol]!),
  ),
  u8(4, "TCP_STATE", W.tcpState, Has0.tcpState),
  u8(25, "TCP_WSCALE_ORIG", W.wscaleOrig, Has0.wscaleOrig, hasTcpState),
  u8(26, "TCP_WSCALE_REPL", W.wscaleReply, Has0.wscaleReply, hasTcpState),
  u8(17, "SCTP_STATE", W.sctpState, Has0.sctpState),
  vtag(18, "SCTP_VTAG_ORIG", W.sctpVtagOrig, Has0.sctpVtagOrig),
  vtag(19, "SCTP_VTAG_REPL", W.sctpVtagReply, Has0.sctpVtagReply),
  u8(20, "DCCP_STATE", W.dccpState, Has0.dccpState),
  u8(21, "DCCP_ROLE", W.dccpRole, Has0.dccpRole, (r) => (r[W.has0]! & Has0.dccpState) !== 0),
  icmpByte(22, "ICMP_TYPE", 8),
  icmpByte(23, "ICMP_CODE", 0),
  reversed16(24, "ICMP_ID", W.origL4Src, Has0.origL4, (r) => isIcmp(r[W.protocol]!)),
  be32(6, "TIMEOUT", W.timeout, Has0.timeout),
  be32(7, "MARK", W.mark, Has0.mark),
  addressPair(8, "MASTER_IPV4", AF_INET, MASTER, Has0.master),
  addressPair(9, "MASTER_IPV6", AF_INET6, MASTER, Has0.master),
  u8(10, "MASTER_L4PROTO", W.masterProtocol, Has0.master),
  portPair(
    11,
    "MASTER_PORT",
    W.masterL4Src,
    W.masterL4Dst,
    Has0.master | Has0.masterL4,
    Has0.masterL4,
  ),
  natAddress(12, "SNAT_IPV4", AF_INET, W.snat, Has0.snat),
  natAddress(29, "SNAT_IPV6", AF_INET6, W.snat, Has0.snat),
  natAddress(13, "DNAT_IPV4", AF_INET, W.dnat, Has0.dnat),
  natAddress(30, "DNAT_IPV6", AF_INET6, W.dnat, Has0.dnat),
  reversed16(14, "SPAT_PORT", W.snatPort, Has0.snatPort),
  reversed16(15, "DPAT_PORT", W.dnatPort, Has0.dnatPort),
  natSequence,
  name(27, "HELPER_NAME", 16, HELPER),
  labels,
  synproxy,
  zone,
];

function hasTcpState(r: Uint32Array): boolean {
  return (r[W.has0]! & Has0.tcpState) !== 0;
}

/** Marks the original tuple as present; `decodeWireFlow` checks that the addresses came too. */
function decodeProtocol(register: Register, words: Int32Array, at: number): boolean {
  register.words[W.protocol] = words[at]! & 0xff;
  register.words[W.has0]! |= Has0.orig;
  return true;
}

const byId = rowsById(wireTable);

/** The first row behind the mark, where the fast path ends, and what the rows from there on need. */
const TAIL = wireTable.findIndex(({ name }) => name === "MARK") + 1;
const TAIL_BITS = wireTable.slice(TAIL).reduce((all, { needs }) => all | needs, 0);

/** Fields that a configuration may keep off the wire. */
export interface WirePolicy {
  /** False with `CommitTimeout`: no TIMEOUT attribute. */
  readonly timeout: boolean;
  /** `TCPWindowTracking`: the window scales travel. */
  readonly windowScale: boolean;
}

/** The presence bits that a policy lets pass. */
export function policyMask(policy: WirePolicy): number {
  let mask = -1;
  if (!policy.timeout) mask &= ~Has0.timeout;
  if (!policy.windowScale) mask &= ~(Has0.wscaleOrig | Has0.wscaleReply);
  return mask;
}

/** Everything that the wire can hold. */
export const WIRE_EVERYTHING = -1;

/**
 * Write the attributes of a flow at word `at` of `out`; returns the word behind the last one.
 * `mask` is a `policyMask`. `out` must have room for `WIRE_FLOW_MAX_WORDS`.
 */
export function encodeWireFlow(r: FlowRegister, mask: number, out: Int32Array, at: number): number {
  const words = r.words;
  const has = words[W.has0]! & mask;
  const head = encodeUsualHead(words, has, out, at);
  if (head < 0) return encodeRows(words, has, out, at, 0);
  return (has & TAIL_BITS) === 0 ? head : encodeRows(words, has, out, head, TAIL);
}

/** The rows from number `first` on. */
function encodeRows(
  r: Uint32Array,
  has: number,
  out: Int32Array,
  at: number,
  first: number,
): number {
  let end = at;
  for (let i = first; i < wireTable.length; i++) {
    const each = wireTable[i]!;
    if ((has & each.needs) === each.needs) end = each.encode(r, out, end);
  }
  return end;
}

/** Write a flow with the rows alone: what the fast path is compared with. */
export function encodeWireRows(r: FlowRegister, mask: number, out: Int32Array, at: number): number {
  return encodeRows(r.words, r.words[W.has0]! & mask, out, at, 0);
}

/** Upper bound of one encoded flow, in words: IPv6, related, NAT both ways, helper, labels. */
export const WIRE_FLOW_MAX_WORDS = 96;

/**
 * Read the attributes between word `at` and byte `bytes` further on into a cleared register.
 * False: the message must not be applied (unknown id, wrong length, no addresses or no protocol).
 */
export function decodeWireFlow(
  r: FlowRegister,
  words: Int32Array,
  at: number,
  bytes: number,
): boolean {
  r.clear();
  const head = decodeUsualHead(r, words, at, bytes);
  return decodeRest(r, words, at + head, bytes - head * 4);
}

/** Read a flow with the rows alone: what the fast path is compared with. */
export function decodeWireRows(
  r: FlowRegister,
  words: Int32Array,
  at: number,
  bytes: number,
): boolean {
  r.clear();
  return decodeRest(r, words, at, bytes);
}

/** What the rows find, behind what is there already; then whether it makes a flow. */
function decodeRest(r: FlowRegister, words: Int32Array, at: number, bytes: number): boolean {
  const register = r.words;
  register[W.masterFamily] = 0;
  register[W.masterProtocol] = 0;
  if (!decodeRows(byId, r, words, at, bytes)) return false;
  if (register[W.family] === 0 || (register[W.has0]! & Has0.orig) === 0) return false;
  if (register[W.masterFamily] !== 0) register[W.has0]! |= Has0.master;
  else register[W.has0]! &= ~(Has0.master | Has0.masterL4);
  if (!isIcmp(register[W.protocol]!) && !hasWirePorts(register[W.protocol]!)) {
    register[W.has0]! &= ~Has0.origL4;
  }
  return true;
}
