/**
 * The attributes of a conntrack entry in ctnetlink, one row each: kernel bytes to register.
 *
 * Unknown attributes are skipped, so that the next kernel does not break us. A malformed attribute
 * is a value (`false`), not an exception. Requests are built in kernel-request.ts.
 *
 * Source: linux/netfilter/nfnetlink_conntrack.h, checked against Linux 6.18; doc/flow.md.
 */
import { readI32, readU16 } from "../netlink/message.ts";
import { decodeUsualTuple } from "./kernel-fast.ts";
import {
  be16,
  be32,
  be64,
  decodeAttributes,
  nest,
  type Row,
  row,
  type Table,
  table,
  text,
  tupleTable,
  u8,
} from "./kernel-rows.ts";
import {
  type FlowRegister,
  Has0,
  Has1,
  HELPER_INFO_MAX_BYTES,
  HELPER_MAX_BYTES,
  hasPorts,
  isIcmp,
  LABEL_MAX_WORDS,
  MASTER_TUPLE,
  ORIG_TUPLE,
  REPLY_TUPLE,
  SECCTX_MAX_BYTES,
  type TupleWords,
  W,
} from "./register.ts";

const tcp = table([
  u8(1, "CTA_PROTOINFO_TCP_STATE", W.tcpState, Has0.tcpState),
  u8(2, "CTA_PROTOINFO_TCP_WSCALE_ORIGINAL", W.wscaleOrig, Has0.wscaleOrig),
  u8(3, "CTA_PROTOINFO_TCP_WSCALE_REPLY", W.wscaleReply, Has0.wscaleReply),
  tcpFlags(4, "CTA_PROTOINFO_TCP_FLAGS_ORIGINAL", W.tcpFlagsOrig, Has0.tcpFlagsOrig),
  tcpFlags(5, "CTA_PROTOINFO_TCP_FLAGS_REPLY", W.tcpFlagsReply, Has0.tcpFlagsReply),
]);

function tcpFlags(type: number, name: string, word: number, has0: number): Row {
  return row(type, name, (r, b, at, size) => {
    if (size < 2) return false;
    r.words[word] = readU16(b, at);
    r.words[W.has0]! |= has0;
    return true;
  });
}

const protoinfo = table([
  nest(1, "CTA_PROTOINFO_TCP", tcp),
  nest(
    2,
    "CTA_PROTOINFO_DCCP",
    table([
      u8(1, "CTA_PROTOINFO_DCCP_STATE", W.dccpState, Has0.dccpState),
      u8(2, "CTA_PROTOINFO_DCCP_ROLE", W.dccpRole, Has0.dccpRole),
      be64(3, "CTA_PROTOINFO_DCCP_HANDSHAKE_SEQ", W.dccpHandshakeLow, Has0.dccpHandshake, 0),
    ]),
  ),
  nest(
    3,
    "CTA_PROTOINFO_SCTP",
    table([
      u8(1, "CTA_PROTOINFO_SCTP_STATE", W.sctpState, Has0.sctpState),
      be32(2, "CTA_PROTOINFO_SCTP_VTAG_ORIGINAL", W.sctpVtagOrig, Has0.sctpVtagOrig),
      be32(3, "CTA_PROTOINFO_SCTP_VTAG_REPLY", W.sctpVtagReply, Has0.sctpVtagReply),
    ]),
  ),
]);

function counters(type: number, name: string, word: number, has1: number): Row {
  const rows = table([
    be64(1, "CTA_COUNTERS_PACKETS", word, 0, has1),
    be64(2, "CTA_COUNTERS_BYTES", word + 2, 0, has1),
  ]);
  return nest(type, name, rows);
}

function sequence(type: number, name: string, word: number, has0: number): Row {
  const rows = table([
    be32(1, "CTA_SEQADJ_CORRECTION_POS", word, 0),
    be32(2, "CTA_SEQADJ_OFFSET_BEFORE", word + 1, 0),
    be32(3, "CTA_SEQADJ_OFFSET_AFTER", word + 2, has0),
  ]);
  return nest(type, name, rows);
}

const help = table([
  text(1, "CTA_HELP_NAME", W.helper, W.helperLength, HELPER_MAX_BYTES, Has0.helper, 0),
  row(2, "CTA_HELP_INFO", (r, b, at, size) => {
    const length = Math.min(size, HELPER_INFO_MAX_BYTES);
    for (let i = 0; i < length; i++) r.bytes[W.helperInfo * 4 + i] = b[at + i]!;
    r.words[W.helperInfoLength] = length;
    r.words[W.has1]! |= Has1.helperInfo;
    return true;
  }),
]);

/** Host-order words: bit n of the bitmap is bit n % 8 of byte n / 8. */
function labels(type: number, name: string, word: number, has0: number, has1: number): Row {
  return row(type, name, (r, b, at, size) => {
    const words = Math.min(size >> 2, LABEL_MAX_WORDS);
    if (words === 0) return true;
    for (let i = 0; i < words; i++) r.words[word + i] = readI32(b, at + i * 4);
    r.words[W.labelWords] = words;
    r.words[W.has0]! |= has0;
    r.words[W.has1]! |= has1;
    return true;
  });
}

