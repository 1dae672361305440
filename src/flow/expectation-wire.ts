/**
 * The attributes of an expectation on the replication wire, one row each, both ways.
 *
 * Order of rows is order on the wire. The wire has no zone, no id, and no address of an IPv6
 * translation; ports of all tuples travel when the master's protocol has ports.
 *
 * Described in: doc/sync/wire.md, "Expectations".
 */
import { swap32 } from "../kit/bytes.ts";
import {
  EXPECTED_TUPLE,
  type ExpectationRegister,
  HasX,
  MASK_TUPLE,
  MASTER_FLOW_TUPLE,
  NAT_TUPLE,
  settleExpectation,
  X,
} from "./expectation.ts";
import { AF_INET, AF_INET6, type TupleWords } from "./register.ts";
import {
  addressPair,
  be32,
  decodeRows,
  hasWirePorts,
  header,
  name,
  portPair,
  rowsById,
  u8,
  type WireRow,
} from "./wire-rows.ts";

/** Longest names that a receiver of the reference takes: its limits of 16 and 32 count header and NUL. */
export const EXPECTATION_WIRE_HELPER_MAX_BYTES = 11;
export const EXPECTATION_WIRE_FN_MAX_BYTES = 27;

const HELPER = {
  word: X.helper,
  lengthWord: X.helperLength,
  max: EXPECTATION_WIRE_HELPER_MAX_BYTES,
  has: HasX.helper,
};
const FN = {
  word: X.fn,
  lengthWord: X.fnLength,
  max: EXPECTATION_WIRE_FN_MAX_BYTES,
  has: HasX.fn,
};

/** Ports travel for every tuple of an expectation whose master has ports; zeros where there are none. */
function ports(id: number, label: string, t: TupleWords, needs: number): WireRow {
  const known = portPair(id, label, t.l4Src, t.l4Dst, needs, t.hasL4);
  return {
    ...known,
    encode: (r, out, at) => {
      if (!hasWirePorts(r[MASTER_FLOW_TUPLE.protocol]!)) return at;
      const end = known.encode(r, out, at);
      if (!hasWirePorts(r[t.protocol]!)) out[at + 1] = 0;
      return end;
    },
  };
}

/** FLAGS are 0 where the register has none. */
function flags(): WireRow {
  const known = be32(13, "FLAGS", X.flags, 0, HasX.flags);
  return {
    ...known,
    encode: (r, out, at) => {
      out[at] = header(8, 13);
      out[at + 1] = (r[X.has]! & HasX.flags) === 0 ? 0 : swap32(r[X.flags]!);
      return at + 2;
    },
  };
}

/** Rows in the order of the wire. */
export const expectationWireTable: readonly WireRow[] = [
  addressPair(0, "MASTER_IPV4", AF_INET, MASTER_FLOW_TUPLE, 0),
  addressPair(1, "MASTER_IPV6", AF_INET6, MASTER_FLOW_TUPLE, 0),
  u8(2, "MASTER_L4PROTO", MASTER_FLOW_TUPLE.protocol, HasX.master),
  ports(3, "MASTER_PORT", MASTER_FLOW_TUPLE, 0),
  addressPair(4, "EXPECT_IPV4", AF_INET, EXPECTED_TUPLE, 0),
  addressPair(5, "EXPECT_IPV6", AF_INET6, EXPECTED_TUPLE, 0),
  u8(6, "EXPECT_L4PROTO", EXPECTED_TUPLE.protocol, HasX.expected),
  ports(7, "EXPECT_PORT", EXPECTED_TUPLE, 0),
  addressPair(8, "MASK_IPV4", AF_INET, MASK_TUPLE, 0),
  addressPair(9, "MASK_IPV6", AF_INET6, MASK_TUPLE, 0),
  u8(10, "MASK_L4PROTO", MASK_TUPLE.protocol, HasX.mask),
  ports(11, "MASK_PORT", MASK_TUPLE, 0),
  be32(12, "TIMEOUT", X.timeout, HasX.timeout),
  flags(),
  be32(14, "CLASS", X.class, HasX.class),
  addressPair(15, "NAT_IPV4", AF_INET, NAT_TUPLE, HasX.nat),
  u8(17, "NAT_L4PROTO", NAT_TUPLE.protocol, HasX.nat),
  ports(16, "NAT_PORT", NAT_TUPLE, HasX.nat),
  be32(18, "NAT_DIR", X.natDirection, HasX.natDirection),
  name(19, "HELPER_NAME", 16, HELPER),
  name(20, "FN", 32, FN),
];

const byId = rowsById(expectationWireTable);

/** Upper bound of one encoded expectation, in words: IPv6, NAT, both names. */
export const WIRE_EXPECTATION_MAX_WORDS = 72;

/**
 * Write the attributes of an expectation at word `at` of `out`; returns the word behind the last one.
 * `mask` holds the presence bits that may travel. `out` must have room for `WIRE_EXPECTATION_MAX_WORDS`.
 */
export function encodeWireExpectation(
  r: ExpectationRegister,
  mask: number,
  out: Int32Array,
  at: number,
): number {
  const { words } = r;
  const has = words[X.has]! & mask;
  let end = at;
  for (let i = 0; i < expectationWireTable.length; i++) {
    const each = expectationWireTable[i]!;
    if ((has & each.needs) === each.needs) end = each.encode(words, out, end);
  }
  return end;
}

/**
 * Read the attributes between word `at` and byte `bytes` further on.
 * False: the message must not be applied (unknown id, wrong length, a tuple missing, families mixed).
 */
export function decodeWireExpectation(
  r: ExpectationRegister,
  words: Int32Array,
  at: number,
  bytes: number,
): boolean {
  r.clear();
  // Ports of a protocol that has none on the wire are whatever the sender's memory held.
  return decodeRows(byId, r, words, at, bytes) && settleExpectation(r, hasWirePorts);
}
