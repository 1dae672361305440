/** What config-lint says about a place of a file, whoever found it: the language or a rule. */

import type { Fix, Severity, Span } from "./rule.ts";

export interface Finding extends Span {
  /** Id of a rule, see doc/lint.md. */
  readonly rule: string;
  readonly severity: Severity;
  readonly message: string;
  /** Why it hurts. */
  readonly reason: string;
  /** What to write instead. */
  readonly advice: string;
  /** After a mistake of syntax: what would have been right. */
  readonly expected: readonly string[];
  /** Did you mean. */
  readonly suggestions: readonly string[];
  readonly fix?: Fix;
  readonly related?: Related;
}

/** Another place that has to do with it: in the same file, or in the partner's. */
export interface Related extends Span {
  readonly isPartners: boolean;
  readonly message: string;
}

const ranks: Readonly<Record<Severity, number>> = { error: 0, warning: 1, note: 2 };

/** File order; at one place the worst first. */
export function inOrder(a: Finding, b: Finding): number {
  return a.offset - b.offset || ranks[a.severity] - ranks[b.severity] || a.end - b.end;
}

/** The worst, as many as are to be shown: a flood of notes must not hide an error. */
export function worst(findings: readonly Finding[], most: number): Finding[] {
  if (findings.length <= most) return [...findings];
  const byRank = (a: Finding, b: Finding) => ranks[a.severity] - ranks[b.severity];
  return findings.toSorted((a, b) => byRank(a, b) || inOrder(a, b)).slice(0, most);
}

export type Count = Readonly<Record<Severity, number>>;

export function countOf(findings: readonly Finding[]): Count {
  const count = { error: 0, warning: 0, note: 0 };
  for (const { severity } of findings) count[severity]++;
  return count;
}
