/**
 * What a rule of config-lint is, and what it says about a file. Rules decide; they read no file and
 * print nothing. Page and texts of all rules are made from their rows (doc/lint.md).
 */

import type { Edit } from "../diagnostic.ts";
import type { Machine } from "./machine.ts";
import type { Subject } from "./subject.ts";

/**
 * error: the daemon does not start, crashes, or does nothing useful. warning: it runs, and not as
 * the file suggests. note: worth knowing before the night when it matters.
 */
export type Severity = "error" | "warning" | "note";

/** Bytes of a file, the end exclusive. */
export interface Span {
  readonly offset: number;
  readonly end: number;
}

export interface Fix {
  /** What it does, in the imperative. */
  readonly title: string;
  readonly edits: readonly Edit[];
  /** Another spelling of the same meaning: `--fix` applies it unasked. */
  readonly isSafe: boolean;
}

/** What a rule reports. */
export interface Found {
  /** Undefined: nothing of it is in the file; shown at its beginning. */
  readonly at: Span | undefined;
  /** What is wrong here, with the values of this file. */
  readonly message: string;
  /** What to write instead, where the row's general words can be bettered. */
  readonly advice?: string;
  readonly fix?: Fix;
  readonly severity?: Severity;
  /** Another place that has to do with it. `isPartners`: in the other node's file. */
  readonly related?: { readonly at: Span; readonly message: string; readonly isPartners?: true };
}

export type Report = (found: Found) => void;

/** The words of a rule. */
export interface RuleText {
  readonly id: string;
  readonly severity: Severity;
  /** What it finds, in a few words. */
  readonly summary: string;
  /** Why it hurts. */
  readonly reason: string;
  /** What to write instead. */
  readonly fix: string;
}

/** A rule with what shows it. */
export interface ShownRule<Example> extends RuleText {
  /** Triggers it. The documentation shows it, a test runs it. */
  readonly example: Example;
  /** Does not trigger it. */
  readonly better: Example;
}

export interface FileRule extends ShownRule<string> {
  /** The C daemon alone suffers: an error with `--reference`. */
  readonly isReferences?: true;
  /** This daemon alone suffers: silent with `--reference`. */
  readonly isOurs?: true;
  /** It concludes from what a file lacks: silent where a mistake may have hidden it. */
  readonly fromAbsence?: true;
  readonly run: (subject: Subject, report: Report) => void;
}

/** Two files that show it: this node's and its partner's. */
export type PairExample = readonly [string, string];

export interface PairRule extends ShownRule<PairExample> {
  /** What is wrong with one is wrong with the other: said once, about the first file. */
  readonly isMutual: boolean;
  readonly run: (own: Subject, partner: Subject, report: Report) => void;
}

/** A file, and what is special about the machine. */
export interface LiveExample {
  readonly file: string;
  readonly machine: Partial<Machine>;
}

export interface LiveRule extends ShownRule<LiveExample> {
  readonly run: (subject: Subject, machine: Machine, report: Report) => void;
}
