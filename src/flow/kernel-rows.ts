/**
 * What the tables of ctnetlink attributes are made of: rows that read kernel bytes into a register.
 *
 * Unknown attributes are skipped, so that the next kernel does not break us. A malformed attribute
 * is a value (`false`), not an exception. The tables stand in kernel-table.ts and expectation-kernel.ts.
 */
import { align4 } from "../kit/bytes.ts";
import { NLA_TYPE_MASK, readBe16, readBe32, readI32, readU16 } from "../netlink/message.ts";
import { AF_INET, AF_INET6, type Register, type TupleWords, W } from "./register.ts";

/** Reads `size` payload bytes at `at`; false means malformed. */
type Decode = (r: Register, b: Uint8Array, at: number, size: number) => boolean;

export interface Row {
  readonly type: number;
  readonly name: string;
  readonly decode: Decode;
}

/** Rows by attribute type, for a look-up without a search. */
export type Table = readonly (Row | undefined)[];

export function table(rows: readonly Row[]): Table {
  const byType: (Row | undefined)[] = [];
  for (const row of rows) byType[row.type] = row;
  return Array.from(byType);
}

export function row(type: number, name: string, decode: Decode): Row {
  return { type, name, decode };
}

export function u8(type: number, name: string, word: number, has0: number): Row {
  return row(type, name, (r, b, at, size) => {
    if (size < 1) return false;
    r.words[word] = b[at]!;
    r.words[W.has0]! |= has0;
    return true;
  });
}

export function be16(type: number, name: string, word: number, has0: number): Row {
  return row(type, name, (r, b, at, size) => {
    if (size < 2) return false;
    r.words[word] = readBe16(b, at);
    r.words[W.has0]! |= has0;
    return true;
  });
}

export function be32(type: number, name: string, word: number, has0: number, has1 = 0): Row {
  return row(type, name, (r, b, at, size) => {
    if (size < 4) return false;
    r.words[word] = readBe32(b, at);
    r.words[W.has0]! |= has0;
    r.words[W.has1]! |= has1;
    return true;
  });
}

/** Low word at `word`, high word behind it. */
export function be64(type: number, name: string, word: number, has0: number, has1: number): Row {
  return row(type, name, (r, b, at, size) => {
    if (size < 8) return false;
    r.words[word + 1] = readBe32(b, at);
    r.words[word] = readBe32(b, at + 4);
    r.words[W.has0]! |= has0;
    r.words[W.has1]! |= has1;
    return true;
  });
}

/** An address; it tells the family of its tuple. */
function address(type: number, name: string, word: number, familyAt: number, family: number): Row {
  const size = family === AF_INET ? 4 : 16;
  return row(type, name, (r, b, at, length) => {
    if (length < size) return false;
    for (let i = 0; i < size; i += 4) r.words[word + (i >> 2)] = readI32(b, at + i);
    r.words[familyAt] = family;
    return true;
  });
}

export function nest(type: number, name: string, rows: Table, has0 = 0, has1 = 0): Row {
  return row(type, name, (r, b, at, size) => {
    r.words[W.has0]! |= has0;
    r.words[W.has1]! |= has1;
    return decodeAttributes(rows, r, b, at, at + size);
  });
}

/** Walk attributes between `at` and `end`. */
export function decodeAttributes(
  rows: Table,
  r: Register,
  b: Uint8Array,
  at: number,
  end: number,
): boolean {
  let here = at;
  while (here + 4 <= end) {
    const size = readU16(b, here);
    if (size < 4 || here + size > end) return false;
    const known = rows[readU16(b, here + 2) & NLA_TYPE_MASK];
    if (known !== undefined && !known.decode(r, b, here + 4, size - 4)) return false;
    here += align4(size);
  }
  return true;
}

/** ICMP type and code share the word of the destination port: `type << 8 | code`. */
function icmpPart(type: number, name: string, t: TupleWords, shift: 0 | 8): Row {
  return row(type, name, (r, b, at, size) => {
    if (size < 1) return false;
    const keep = r.words[t.l4Dst]! & (shift === 8 ? 0x00ff : 0xff00);
    r.words[t.l4Dst] = keep | (b[at]! << shift);
    r.words[W.has0]! |= t.hasL4;
    return true;
  });
}

/** The attributes inside a tuple nest. */
export function tupleTable(t: TupleWords): Table {
  const ip = table([
    address(1, "CTA_IP_V4_SRC", t.src, t.family, AF_INET),
    address(2, "CTA_IP_V4_DST", t.dst, t.family, AF_INET),
    address(3, "CTA_IP_V6_SRC", t.src, t.family, AF_INET6),
    address(4, "CTA_IP_V6_DST", t.dst, t.family, AF_INET6),
  ]);
  const proto = table([
    u8(1, "CTA_PROTO_NUM", t.protocol, t.has),
    be16(2, "CTA_PROTO_SRC_PORT", t.l4Src, t.hasL4),
    be16(3, "CTA_PROTO_DST_PORT", t.l4Dst, t.hasL4),
    be16(4, "CTA_PROTO_ICMP_ID", t.l4Src, t.hasL4),
    icmpPart(5, "CTA_PROTO_ICMP_TYPE", t, 8),
    icmpPart(6, "CTA_PROTO_ICMP_CODE", t, 0),
    be16(7, "CTA_PROTO_ICMPV6_ID", t.l4Src, t.hasL4),
    icmpPart(8, "CTA_PROTO_ICMPV6_TYPE", t, 8),
    icmpPart(9, "CTA_PROTO_ICMPV6_CODE", t, 0),
  ]);
  const rows = [nest(1, "CTA_TUPLE_IP", ip), nest(2, "CTA_TUPLE_PROTO", proto)];
  if (t.hasZone !== 0) rows.push(be16(3, "CTA_TUPLE_ZONE", t.zone, t.hasZone));
  return table(rows);
}

/** Bytes up to the first NUL, cut at `max`; the length goes to `lengthWord`. */
export function text(
  type: number,
  name: string,
  word: number,
  lengthWord: number,
  max: number,
  has0: number,
  has1: number,
): Row {
  return row(type, name, (r, b, at, size) => {
    let length = 0;
    while (length < size && length < max && b[at + length] !== 0) {
      r.bytes[word * 4 + length] = b[at + length]!;
      length += 1;
    }
    if (length === 0) return true;
    r.words[lengthWord] = length;
    r.words[W.has0]! |= has0;
    r.words[W.has1]! |= has1;
    return true;
  });
}
