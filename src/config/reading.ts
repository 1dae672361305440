/**
 * The state of one reading: the draft so far, and what was said about it. The clause tables
 * (clauses-*.ts) write here; nothing here knows a clause.
 */

import { type Draft, maxNumber, type Position } from "./model.ts";
import type { ProtocolTable } from "./protocols.ts";

export interface Diagnostic extends Position {
  readonly severity: "warning" | "error";
  /** The line of the log. Some end in a newline of their own. */
  readonly text: string;
  /** After a syntax error: what would have been right. */
  readonly expected?: readonly string[];
}

export interface Value {
  /** Name of the token: `Number`, `Word`, or a keyword's spelling. */
  readonly name: string;
  readonly text: string;
  readonly offset: number;
}

/** Items of a helper that wait for the `Type` that takes them. */
export interface PendingHelper {
  queueNum?: number;
  queueLen?: number;
  policies: { name: string; expectMax?: number; expectTimeout?: number }[];
  policy?: { expectMax?: number; expectTimeout?: number };
}

export interface Reading {
  readonly draft: Draft;
  readonly protocols: ProtocolTable;
  readonly interfaceIndex: (name: string) => number;
  pending: PendingHelper;
  /** Addresses and networks of the filter so far, as text that compares. */
  readonly filtered: Set<string>;
  warn(text: string): void;
  /** Ends the reading. */
  fail(text: string): void;
  /** Remembers where the value of a path was given. */
  mark(path: string): void;
}

export interface Clause {
  /** At the opening brace, or for a clause without braces at its last word. */
  readonly enter?: (reading: Reading, values: readonly Value[]) => void;
  /** At the closing brace. */
  readonly leave?: (reading: Reading, values: readonly Value[]) => void;
}

export type Clauses = Readonly<Record<string, Clause>>;

/** A clause without braces. */
export function apply(
  enter: (reading: Reading, value: Value, all: readonly Value[]) => void,
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

/** The reference wraps at 32 bits, which nobody means. */
export function toNumber(reading: Reading, value: Value): number {
  const number = Number(value.text);
  if (number <= maxNumber) return number;
  reading.warn(`number ${value.text.slice(0, 40)} is too large, using ${maxNumber}`);
  return maxNumber;
}
