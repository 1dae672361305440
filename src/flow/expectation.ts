/**
 * The expectation register: one unpacked expectation in one preallocated block of words.
 *
 * The hub of its formats, as the flow register is of a flow's: kernel and wire bytes, packed form, text
 * and XML read from it or write to it. Presence bits stand in the first word; the second stays empty,
 * so that a row of an attribute table serves both kinds of register. Numbers are host order, addresses
 * raw network-order bytes in four words (an IPv4 address fills the first).
 *
 * Described in: doc/flow.md, "Expectations".
 */
import type { Register, TupleWords } from "./register.ts";

/** Words of one tuple: family, protocol, source, destination, and the two halves of its l4 part. */
const TUPLE_WORDS = 12;
const EXPECTED_AT = 2;
const MASK_AT = EXPECTED_AT + TUPLE_WORDS;
const MASTER_AT = MASK_AT + TUPLE_WORDS;
const NAT_AT = MASTER_AT + TUPLE_WORDS;
const SCALARS_AT = NAT_AT + TUPLE_WORDS;

/** Word offsets of the fields that are not part of a tuple. */
export const X = {
  /** Presence bits, see `HasX`. */
  has: 0,
  /** Which direction of the expected flow is translated: 0 original, 1 reply. */
  natDirection: SCALARS_AT,
  /** Seconds. */
  timeout: SCALARS_AT + 1,
  id: SCALARS_AT + 2,
  zone: SCALARS_AT + 3,
  /** `ExpectationFlag` bits. */
  flags: SCALARS_AT + 4,
  /** Which of its helper's policies the expectation falls under. */
  class: SCALARS_AT + 5,
  /** Lengths in bytes of the names below, without a terminating NUL. */
  helperLength: SCALARS_AT + 6,
  fnLength: SCALARS_AT + 7,
  /** 16 bytes. */
  helper: SCALARS_AT + 8,
  /** 32 bytes: the name of the function that sees to the expected flow, for example its translation. */
  fn: SCALARS_AT + 12,
} as const;

/** Size of an expectation register in words. */
export const EXPECTATION_WORDS = SCALARS_AT + 20;

export const EXPECTATION_HELPER_MAX_BYTES = 15;
export const EXPECTATION_FN_MAX_BYTES = 31;

/** Presence bits of the first word. */
export const HasX = {
  expected: 1 << 0,
  expectedL4: 1 << 1,
  mask: 1 << 2,
  maskL4: 1 << 3,
  master: 1 << 4,
  masterL4: 1 << 5,
  /** The tuple that the translation starts from; never without its direction. */
  nat: 1 << 6,
  natL4: 1 << 7,
  natDirection: 1 << 8,
  timeout: 1 << 9,
  id: 1 << 10,
  zone: 1 << 11,
  flags: 1 << 12,
  class: 1 << 13,
  helper: 1 << 14,
  fn: 1 << 15,
} as const;

/** Kernel flags (`NF_CT_EXPECT_*`). */
export const ExpectationFlag = { PERMANENT: 1, INACTIVE: 2, USERSPACE: 4 } as const;

function tupleAt(base: number, type: number, has: number, hasL4: number): TupleWords {
  return {
    type,
    family: base,
    protocol: base + 1,
    src: base + 2,
    dst: base + 6,
    l4Src: base + 10,
    l4Dst: base + 11,
    zone: 0,
    hasZone: 0,
    has,
    hasL4,
  };
}

export const EXPECTED_TUPLE = tupleAt(EXPECTED_AT, 2, HasX.expected, HasX.expectedL4);
export const MASK_TUPLE = tupleAt(MASK_AT, 3, HasX.mask, HasX.maskL4);
export const MASTER_FLOW_TUPLE = tupleAt(MASTER_AT, 1, HasX.master, HasX.masterL4);
export const NAT_TUPLE = tupleAt(NAT_AT, 2, HasX.nat, HasX.natL4);

/** The tuples that every expectation has. */
export const IDENTITY_TUPLES: readonly TupleWords[] = [
  MASTER_FLOW_TUPLE,
  EXPECTED_TUPLE,
  MASK_TUPLE,
];
export const ALL_TUPLES: readonly TupleWords[] = [...IDENTITY_TUPLES, NAT_TUPLE];

/** One unpacked expectation. `words` and `bytes` are two views of the same memory. */
export class ExpectationRegister implements Register {
  readonly words: Uint32Array;
  readonly bytes: Uint8Array;

  constructor() {
    this.words = new Uint32Array(EXPECTATION_WORDS);
    this.bytes = new Uint8Array(this.words.buffer);
  }

  /** Forget the expectation. Names stay in memory; their lengths do not. */
  clear(): void {
    this.words.fill(0, 0, X.helper);
  }

  has(bits: number): boolean {
    return (this.words[X.has]! & bits) !== 0;
  }

  copyFrom(other: ExpectationRegister): void {
    this.words.set(other.words);
  }
}

/**
 * Settle what a decoder has read: false when a tuple is missing or the families differ. A translation
 * is kept only whole, and an l4 part only where `hasL4Part` knows the protocol to have one.
 */
export function settleExpectation(
  r: ExpectationRegister,
  hasL4Part: (protocol: number) => boolean,
): boolean {
  const { words } = r;
  const family = words[EXPECTED_TUPLE.family]!;
  for (const tuple of IDENTITY_TUPLES) {
    if ((words[X.has]! & tuple.has) === 0 || words[tuple.family] !== family) return false;
  }
  if (family === 0) return false;
  const translation = HasX.nat | HasX.natDirection;
  const natFamily = words[NAT_TUPLE.family]!;
  if ((words[X.has]! & translation) !== translation || (natFamily !== 0 && natFamily !== family)) {
    words[X.has]! &= ~(translation | HasX.natL4);
  }
  // A translation without an address, which the wire lacks for IPv6, starts from none.
  else words[NAT_TUPLE.family] = family;
  for (const tuple of ALL_TUPLES) {
    if (hasL4Part(words[tuple.protocol]!) && (words[X.has]! & tuple.hasL4) !== 0) continue;
    words[X.has]! &= ~tuple.hasL4;
    words[tuple.l4Src] = words[tuple.l4Dst] = 0;
  }
  return true;
}
