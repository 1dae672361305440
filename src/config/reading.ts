/**
 * The state of one reading: the draft so far, and what was said about it. The clause tables
 * (clauses-*.ts) write here; nothing here knows a clause.
 */

import type { Token, Written } from "../../grammar/index.ts";
import type { Remarks } from "./diagnostic.ts";
import { type Draft, maxNumber } from "./draft.ts";
import type { RuleId } from "./language-rules.ts";
import type { ProtocolTable } from "./protocols.ts";

/** Items of a helper that wait for the `Type` that takes them. */
export interface PendingHelper {
  queueNum?: number;
  queueLen?: number;
  policies: { name: string; expectMax?: number; expectTimeout?: number }[];
  policy?: { expectMax?: number; expectTimeout?: number };
}

type Say = (rule: RuleId, text: string, remarks?: Remarks) => void;

export interface Reading {
  readonly draft: Draft;
  /** The file, one character a byte. */
  readonly text: string;
  readonly protocols: ProtocolTable;
  readonly interfaceIndex: (name: string) => number;
  pending: PendingHelper;
  /** Addresses and networks of the filter so far, as text that compares. */
  readonly filtered: Set<string>;
  /** The clause that is read, and the section it stands in. */
  here: Written;
  section: Written;
  /** What was meant, for the first words that are asked; a flood of them must not cost time. */
  readonly suggest: (word: string, candidates: Iterable<string>) => Remarks;
  readonly warn: Say;
  /** Ends the reading of the daemon. */
  readonly fail: Say;
  /** Nothing the daemon would say. */
  readonly note: Say;
  /** Remembers where the value of a path was given. */
  readonly mark: (path: string) => void;
}

export interface Clause {
  /** At the opening brace, or for a clause without braces at its last word. */
  readonly enter?: (reading: Reading, values: readonly Token[]) => void;
  /** At the closing brace. */
  readonly leave?: (reading: Reading, values: readonly Token[]) => void;
}

export type Clauses = Readonly<Record<string, Clause>>;

/** A clause without braces. */
export function apply(
  enter: (reading: Reading, value: Token, all: readonly Token[]) => void,
): Clause {
  return {
    enter: (reading, values) => {
      const [value] = values;
      if (value !== undefined) enter(reading, value, values);
    },
  };
}

export function numberClause(path: string, set: (draft: Draft, value: number) => void): Clause {
  return apply((reading, value) => {
    set(reading.draft, toNumber(reading, value));
    reading.mark(path);
  });
}

export function switchClause(path: string, set: (draft: Draft, on: boolean) => void): Clause {
  return apply((reading, value) => {
    set(reading.draft, value.name === "On");
    reading.mark(path);
  });
}

/** The reference keeps 32 bits of a number, which nobody means. */
export function wrapped(digits: string): number {
  const large = BigInt(digits.slice(0, 20));
  return Number(BigInt.asIntN(32, large > 0x7fffffffffffffffn ? 0x7fffffffffffffffn : large));
}

export function toNumber(reading: Reading, value: Token): number {
  const number = Number(value.text);
  if (number <= maxNumber) return number;
  const text = `number ${value.text.slice(0, 40)} is too large, using ${maxNumber}`;
  const aborts = reading.here.clause === "hashSize" && wrapped(value.text) < 0;
  const end = value.offset + value.text.length;
  reading.warn("number-range", text, {
    reference: aborts ? "aborts" : "misreads",
    edits: [{ offset: value.offset, end, text: String(maxNumber) }],
  });
  return maxNumber;
}
