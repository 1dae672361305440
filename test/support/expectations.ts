/** Generated expectations: registers as the kernel and the wire produce them. */
import fc from "fast-check";
import {
  ALL_TUPLES,
  EXPECTATION_FN_MAX_BYTES,
  EXPECTATION_HELPER_MAX_BYTES,
  EXPECTED_TUPLE,
  ExpectationRegister,
  HasX,
  IDENTITY_TUPLES,
  MASK_TUPLE,
  MASTER_FLOW_TUPLE,
  X,
} from "../../src/flow/expectation.ts";
import { encodeKernelExpectation } from "../../src/flow/expectation-kernel.ts";
import { AF_INET, AF_INET6, type FlowRegister, hasPorts, W } from "../../src/flow/register.ts";
import {
  IPCTNL_MSG_EXP_DELETE,
  IPCTNL_MSG_EXP_NEW,
  MessageWriter,
  NLM_F_CREATE,
} from "../../src/netlink/message.ts";

/** Which fields a generated expectation has, and a stream of words to fill them from. */
export interface ExpectationSeed {
  readonly v6: boolean;
  readonly master: number;
  readonly protocol: number;
  readonly has: number;
  readonly words: readonly number[];
  readonly helper: string;
  readonly fn: string;
}

const NAME_LETTERS = [..."abcxyz-09"];
const anyName = (maxLength: number) =>
  fc
    .array(fc.constantFrom(...NAME_LETTERS), { minLength: 1, maxLength })
    .map((letters) => letters.join(""));

export const anyExpectationSeed: fc.Arbitrary<ExpectationSeed> = fc.record({
  v6: fc.boolean(),
  master: fc.constantFrom(6, 17, 132, 50),
  protocol: fc.constantFrom(6, 17, 33, 47, 132, 136, 50),
  has: fc.integer(),
  words: fc.array(fc.integer(), { minLength: 50, maxLength: 50 }),
  helper: anyName(EXPECTATION_HELPER_MAX_BYTES),
  fn: anyName(EXPECTATION_FN_MAX_BYTES),
});

const WORD_FIELDS: readonly [number, number][] = [
  [HasX.timeout, X.timeout],
  [HasX.id, X.id],
  [HasX.flags, X.flags],
  [HasX.class, X.class],
];

/** Fill a register. The same seed gives the same expectation. */
export function buildExpectation(seed: ExpectationSeed): ExpectationRegister {
  const r = new ExpectationRegister();
  const { words } = r;
  let next = 0;
  const take = () => seed.words[next++ % seed.words.length]!;
  const hasNat = (seed.has & HasX.nat) !== 0;
  let has = 0;
  for (const tuple of hasNat ? ALL_TUPLES : IDENTITY_TUPLES) {
    has |= tuple.has;
    words[tuple.family] = seed.v6 ? AF_INET6 : AF_INET;
    words[tuple.protocol] = tuple === IDENTITY_TUPLES[0] ? seed.master : seed.protocol;
    for (let i = 0; i < (seed.v6 ? 4 : 1); i++) {
      words[tuple.src + i] = take();
      words[tuple.dst + i] = take();
    }
    if (!hasPorts(words[tuple.protocol]!)) continue;
    has |= tuple.hasL4;
    words[tuple.l4Src] = take() & 0xffff;
    words[tuple.l4Dst] = take() & 0xffff;
  }
  if (hasNat) {
    has |= HasX.natDirection;
    words[X.natDirection] = take() & 1;
  }
  for (const [bit, word] of WORD_FIELDS) {
    if ((seed.has & bit) === 0) continue;
    has |= bit;
    words[word] = take();
  }
  if ((seed.has & HasX.zone) !== 0) {
    has |= HasX.zone;
    words[X.zone] = take() & 0xffff;
  }
  if ((seed.has & HasX.helper) !== 0) has |= setName(r, "helper", seed.helper);
  if ((seed.has & HasX.fn) !== 0) has |= setName(r, "fn", seed.fn);
  words[X.has] = has;
  return r;
}

