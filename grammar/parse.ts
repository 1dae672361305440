/**
 * Text to syntax tree and mistakes, within limits: the only door of this folder.
 */

import { type CstNode, type IToken, Lexer } from "chevrotain";
import { createParser } from "./parser.ts";
import { LeftBrace, RightBrace, TooMany, tokenTypes } from "./tokens.ts";

/** Bytes of a file. A real configuration has a few thousand. */
export const maxFileBytes = 1024 * 1024;
/** Braces open at a time. The clauses need four; only a helper in a helper nests further. */
export const maxNesting = 64;
/** Tokens up to a mistake for which the words expected instead are still computed. */
const maxTokensForExpected = 2000;
/** Tokens after the first mistake that are searched for more of them. */
const maxTokensAfterMistake = 200;

export interface Mistake {
  /** Offset of the offending token; the length of the text at its end. */
  readonly offset: number;
  readonly symbol: string;
  /** Words that would have been right; empty when not computed. */
  readonly expected: readonly string[];
  readonly reason: "syntax" | "tokens" | "nesting";
}

export interface Sentence {
  readonly tree: CstNode;
  readonly tokens: readonly IToken[];
  /** In file order. */
  readonly mistakes: readonly Mistake[];
}

export function createGrammar(): (text: string) => Sentence {
  const lexer = new Lexer([...tokenTypes], {
    positionTracking: "onlyOffset",
    ensureOptimizations: true,
    skipValidations: true,
  });
  const strict = createParser(false);
  return (text) => {
    const all = lexer.tokenize(text).tokens;
    const { kept, mistake: beyond } = withinLimits(all);
    const at = (token: IToken) => (token.startOffset >= 0 ? token.startOffset : text.length);
    strict.input = kept;
    const whole = strict.file();
    const [first] = strict.errors;
    if (first === undefined && beyond === undefined) {
      return { tree: whole, tokens: all, mistakes: [] };
    }
    // Recovery from mistake after mistake is slow, and nobody reads a thousand of them.
    const index = first ? kept.findIndex((token) => token.startOffset >= at(first.token)) : -1;
    const parser = createParser(true);
    parser.input = index < 0 ? kept : kept.slice(0, index + maxTokensAfterMistake);
    const tree = parser.file();
    const errors = [...parser.errors].sort((a, b) => at(a.token) - at(b.token));
    // Cut at a limit, the text seems to end early; that is not a mistake of its own.
    const real = beyond ? errors.filter((error) => at(error.token) < beyond.offset) : errors;
    const mistakes = real.map((error, order): Mistake => {
      const before = order === 0 ? kept.filter((token) => token.startOffset < at(error.token)) : [];
      const isFirst = order === 0 && before.length <= maxTokensForExpected;
      const next = isFirst ? parser.computeContentAssist("file", before) : [];
      const expected = [...new Set(next.map(({ nextTokenType: t }) => t.LABEL ?? t.name))];
      const symbol = Number.isNaN(error.token.startOffset) ? "" : error.token.image;
      return { offset: at(error.token), symbol, expected, reason: "syntax" };
    });
    return { tree, tokens: all, mistakes: beyond ? [...mistakes, beyond] : mistakes };
  };
}

function withinLimits(tokens: IToken[]): { kept: IToken[]; mistake?: Mistake } {
  let depth = 0;
  for (const [index, token] of tokens.entries()) {
    if (token.tokenType === LeftBrace) depth++;
    else if (token.tokenType === RightBrace) depth--;
    const isTooMany = token.tokenType === TooMany;
    if (isTooMany || depth > maxNesting) {
      const reason = isTooMany ? "tokens" : "nesting";
      const mistake: Mistake = { offset: token.startOffset, symbol: "", expected: [], reason };
      return { kept: tokens.slice(0, index), mistake };
    }
  }
  return { kept: tokens };
}
