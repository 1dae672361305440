/**
 * The packed expectation: what a cache stores. And its identity: master, expected and mask tuple, zone.
 *
 * First the attributes as they go on the wire, then a local part with what the wire loses: the presence
 * bits, a word that tells which fields follow, and the fields. `unpack(pack(expectation))` gives the
 * expectation back.
 *
 * Described in: doc/flow.md, "Expectations".
 */
import {
  ALL_TUPLES,
  EXPECTED_TUPLE,
  type ExpectationRegister,
  HasX,
  IDENTITY_TUPLES,
  MASTER_FLOW_TUPLE,
  NAT_TUPLE,
  X,
} from "./expectation.ts";
import {
  decodeWireExpectation,
  EXPECTATION_WIRE_FN_MAX_BYTES,
  EXPECTATION_WIRE_HELPER_MAX_BYTES,
  encodeWireExpectation,
} from "./expectation-wire.ts";
import { mix } from "./key.ts";
import type { Packed } from "./pack.ts";
import { AF_INET, AF_INET6 } from "./register.ts";
import { hasWirePorts } from "./wire-rows.ts";

/** A run of words that the wire may lose. `lost` tells whether it does, for a field that is present. */
interface LocalRun {
  readonly has: number;
  readonly word: number;
  readonly count: number;
  readonly lost: (words: Uint32Array, mask: number) => boolean;
}

const RUNS: readonly LocalRun[] = [
  { has: HasX.id, word: X.id, count: 1, lost: () => true },
  { has: HasX.zone, word: X.zone, count: 1, lost: () => true },
  {
    has: HasX.timeout,
    word: X.timeout,
    count: 1,
    lost: (_, mask) => (mask & HasX.timeout) === 0,
  },
  ...ALL_TUPLES.map((tuple) => ({
    has: tuple.hasL4,
    word: tuple.l4Src,
    count: 2,
    lost: (words: Uint32Array) =>
      !hasWirePorts(words[tuple.protocol]!) || !hasWirePorts(words[MASTER_FLOW_TUPLE.protocol]!),
  })),
  {
    has: HasX.nat,
    word: NAT_TUPLE.src,
    count: 8,
    lost: (words) => words[NAT_TUPLE.family] === AF_INET6,
  },
  {
    has: HasX.helper,
    word: X.helperLength,
    count: 1,
    lost: (words) => words[X.helperLength]! > EXPECTATION_WIRE_HELPER_MAX_BYTES,
  },
  {
    has: HasX.helper,
    word: X.helper,
    count: 4,
    lost: (words) => words[X.helperLength]! > EXPECTATION_WIRE_HELPER_MAX_BYTES,
  },
  {
    has: HasX.fn,
    word: X.fnLength,
    count: 1,
    lost: (words) => words[X.fnLength]! > EXPECTATION_WIRE_FN_MAX_BYTES,
  },
  {
    has: HasX.fn,
    word: X.fn,
    count: 8,
    lost: (words) => words[X.fnLength]! > EXPECTATION_WIRE_FN_MAX_BYTES,
  },
];

/** Pack an expectation. Presence bits that are not in `mask` stay off the wire, in the local part. */
export function packExpectation(r: ExpectationRegister, mask: number, out: Packed): void {
  const { words } = r;
  const start = encodeWireExpectation(r, mask, out.words, 0);
  let end = start + 2;
  let lost = 0;
  for (let i = 0; i < RUNS.length; i++) {
    const run = RUNS[i]!;
    if ((words[X.has]! & run.has) === 0 || !run.lost(words, mask)) continue;
    lost |= 1 << i;
    for (let k = 0; k < run.count; k++) out.words[end++] = words[run.word + k]!;
  }
  out.words[start] = words[X.has]!;
  out.words[start + 1] = lost;
  out.wireWords = start;
  out.localWords = end - start;
}

/** Unpack what `packExpectation` made; false is a broken invariant, for the words are our own. */
export function unpackExpectation(
  r: ExpectationRegister,
  source: Int32Array,
  at: number,
  wireWords: number,
): boolean {
  if (!decodeWireExpectation(r, source, at, wireWords * 4)) return false;
  const has = source[at + wireWords]!;
  const lost = source[at + wireWords + 1]!;
  let here = at + wireWords + 2;
  for (let i = 0; i < RUNS.length; i++) {
    if ((lost & (1 << i)) === 0) continue;
    const run = RUNS[i]!;
    for (let k = 0; k < run.count; k++) r.words[run.word + k] = source[here++]!;
  }
  r.words[X.has] = has;
  return true;
}

/** 32-bit hash of an expectation's identity; `seed` as for flows. */
export function hashExpectation(r: ExpectationRegister, seed: number): number {
  const { words } = r;
  const size = words[EXPECTED_TUPLE.family] === AF_INET ? 1 : 4;
  let hash = seed;
  for (const tuple of IDENTITY_TUPLES) {
    hash = mix(hash, words[tuple.protocol]!);
    for (let i = 0; i < size; i++) hash = mix(hash, words[tuple.src + i]!);
    for (let i = 0; i < size; i++) hash = mix(hash, words[tuple.dst + i]!);
    hash = mix(hash, (words[tuple.l4Src]! << 16) ^ words[tuple.l4Dst]!);
  }
  return mix(hash, words[X.zone]!);
}

/** Whether two expectations are the same one. Zone 0 is no zone. */
export function sameExpectation(a: ExpectationRegister, b: ExpectationRegister): boolean {
  const x = a.words;
  const y = b.words;
  for (const tuple of IDENTITY_TUPLES) {
    if (x[tuple.family] !== y[tuple.family] || x[tuple.protocol] !== y[tuple.protocol])
      return false;
    if (x[tuple.l4Src] !== y[tuple.l4Src] || x[tuple.l4Dst] !== y[tuple.l4Dst]) return false;
    const size = x[tuple.family] === AF_INET ? 1 : 4;
    for (let i = 0; i < size; i++) {
      if (x[tuple.src + i] !== y[tuple.src + i] || x[tuple.dst + i] !== y[tuple.dst + i]) {
        return false;
      }
    }
  }
  return x[X.zone] === y[X.zone];
}