/** Writes a name and answers its presence bit. */
export function setName(r: ExpectationRegister, field: "helper" | "fn", text: string): number {
  const bytes = new TextEncoder().encode(text);
  r.bytes.set(bytes, X[field] * 4);
  r.words[field === "helper" ? X.helperLength : X.fnLength] = bytes.length;
  r.words[X.has]! |= HasX[field];
  return HasX[field];
}

/** What an expectation says, without what a register leaves undefined. */
export function describeExpectation(r: ExpectationRegister): Record<string, unknown> {
  const { words } = r;
  const out: Record<string, unknown> = { has: words[X.has]! };
  for (const [i, tuple] of ALL_TUPLES.entries()) {
    if ((words[X.has]! & tuple.has) === 0) continue;
    const size = words[tuple.family] === AF_INET ? 1 : 4;
    out[`tuple ${i}`] = [
      words[tuple.family],
      words[tuple.protocol],
      ...words.slice(tuple.src, tuple.src + size),
      ...words.slice(tuple.dst, tuple.dst + size),
      words[tuple.l4Src],
      words[tuple.l4Dst],
    ];
  }
  for (const [bit, word] of WORD_FIELDS) if (r.has(bit)) out[`word ${word}`] = words[word];
  if (r.has(HasX.natDirection)) out["direction"] = words[X.natDirection];
  out["zone"] = words[X.zone];
  if (r.has(HasX.helper)) out["helper"] = nameOf(r, X.helper, words[X.helperLength]!);
  if (r.has(HasX.fn)) out["fn"] = nameOf(r, X.fn, words[X.fnLength]!);
  return out;
}

function nameOf(r: ExpectationRegister, word: number, length: number): string {
  return new TextDecoder().decode(r.bytes.subarray(word * 4, word * 4 + length));
}

/** An expectation of this master: a connection to `port`, back from its target, as an FTP helper announces it. */
export function plainExpectation(
  master: FlowRegister,
  port: number,
  helper: string | undefined = "ftp",
): ExpectationRegister {
  const r = new ExpectationRegister();
  const { words } = r;
  const from = master.words;
  for (const tuple of IDENTITY_TUPLES) {
    words[tuple.family] = from[W.family]!;
    words[tuple.protocol] = from[W.protocol]!;
    for (let i = 0; i < 4; i++) {
      words[tuple.src + i] = tuple === MASK_TUPLE ? 0xffffffff : from[W.origSrc + i]!;
      words[tuple.dst + i] = tuple === MASK_TUPLE ? 0xffffffff : from[W.origDst + i]!;
    }
    words[X.has]! |= tuple.has | tuple.hasL4;
  }
  words[MASTER_FLOW_TUPLE.l4Src] = from[W.origL4Src]!;
  words[MASTER_FLOW_TUPLE.l4Dst] = from[W.origL4Dst]!;
  words[EXPECTED_TUPLE.l4Dst] = port;
  words[MASK_TUPLE.l4Dst] = 0xffff;
  words[X.timeout] = 300;
  words[X.has]! |= HasX.timeout | HasX.flags | HasX.class;
  if (helper !== undefined) setName(r, "helper", helper);
  return r;
}

/** The kernel's announcement; `by` is the port id of whoever caused it. */
export function expectationEvent(
  kind: "new" | "destroy",
  expectation: ExpectationRegister,
  by = 0,
): Uint8Array {
  const w = new MessageWriter(1024);
  const type = kind === "new" ? IPCTNL_MSG_EXP_NEW : IPCTNL_MSG_EXP_DELETE;
  w.begin(type, kind === "new" ? NLM_F_CREATE : 0, 0, expectation.words[EXPECTED_TUPLE.family]!);
  encodeKernelExpectation(w, expectation);
  w.end();
  const bytes = w.bytes.slice(0, w.length);
  new DataView(bytes.buffer).setUint32(12, by, true);
  return bytes;
}
