/**
 * Tokens of conntrackd.conf for chevrotain.
 *
 * Its lexer takes the first pattern that matches where the language wants the longest, so every
 * token's pattern asks the same scanner (scan.ts) and accepts only its own name. Every byte of a
 * file is some token: the lexer itself never fails.
 */

import { createToken, type IToken, Lexer, type TokenType } from "chevrotain";
import { keywords } from "./keywords.ts";
import { type Scanned, scan } from "./scan.ts";

/** Tokens a file may have; what lies beyond is one `TooMany`. A real file has a few hundred. */
export const maxTokens = 200_000;

/** What was found at the last place asked: chevrotain asks once for each candidate type. */
let asked: { readonly text: string; readonly at: number; readonly found: Scanned } | undefined;

function found(text: string, at: number, before: number): Scanned {
  if (before >= maxTokens) return { name: "TooMany", end: text.length };
  if (asked?.at !== at || asked.text !== text) asked = { text, at, found: scan(text, at) };
  return asked.found;
}

interface Shape {
  readonly label?: string;
  readonly starts?: readonly string[];
  readonly isKindOf?: TokenType;
  readonly isSkipped?: boolean;
}

function token(name: string, shape: Shape = {}): TokenType {
  const pattern = (text: string, at: number, before: IToken[]): [string] | null => {
    const { name: actual, end } = found(text, at, before.length);
    return actual === name ? [text.slice(at, end)] : null;
  };
  return createToken({
    name,
    pattern,
    line_breaks: false,
    label: shape.label ?? name,
    start_chars_hint: [...(shape.starts ?? everyCharacter)],
    ...(shape.isKindOf === undefined ? {} : { categories: [shape.isKindOf] }),
    ...(shape.isSkipped ? { group: Lexer.SKIPPED } : {}),
  });
}

const everyCharacter = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code));
const digits = [..."0123456789"];
const letters = everyCharacter.filter((character) => /[A-Za-z]/.test(character));

export const On = token("On", { label: "on", starts: [..."oOyY|"] });
export const Off = token("Off", { label: "off", starts: [..."oOnN|"] });
export const NumberToken = token("Number", { label: "a number", starts: digits });
export const Signed = token("Signed", { label: "a number with a sign", starts: ["+", "-"] });
export const Ip = token("Ip", { label: "an IP address", starts: [...digits, ..."abcdefABCDEF:"] });
export const PathName = token("PathName", { label: "an absolute path", starts: ["/"] });
export const Alarm = token("Alarm", { label: "ALARM", starts: [..."aA|"] });
export const OldAlarm = token("OldAlarm", { isKindOf: Alarm, starts: [..."pP|"] });
export const Ftfw = token("Ftfw", { label: "FTFW", starts: [..."fF|"] });
export const OldFtfw = token("OldFtfw", { isKindOf: Ftfw, starts: [..."nN|"] });
export const Notrack = token("Notrack", { label: "NOTRACK", starts: [..."nN|"] });
export const Word = token("Word", { label: "a word", starts: letters });
export const LeftBrace = token("LeftBrace", { label: "{", starts: ["{"] });
export const RightBrace = token("RightBrace", { label: "}", starts: ["}"] });
/** A byte that begins no word of the language: always a syntax error. */
export const Stray = token("Stray");
/** All that follows the last token a file may have: always an error. */
export const TooMany = token("TooMany");
const Comment = token("Comment", { isSkipped: true, starts: ["#"] });
const Blank = token("Blank", { isSkipped: true, starts: [..." \t\r\n"] });

const keywordTokens = new Map(
  keywords.map(({ spelling, synonyms }) => [
    spelling,
    token(spelling, { starts: [spelling, ...synonyms].map((word) => word.charAt(0)) }),
  ]),
);

/** The token of a keyword row. @throws when there is no such row, at load time. */
export function keyword(spelling: string): TokenType {
  const type = keywordTokens.get(spelling);
  if (type === undefined) throw new Error(`no keyword row for ${spelling}`);
  return type;
}

// The order is of no importance: at most one pattern accepts at any place.
export const tokenTypes: readonly TokenType[] = [
  Blank,
  Comment,
  ...[LeftBrace, RightBrace, NumberToken, Word, On, Off, Ip, PathName, Signed],
  ...[Alarm, OldAlarm, Ftfw, OldFtfw, Notrack],
  ...keywordTokens.values(),
  Stray,
  TooMany,
];
