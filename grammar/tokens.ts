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

let known: ReadonlyMap<string, TokenType> | undefined;

/** Made for the parser when it is asked for the first time: a file without a mistake does not wait for them. */
function types(): ReadonlyMap<string, TokenType> {
  known ??= defineTypes();
  return known;
}

function defineTypes(): ReadonlyMap<string, TokenType> {
  const made = new Map<string, TokenType>();
  const define = (name: string, label: string, kinds: TokenType[]) => {
    const type = createToken({ name, label, pattern: Lexer.NA, categories: kinds });
    made.set(name, type);
    return type;
  };
  // Every token, and every token but the closing brace.
  const anything = define("Anything", "anything", []);
  const inner = define("Inner", "anything", [anything]);
  const add = (name: string, label = name, kinds: TokenType[] = []) =>
    define(name, label, [...kinds, inner]);
  add("On", "on");
  add("Off", "off");
  add("Number", "a number");
  add("Signed", "a number with a sign");
  add("Ip", "an IP address");
  add("PathName", "an absolute path");
  add("OldAlarm", "ALARM", [add("ALARM")]);
  add("OldFtfw", "FTFW", [add("FTFW")]);
  add("NOTRACK");
  const word = add("Word", "a word");
  // A byte that begins no word of the language: always a syntax error.
  add("Stray");
  // All that follows the last token a file may have: always an error.
  add("TooMany");
  add("LeftBrace", "{");
  define("RightBrace", "}", [anything]);
  for (const { spelling } of keywords) add(spelling);
  // Where a word is expected, the keyword of an older release is one.
  for (const spelling of legacyWords) add(spelling, spelling, [word]);
  return made;
}

/** @throws when there is no such token, at load time of the parser. */
export function tokenNamed(name: string): TokenType {
  const type = types().get(name);
  if (type === undefined) throw new Error(`no token ${name}`);
  return type;
}

export function tokenTypes(): TokenType[] {
  return [...types().values()];
}

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
