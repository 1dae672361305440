/** What an editor asks about a place of a file: which words may stand there, and what one means. */

import { clausesIn } from "../../../grammar/index.ts";
import { type ClauseRow, clauseRow, inspectConfig, keywords, type Written } from "../index.ts";

export interface Suggestion {
  readonly word: string;
  /** Markdown. */
  readonly help: string;
  /** Opens braces: an editor may add them. */
  readonly hasBraces: boolean;
}

const wordBefore = /[\w.-]*$/;
/** A word, not `a number` and the like. */
const plainWord = /^\w+$/;

/**
 * Words that may stand at an offset, from its word's beginning; in a comment there are none.
 * @param text One character a byte.
 */
export function suggestionsAt(text: string, offset: number): readonly Suggestion[] {
  const before = text.slice(0, offset).replace(wordBefore, "");
  if (/#[^\n]*$/.test(before)) return [];
  const bytes = Uint8Array.from(`${before}\n`, (character) => character.charCodeAt(0));
  const { outline, diagnostics } = inspectConfig(bytes, { file: "" });
  const atEnd = diagnostics.find((each) => each.offset >= before.length && each.expected);
  const rows = clausesIn(blockAt(outline, offset)).filter(({ legacy }) => legacy === undefined);
  // At the top a file may end: nothing is missing there.
  const words = atEnd?.expected ?? rows.flatMap(({ keyword }) => keyword ?? []);
  return words.filter((word) => plainWord.test(word)).map((word) => suggestion(word, rows));
}

function suggestion(word: string, rows: readonly ClauseRow[]): Suggestion {
  const row = rows.find(({ keyword }) => keyword === word);
  const help = row ? describe(row) : (keywords.find((each) => each.spelling === word)?.help ?? "");
  return { word, help, hasBraces: row?.shape.endsWith("{}") === true };
}

/** The clause whose braces are open at the end of a file; `file` at the top. */
function blockAt(outline: readonly Written[], offset: number): string {
  const last = outline.at(-1);
  const { close = Number.POSITIVE_INFINITY } = last?.body ?? { close: 0 };
  if (last === undefined || close < offset) return "file";
  const inner = blockAt(last.items, offset);
  return inner === "file" ? last.clause : inner;
}

/** What the keyword at an offset means, as Markdown, with the place of the keyword. */
export function meaningAt(outline: readonly Written[], text: string, offset: number) {
  const start =
    offset - (wordBefore.exec(text.slice(Math.max(0, offset - 64), offset))?.[0].length ?? 0);
  const word = /^[\w.-]{1,64}/.exec(text.slice(start, start + 64))?.[0] ?? "";
  const clause = clauseAt(outline, start);
  const row = clause && clauseRow(clause.clause);
  const inner = keywords.find(
    ({ spelling, synonyms }) => spelling === word || synonyms.includes(word),
  );
  const isOpening = clause?.keyword?.offset === start;
  const help = isOpening && row ? describe(row) : inner?.help;
  return help === undefined ? undefined : { help, offset: start, end: start + word.length };
}

/** The innermost clause around an offset. */
function clauseAt(outline: readonly Written[], offset: number): Written | undefined {
  const found = outline.find((clause) => offset >= clause.offset && offset < clause.end);
  return found && (clauseAt(found.items, offset) ?? found);
}

function describe({
  keyword,
  shape,
  help,
  default: standard,
  unit,
  range,
  legacy,
}: ClauseRow): string {
  const facts = [
    standard === undefined ? "" : `Default: \`${standard}\`${unit ? ` ${unit}` : ""}.`,
    standard === undefined && unit ? `In ${unit}.` : "",
    range === undefined ? "" : `Range: ${range}.`,
    legacy === undefined ? "" : `Of older releases: ${legacy}`,
  ].filter((fact) => fact !== "");
  const usage = `**${keyword ?? ""}** ${shape.replaceAll("|", " \\| ")}`.trim();
  return [usage, help, facts.join(" ")].filter((part) => part !== "").join("\n\n");
}
