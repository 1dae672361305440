/** What is said about a word that does not fit. */

import {
  type ClauseRow,
  clauseRow,
  clauseRows,
  type Mistake,
  maxNesting,
  maxTokens,
} from "../../grammar/index.ts";
import type { Remarks } from "./diagnostic.ts";
import { habit } from "./habits.ts";
import type { RuleId } from "./language-rules.ts";
import { nearest } from "./suggest.ts";

export interface Described extends Remarks {
  readonly rule: RuleId;
  readonly text: string;
  readonly end: number;
}

/** @param file The file, one character a byte. */
export function describeMistake(mistake: Mistake, line: number, file: string): Described {
  const { offset, symbol, expected, reason } = mistake;
  const word = new TextDecoder().decode(Uint8Array.from(symbol, (c) => c.charCodeAt(0)));
  const end = offset + symbol.length;
  if (reason === "tokens") {
    return { rule: "limits", text: `configuration file has more than ${maxTokens} words`, end };
  }
  if (reason === "nesting") {
    return { rule: "limits", text: `configuration file nests more than ${maxNesting} braces`, end };
  }
  const text = `parsing config file in line (${line}), symbol '${word}': syntax error`;
  const homes = homesOf(mistake);
  const suggestions = homes.length > 0 ? [] : nearest(word, expected.filter(isWord));
  const hint = homes.length > 0 ? homeward(mistake, homes) : habit(mistake, file);
  return {
    ...{ rule: ruleOf(mistake, homes), text, end, expected },
    ...(suggestions.length > 0 && { suggestions }),
    ...(hint !== undefined && { hint }),
    // A byte that ends the file there, in silence.
    ...(/^[\0\x80-\xff]/.test(symbol) && { reference: "misreads" as const }),
  };
}

/** Not `a number` and the like. */
function isWord(expected: string): boolean {
  return /^\w+$/.test(expected);
}

/** A mistake at the beginning of a clause expects the clauses of its block. */
function isAtClause({ block, expected }: Mistake): boolean {
  const [first] = expected;
  return clauseRows.some((row) => row.in.includes(block) && row.keyword === first);
}

function ruleOf(mistake: Mistake, homes: readonly string[]): RuleId {
  if (homes.length > 0) return "misplaced-clause";
  const looksLikeClause = /^[A-Za-z]/.test(mistake.symbol);
  return looksLikeClause && isAtClause(mistake) ? "unknown-clause" : "syntax";
}

/** Where a clause goes. A section in the middle of another one is where a brace was forgotten. */
function homeward({ symbol, expected }: Mistake, homes: readonly string[]): string {
  const isSection = clauseRows.some((row) => row.in.includes("file") && row.keyword === symbol);
  if (!isSection) return `\`${symbol}' belongs into ${homes.join(" or ")}.`;
  const brace = expected.includes("}") ? " Is a `}` missing before it?" : "";
  return `\`${symbol}' stands at the top of the file.${brace}`;
}

/** Where a clause would be right that is none here. */
function homesOf(mistake: Mistake): string[] {
  if (!isAtClause(mistake)) return [];
  const rows = clauseRows.filter(
    ({ keyword, synonyms, legacy }) =>
      legacy === undefined && (keyword === mistake.symbol || synonyms.includes(mistake.symbol)),
  );
  return [...new Set(rows.flatMap((row) => row.in.map(blockName)))];
}

/** A block as people call it: `General`, `Mode FTFW`, the top of the file. */
export function blockName(block: string): string {
  if (block === "file") return "the top of the file";
  const { keyword, in: outer }: ClauseRow = clauseRow(block);
  return outer.includes("mode") ? `\`Mode ${keyword}'` : `\`${keyword}'`;
}
