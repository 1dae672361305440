/**
 * Text to clauses and mistakes, within limits.
 */

import { EOF, type IToken } from "chevrotain";
import { maxNesting } from "./limits.ts";
import { type Clause, createParser } from "./parser.ts";
import { tokenize, tokenNamed } from "./tokens.ts";
import type { Mistake, Sentence, Token, Written } from "./written.ts";

let parser: ReturnType<typeof createParser> | undefined;

/** @param text One character for each byte. */
export function parseText(text: string): Sentence {
  parser ??= createParser();
  const { tokens, comments } = tokenize(text);
  const { kept, mistake: beyond } = withinLimits(tokens);
  const { clauses, misfits } = parser.parse(text, kept);
  const mistakes = misfits.map(({ token, expected, block }): Mistake => {
    const isEnd = token.tokenType === EOF;
    const place = isEnd ? { offset: text.length, symbol: "" } : textOf(token);
    return { ...place, expected: expected.map(label), block, reason: "syntax" };
  });
  // Cut at a limit, the text seems to end early; that is not a mistake of its own.
  const real = beyond ? mistakes.filter(({ offset }) => offset < beyond.offset) : mistakes;
  return {
    outline: clauses.map(written),
    tokens: tokens.map(plain),
    comments: comments.map(({ offset, text: found }) => ({ name: "Comment", text: found, offset })),
    mistakes: beyond ? [...real, beyond] : real,
  };
}

function textOf(token: IToken): { offset: number; symbol: string } {
  return { offset: token.startOffset, symbol: token.image };
}

function label(name: string): string {
  return tokenNamed(name).LABEL ?? name;
}

function plain({ tokenType, image, startOffset }: IToken): Token {
  return { name: tokenType.name, text: image, offset: startOffset };
}

function written({ row, keyword, values, open, close, items, isWhole }: Clause): Written {
  const inner = items.map(written);
  const first = keyword ?? values[0] ?? open ?? close;
  const last = close ?? open ?? values.at(-1) ?? keyword;
  const end = last ? last.startOffset + last.image.length : 0;
  return {
    clause: row.id,
    ...(keyword && { keyword: plain(keyword) }),
    values: values.map(plain),
    offset: first?.startOffset ?? 0,
    end: Math.max(end, inner.at(-1)?.end ?? 0),
    ...(open && { body: { open: open.startOffset, ...(close && { close: close.startOffset }) } }),
    items: inner,
    isWhole,
  };
}

function withinLimits(tokens: IToken[]): { kept: IToken[]; mistake?: Mistake } {
  let depth = 0;
  for (const [index, token] of tokens.entries()) {
    const { name } = token.tokenType;
    if (name === "LeftBrace") depth++;
    else if (name === "RightBrace") depth--;
    const isTooMany = name === "TooMany";
    if (isTooMany || depth > maxNesting) {
      const reason = isTooMany ? "tokens" : "nesting";
      const place = { offset: token.startOffset, symbol: "", expected: [], block: "file" };
      return { kept: tokens.slice(0, index), mistake: { ...place, reason } };
    }
  }
  return { kept: tokens };
}
