/**
 * Visits the clauses of a syntax tree in file order, as far as the file is right: a clause counts
 * when its last word stands before the first mistake.
 */

import type { CstNode, IToken } from "chevrotain";
import type { Clauses, Reading } from "./reading.ts";

/** Clauses that are words without a keyword in front. */
const bare: ReadonlySet<string> = new Set([
  "filterProtocolName",
  "filterStateGroup",
  "expectationHelper",
]);

function isToken(element: CstNode | IToken): element is IToken {
  return "image" in element;
}

function startOf(element: CstNode | IToken): number {
  return (isToken(element) ? element.startOffset : element.location?.startOffset) ?? Number.NaN;
}

/** @param step Told the offset of what comes next; false ends the walk. */
export function walk(
  node: CstNode,
  clauses: Clauses,
  reading: Reading,
  end: number,
  step: (offset: number) => boolean,
): void {
  const parts = Object.values(node.children)
    .flat()
    .filter((part) => startOf(part) < end) // Also drops what recovery made up: its offset is NaN.
    .sort((a, b) => startOf(a) - startOf(b));
  const words = parts.filter(isToken);
  const brace = words.findIndex((word) => word.tokenType.name === "LeftBrace");
  const closing = words.find((word) => word.tokenType.name === "RightBrace");
  const head = brace < 0 ? words : words.slice(0, brace);
  const values = (bare.has(node.name) ? head : head.slice(1)).map((word) => ({
    ...{ name: word.tokenType.name, text: word.image, offset: word.startOffset },
  }));
  const clause = clauses[node.name];
  const last = brace < 0 ? words.at(-1) : words[0];
  const isWhole = brace >= 0 || node.recoveredNode !== true;
  if (clause?.enter && last && isWhole && step(last.startOffset)) clause.enter(reading, values);
  for (const part of parts) {
    if (!isToken(part) && step(startOf(part))) walk(part, clauses, reading, end, step);
  }
  if (clause?.leave && closing && step(closing.startOffset)) clause.leave(reading, values);
}