/** NAT ranges: the first address and the first port; requests hold no wider range here. */
function nat(
  type: number,
  name: string,
  word: number,
  port: number,
  has0: number,
  portHas0: number,
) {
  const rows = table([
    natAddress(1, "CTA_NAT_V4_MINIP", word, 4, has0),
    nest(3, "CTA_NAT_PROTO", table([be16(1, "CTA_PROTONAT_PORT_MIN", port, portHas0)])),
    natAddress(4, "CTA_NAT_V6_MINIP", word, 16, has0),
  ]);
  return nest(type, name, rows);
}

function natAddress(type: number, name: string, word: number, size: 4 | 16, has0: number): Row {
  return row(type, name, (r, b, at, length) => {
    if (length < size) return false;
    for (let i = 0; i < size; i += 4) r.words[word + (i >> 2)] = readI32(b, at + i);
    r.words[W.has0]! |= has0;
    return true;
  });
}

const origTable = tupleTable(ORIG_TUPLE);
const replyTable = tupleTable(REPLY_TUPLE);

function tuple(type: number, name: string, target: TupleWords, rows: Table): Row {
  return row(
    type,
    name,
    (r, b, at, size) =>
      decodeUsualTuple(r, b, at, size, target) || decodeAttributes(rows, r, b, at, at + size),
  );
}

/** Read both tuples through the table alone: what the fast path is compared with. */
export const tupleTables: { readonly orig: Table; readonly reply: Table } = {
  orig: origTable,
  reply: replyTable,
};

/** Every CTA_* attribute of an entry. */
export const kernelTable: Table = table([
  tuple(1, "CTA_TUPLE_ORIG", ORIG_TUPLE, origTable),
  tuple(2, "CTA_TUPLE_REPLY", REPLY_TUPLE, replyTable),
  be32(3, "CTA_STATUS", W.status, Has0.status),
  nest(4, "CTA_PROTOINFO", protoinfo),
  nest(5, "CTA_HELP", help),
  nat(6, "CTA_NAT_SRC", W.snat, W.snatPort, Has0.snat, Has0.snatPort),
  be32(7, "CTA_TIMEOUT", W.timeout, Has0.timeout),
  be32(8, "CTA_MARK", W.mark, Has0.mark),
  counters(9, "CTA_COUNTERS_ORIG", W.packetsOrigLow, Has1.countersOrig),
  counters(10, "CTA_COUNTERS_REPLY", W.packetsReplyLow, Has1.countersReply),
  be32(11, "CTA_USE", W.use, 0, Has1.use),
  be32(12, "CTA_ID", W.id, 0, Has1.id),
  nat(13, "CTA_NAT_DST", W.dnat, W.dnatPort, Has0.dnat, Has0.dnatPort),
  nest(14, "CTA_TUPLE_MASTER", tupleTable(MASTER_TUPLE)),
  sequence(15, "CTA_SEQ_ADJ_ORIG", W.seqOrigPosition, Has0.seqOrig),
  sequence(16, "CTA_SEQ_ADJ_REPLY", W.seqReplyPosition, Has0.seqReply),
  be32(17, "CTA_SECMARK", W.secmark, 0, Has1.secmark),
  be16(18, "CTA_ZONE", W.zone, Has0.zone),
  nest(
    19,
    "CTA_SECCTX",
    table([text(1, "CTA_SECCTX_NAME", W.secctx, W.secctxLength, SECCTX_MAX_BYTES, 0, Has1.secctx)]),
  ),
  nest(
    20,
    "CTA_TIMESTAMP",
    table([
      be64(1, "CTA_TIMESTAMP_START", W.startLow, 0, Has1.start),
      be64(2, "CTA_TIMESTAMP_STOP", W.stopLow, 0, Has1.stop),
    ]),
  ),
  be32(21, "CTA_MARK_MASK", W.markMask, 0, Has1.markMask),
  labels(22, "CTA_LABELS", W.labels, Has0.labels, 0),
  labels(23, "CTA_LABELS_MASK", W.labelsMask, 0, Has1.labelsMask),
  nest(
    24,
    "CTA_SYNPROXY",
    table([
      be32(1, "CTA_SYNPROXY_ISN", W.synproxyIsn, 0),
      be32(2, "CTA_SYNPROXY_ITS", W.synproxyIts, 0),
      be32(3, "CTA_SYNPROXY_TSOFF", W.synproxyTsoff, Has0.synproxy),
    ]),
  ),
  be32(26, "CTA_STATUS_MASK", W.statusMask, 0, Has1.statusMask),
  be64(27, "CTA_TIMESTAMP_EVENT", W.eventTimeLow, 0, Has1.eventTime),
]);

/**
 * Read the attributes of one conntrack message (behind `struct nfgenmsg`) into a cleared register.
 * False when the bytes are malformed or hold no original tuple.
 */
export function decodeKernelFlow(
  r: FlowRegister,
  bytes: Uint8Array,
  at: number,
  end: number,
): boolean {
  r.clear();
  if (!decodeAttributes(kernelTable, r, bytes, at, end)) return false;
  if (!r.has0(Has0.orig) || r.words[W.family] === 0) return false;
  // A port-less protocol may still carry port attributes; they mean nothing.
  const protocol = r.words[W.protocol]!;
  if (!hasPorts(protocol) && !isIcmp(protocol)) {
    r.words[W.has0]! &= ~(Has0.origL4 | Has0.replyL4);
    r.words[W.origL4Src] = r.words[W.origL4Dst] = 0;
    r.words[W.replyL4Src] = r.words[W.replyL4Dst] = 0;
  }
  return true;
}
