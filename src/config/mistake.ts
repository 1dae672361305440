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
import type { RuleId } from "./language-rules.ts";
import { nearest } from "./suggest.ts";

export interface Described extends Remarks {
  readonly rule: RuleId;
  readonly text: string;
  readonly end: number;
}

export function describeMistake(mistake: Mistake, line: number): Described {
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
  const hint = homes.length > 0 ? `\`${word}' belongs into ${homes.join(" or ")}.` : undefined;
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
