/**
 * Expectations in ctnetlink: the CTA_EXPECT_* attributes, both ways, and the requests made of them.
 *
 * Source: linux/netfilter/nfnetlink_conntrack.h, checked against Linux 6.18; doc/flow.md.
 */
import {
  IPCTNL_MSG_EXP_DELETE,
  IPCTNL_MSG_EXP_GET,
  IPCTNL_MSG_EXP_NEW,
  type MessageWriter,
  NLM_F_ACK,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
  NLM_F_REQUEST,
} from "../netlink/message.ts";
import {
  EXPECTATION_FN_MAX_BYTES,
  EXPECTATION_HELPER_MAX_BYTES,
  EXPECTED_TUPLE,
  type ExpectationRegister,
  HasX,
  MASK_TUPLE,
  MASTER_FLOW_TUPLE,
  NAT_TUPLE,
  settleExpectation,
  X,
} from "./expectation.ts";
import { encodeTuple } from "./kernel-encode.ts";
import {
  be16,
  be32,
  decodeAttributes,
  nest,
  type Table,
  table,
  text,
  tupleTable,
} from "./kernel-rows.ts";
import { hasPorts, isIcmp } from "./register.ts";

/** Every CTA_EXPECT_* attribute. */
const expectationTable: Table = table([
  nest(1, "CTA_EXPECT_MASTER", tupleTable(MASTER_FLOW_TUPLE)),
  nest(2, "CTA_EXPECT_TUPLE", tupleTable(EXPECTED_TUPLE)),
  nest(3, "CTA_EXPECT_MASK", tupleTable(MASK_TUPLE)),
  be32(4, "CTA_EXPECT_TIMEOUT", X.timeout, HasX.timeout),
  be32(5, "CTA_EXPECT_ID", X.id, HasX.id),
  text(
    6,
    "CTA_EXPECT_HELP_NAME",
    X.helper,
    X.helperLength,
    EXPECTATION_HELPER_MAX_BYTES,
    HasX.helper,
    0,
  ),
  be16(7, "CTA_EXPECT_ZONE", X.zone, HasX.zone),
  be32(8, "CTA_EXPECT_FLAGS", X.flags, HasX.flags),
  be32(9, "CTA_EXPECT_CLASS", X.class, HasX.class),
  nest(
    10,
    "CTA_EXPECT_NAT",
    table([
      be32(1, "CTA_EXPECT_NAT_DIR", X.natDirection, HasX.natDirection),
      nest(2, "CTA_EXPECT_NAT_TUPLE", tupleTable(NAT_TUPLE)),
    ]),
  ),
  text(11, "CTA_EXPECT_FN", X.fn, X.fnLength, EXPECTATION_FN_MAX_BYTES, HasX.fn, 0),
]);

/**
 * Read the attributes of one expectation message (behind `struct nfgenmsg`).
 * False when the bytes are malformed or one of the three tuples is missing.
 */
export function decodeKernelExpectation(
  r: ExpectationRegister,
  bytes: Uint8Array,
  at: number,
  end: number,
): boolean {
  r.clear();
  if (!decodeAttributes(expectationTable, r, bytes, at, end)) return false;
  return settleExpectation(r, (protocol) => hasPorts(protocol) || isIcmp(protocol));
}

/** Every attribute of the register, in the order of the kernel's messages. */
export function encodeKernelExpectation(w: MessageWriter, r: ExpectationRegister): void {
  const { words } = r;
  encodeTuple(w, r, EXPECTED_TUPLE);
  encodeTuple(w, r, MASK_TUPLE);
  encodeTuple(w, r, MASTER_FLOW_TUPLE);
  if (r.has(HasX.nat)) {
    const nat = w.beginNest(10);
    w.be32(1, words[X.natDirection]!);
    encodeTuple(w, r, NAT_TUPLE);
    w.endNest(nat);
  }
  if (r.has(HasX.timeout)) w.be32(4, words[X.timeout]!);
  if (r.has(HasX.id)) w.be32(5, words[X.id]!);
  if (r.has(HasX.zone)) w.be16(7, words[X.zone]!);
  if (r.has(HasX.flags)) w.be32(8, words[X.flags]!);
  if (r.has(HasX.class)) w.be32(9, words[X.class]!);
  if (r.has(HasX.helper)) w.text(6, r.bytes, X.helper * 4, words[X.helperLength]!);
  if (r.has(HasX.fn)) w.text(11, r.bytes, X.fn * 4, words[X.fnLength]!);
}

/** Put an expectation into the kernel; it must not exist. The kernel allots ids itself. */
export function createExpectation(
  w: MessageWriter,
  r: ExpectationRegister,
  sequence: number,
  ack = false,
): void {
  const has = r.words[X.has]!;
  r.words[X.has] = has & ~HasX.id;
  begin(w, IPCTNL_MSG_EXP_NEW, NLM_F_CREATE | NLM_F_EXCL, r, sequence, ack);
  encodeKernelExpectation(w, r);
  w.end();
  r.words[X.has] = has;
}

/** Delete by the expected tuple and zone: never without the tuple, which would flush the table. */
export function deleteExpectation(
  w: MessageWriter,
  r: ExpectationRegister,
  sequence: number,
  ack = false,
): void {
  byTuple(w, IPCTNL_MSG_EXP_DELETE, r, sequence, ack);
}

/** Ask for one expectation by its expected tuple and zone. */
export function getExpectation(
  w: MessageWriter,
  r: ExpectationRegister,
  sequence: number,
  ack = false,
): void {
  byTuple(w, IPCTNL_MSG_EXP_GET, r, sequence, ack);
}

/** Ask for all expectations of a family; 0: all families. */
export function dumpExpectations(w: MessageWriter, family: number, sequence: number): void {
  w.begin(IPCTNL_MSG_EXP_GET, NLM_F_REQUEST | NLM_F_DUMP, sequence, family);
  w.end();
}

/** Delete every expectation of every family. */
export function flushExpectations(w: MessageWriter, sequence: number, ack = false): void {
  const flags = ack ? NLM_F_REQUEST | NLM_F_ACK : NLM_F_REQUEST;
  w.begin(IPCTNL_MSG_EXP_DELETE, flags, sequence, 0);
  w.end();
}

function byTuple(
  w: MessageWriter,
  type: number,
  r: ExpectationRegister,
  sequence: number,
  ack: boolean,
): void {
  begin(w, type, 0, r, sequence, ack);
  encodeTuple(w, r, EXPECTED_TUPLE);
  if (r.has(HasX.zone)) w.be16(7, r.words[X.zone]!);
  w.end();
}

function begin(
  w: MessageWriter,
  type: number,
  flags: number,
  r: ExpectationRegister,
  sequence: number,
  ack: boolean,
): void {
  const all = NLM_F_REQUEST | flags | (ack ? NLM_F_ACK : 0);
  w.begin(type, all, sequence, r.words[EXPECTED_TUPLE.family]!);
}
