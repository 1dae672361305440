/**
 * What the tables of wire attributes are made of: rows that write and read one attribute each.
 *
 * An attribute is `length (BE16), id (BE16), value, zero padding`; the length leaves the padding out.
 * Everything is written and read as whole 32-bit words, so both ends must be aligned to four: the
 * receive path copies a message that is not. The tables stand in wire-table.ts and expectation-wire.ts.
 *
 * Described in: doc/sync/wire.md.
 */
import { swap16, swap32 } from "../kit/bytes.ts";
import {
  AF_INET,
  IPPROTO_DCCP,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  type Register,
  W,
} from "./register.ts";

/** Appends the attribute at word `at` and returns the end. `r` is the register's words. */
type Encode = (r: Uint32Array, out: Int32Array, at: number) => number;
/** Reads the value at word `at`; `size` is its length in bytes. False means malformed. */
type Decode = (register: Register, words: Int32Array, at: number, size: number) => boolean;

export interface WireRow {
  readonly id: number;
  readonly name: string;
  /** Length of the attribute with its header, without padding; the maximum where it varies. */
  readonly length: number;
  readonly varies: boolean;
  /** Presence bits of `has0` that must all be set for the attribute to be sent. */
  readonly needs: number;
  readonly encode: Encode;
  readonly decode: Decode;
}

/** The header word of an attribute, as it lies in memory on a little-endian host. */
export function header(length: number, id: number): number {
  return swap16(length) | (swap16(id) << 16);
}

export function row(
  id: number,
  name: string,
  length: number,
  needs: number,
  encode: Encode,
  decode: Decode,
  varies = false,
): WireRow {
  return { id, name, length, varies, needs, encode, decode };
}

export function u8(
  id: number,
  name: string,
  word: number,
  needs: number,
  only?: (r: Uint32Array) => boolean,
) {
  const head = header(5, id);
  return row(
    id,
    name,
    5,
    needs,
    (r, out, at) => {
      if (only !== undefined && !only(r)) return at;
      out[at] = head;
      out[at + 1] = r[word]! & 0xff;
      return at + 2;
    },
    (register, words, at) => {
      register.words[word] = words[at]! & 0xff;
      register.words[W.has0]! |= needs;
      return true;
    },
  );
}

export function be32(id: number, name: string, word: number, needs: number, has = needs): WireRow {
  const head = header(8, id);
  return row(
    id,
    name,
    8,
    needs,
    (r, out, at) => {
      out[at] = head;
      out[at + 1] = swap32(r[word]!);
      return at + 2;
    },
    (register, words, at) => {
      register.words[word] = swap32(words[at]!);
      register.words[W.has0]! |= has;
      return true;
    },
  );
}

/** Source and destination address together; sets the family it is named after. */
export function addressPair(
  id: number,
  name: string,
  family: number,
  at: { readonly family: number; readonly src: number; readonly dst: number },
  needs: number,
): WireRow {
  const words = family === AF_INET ? 1 : 4;
  const head = header(4 + words * 8, id);
  return row(
    id,
    name,
    4 + words * 8,
    needs,
    (r, out, to) => {
      if (r[at.family] !== family) return to;
      out[to] = head;
      for (let i = 0; i < words; i++) {
        out[to + 1 + i] = r[at.src + i]!;
        out[to + 1 + words + i] = r[at.dst + i]!;
      }
      return to + 1 + words * 2;
    },
    (register, source, from) => {
      // Both families in one message would mix their bytes: refused.
      const seen = register.words[at.family]!;
      if (seen !== 0 && seen !== family) return false;
      register.words[at.family] = family;
      for (let i = 0; i < words; i++) {
        register.words[at.src + i] = source[from + i]!;
        register.words[at.dst + i] = source[from + words + i]!;
      }
      return true;
    },
  );
}

export function portPair(
  id: number,
  name: string,
  src: number,
  dst: number,
  needs: number,
  has: number,
  only?: (r: Uint32Array) => boolean,
): WireRow {
  const head = header(8, id);
  return row(
    id,
    name,
    8,
    needs,
    (r, out, at) => {
      if (only !== undefined && !only(r)) return at;
      out[at] = head;
      out[at + 1] = swap16(r[src]!) | (swap16(r[dst]!) << 16);
      return at + 2;
    },
    (register, words, at) => {
      const pair = words[at]!;
      register.words[src] = swap16(pair);
      register.words[dst] = swap16(pair >>> 16);
      register.words[W.has0]! |= has;
      return true;
    },
  );
}

/** Whether the wire carries the protocol's ports. GRE keys and UDP-Lite ports have no attribute. */
export function hasWirePorts(protocol: number): boolean {
  return (
    protocol === IPPROTO_TCP ||
    protocol === IPPROTO_UDP ||
    protocol === IPPROTO_SCTP ||
    protocol === IPPROTO_DCCP
  );
}

const helperBytes = new WeakMap<ArrayBufferLike, Uint8Array>();

/** A byte view of a word array, made once for each buffer. */
function bytesOf(words: Int32Array | Uint32Array): Uint8Array {
  let view = helperBytes.get(words.buffer);
  if (view === undefined) {
    view = new Uint8Array(words.buffer);
    helperBytes.set(words.buffer, view);
  }
  return view;
}

/** A name in a register: where it lies, and how much of it a receiver of the reference takes. */
export interface NameField {
  readonly word: number;
  readonly lengthWord: number;
  /** Characters that travel; a longer name stays at home. */
  readonly max: number;
  readonly has: number;
}

/** A name with its NUL. `length` is the limit of the attribute, header included. */
export function name(id: number, label: string, length: number, field: NameField): WireRow {
  return row(
    id,
    label,
    length,
    field.has,
    (r, out, at) => {
      const size = r[field.lengthWord]!;
      if (size > field.max) return at;
      out[at] = header(4 + size + 1, id);
      const words = (size + 4) >> 2;
      for (let i = 0; i < words; i++) {
        const rest = size - i * 4;
        const word = r[field.word + i]!;
        out[at + 1 + i] = rest >= 4 ? word : word & ((1 << (rest * 8)) - 1);
      }
      return at + 1 + words;
    },
    (register, words, at, size) => {
      const source = bytesOf(words);
      const start = words.byteOffset + at * 4;
      let end = 0;
      while (end < size && source[start + end] !== 0) end += 1;
      if (end === 0 || end === size) return false; // Empty, or no NUL inside the attribute.
      for (let i = 0; i < end; i++) register.bytes[field.word * 4 + i] = source[start + i]!;
      register.words[field.lengthWord] = end;
      register.words[W.has0]! |= field.has;
      return true;
    },
    true,
  );
}

/** The rows of a table by id. */
export function rowsById(table: readonly WireRow[]): readonly WireRow[] {
  const rows: WireRow[] = [];
  for (const each of table) rows[each.id] = each;
  return rows;
}

/**
 * Read the attributes between word `at` and byte `bytes` further on. False: an id that is not of the
 * table, a wrong length, a value that cannot be.
 */
export function decodeRows(
  rows: readonly WireRow[],
  r: Register,
  words: Int32Array,
  at: number,
  bytes: number,
): boolean {
  let left = bytes;
  let here = at;
  while (left > 4) {
    const head = words[here]!;
    const length = swap16(head);
    const id = swap16(head >>> 16);
    if (length > left || length < 4 || id >= rows.length) return false;
    const each = rows[id]!;
    if (each.varies ? length > each.length : length !== each.length) return false;
    if (!each.decode(r, words, here + 1, length - 4)) return false;
    const step = (length + 3) & ~3;
    left -= step;
    here += step >> 2;
  }
  return true;
}
