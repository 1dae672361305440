/** What may stand at a place of a file: for an editor that completes words and explains them. */

import { type ClauseRow, clausesIn } from "../../grammar/index.ts";
import { parseText } from "../../grammar/parse.ts";

export interface Words {
  /** Clauses that may begin here. */
  readonly rows: readonly ClauseRow[];
  /** Everything that may stand here, in people's words: keywords, `on`, `a number`. */
  readonly expected: readonly string[];
}

const none: Words = { rows: [], expected: [] };

/** @param offset Within or behind the word that is being written; the word itself does not count. */
export function wordsAt(text: string, offset: number): Words {
  const before = text.slice(0, offset).replace(/[A-Za-z0-9_.-]*$/, "");
  const { mistakes, comments } = parseText(before);
  const comment = comments.at(-1);
  if (comment && comment.offset + comment.text.length === before.length) return none;
  // A text that ends too early says what it lacks. One that is complete may have another section.
  const end = mistakes.find((mistake) => mistake.offset === before.length);
  const rows = clausesIn(end?.block ?? "file").filter(({ legacy }) => legacy === undefined);
  const expected = end?.expected ?? rows.flatMap(({ keyword }) => keyword ?? []);
  return { rows: rows.filter(({ keyword = "" }) => expected.includes(keyword)), expected };
}
