/**
 * Tokens of conntrackd.conf, as chevrotain's parser takes them.
 *
 * Its own lexer takes the first pattern that matches, where the language wants the longest: scan.ts
 * does that, once for each place. Every byte of a file belongs to some token; nothing fails here.
 */

import { createToken, type IToken, Lexer, type TokenType } from "chevrotain";
import { keywords, legacyWords } from "./keywords.ts";
import { maxTokens } from "./limits.ts";
import { scan } from "./scan.ts";

/** Every token, and every token but the closing brace. */
export const Anything = createToken({ name: "Anything", pattern: Lexer.NA });
export const Inner = createToken({ name: "Inner", pattern: Lexer.NA, categories: [Anything] });

const types = new Map<string, TokenType>();

function define(name: string, label = name, kinds: TokenType[] = [Inner]): TokenType {
  const type = createToken({ name, label, pattern: Lexer.NA, categories: kinds });
  types.set(name, type);
  return type;
}

define("On", "on");
define("Off", "off");
define("Number", "a number");
define("Signed", "a number with a sign");
define("Ip", "an IP address");
define("PathName", "an absolute path");
define("OldAlarm", "ALARM", [define("ALARM"), Inner]);
define("OldFtfw", "FTFW", [define("FTFW"), Inner]);
define("NOTRACK");
export const Word = define("Word", "a word");
/** A byte that begins no word of the language: always a syntax error. */
define("Stray");
/** All that follows the last token a file may have: always an error. */
export const TooMany = define("TooMany");
export const LeftBrace = define("LeftBrace", "{");
export const RightBrace = define("RightBrace", "}", [Anything]);
for (const { spelling } of keywords) define(spelling);
// Where a word is expected, the keyword of an older release is one.
for (const spelling of legacyWords) define(spelling, spelling, [Word, Inner]);

/** @throws when there is no such token, at load time. */
export function tokenNamed(name: string): TokenType {
  const type = types.get(name);
  if (type === undefined) throw new Error(`no token ${name}`);
  return type;
}

export const tokenTypes: readonly TokenType[] = [Anything, Inner, ...types.values()];

export interface Tokens {
  readonly tokens: IToken[];
  readonly comments: readonly { readonly offset: number; readonly text: string }[];
}

/** @param text One character for each byte, so that offsets are byte offsets. */
export function tokenize(text: string): Tokens {
  const tokens: IToken[] = [];
  const comments: { offset: number; text: string }[] = [];
  const add = (name: string, from: number, end: number) => {
    const tokenType = tokenNamed(name);
    const { tokenTypeIdx } = tokenType;
    if (tokenTypeIdx === undefined) throw new Error(`token ${name} has no index`);
    tokens.push({ image: text.slice(from, end), startOffset: from, tokenType, tokenTypeIdx });
  };
  for (let at = 0; at < text.length; ) {
    const { name, end } = scan(text, at);
    if (name === "Comment") comments.push({ offset: at, text: text.slice(at, end) });
    else if (name !== "Blank") {
      if (tokens.length >= maxTokens) {
        add("TooMany", at, text.length);
        break;
      }
      add(name, at, end);
    }
    at = end;
  }
  return { tokens, comments };
}
