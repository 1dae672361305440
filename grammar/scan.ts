/**
 * Words of conntrackd.conf: which token stands at an offset.
 *
 * At each place every row is tried, the longest match wins, and of two equally long ones the row
 * that stands first. Text holds one character for each byte of the file, so that offsets are byte
 * offsets. All rows are linear in the length of what they match: no input makes the scan slow.
 */

import { keywords, legacyWords } from "./keywords.ts";

export interface Pattern {
  /** The token's name. */
  readonly name: string;
  /** The end of the longest match at `at`; `at` itself when there is none. */
  readonly end: (text: string, at: number) => number;
}

export interface Scanned {
  /** Name of a pattern, or the spelling of a keyword. */
  readonly name: string;
  readonly end: number;
}

const keywordOf = new Map([
  ...keywords.flatMap(({ spelling, synonyms }) =>
    [spelling, ...synonyms].map((word): [string, string] => [word, spelling]),
  ),
  ...legacyWords.map((word): [string, string] => [word, word]),
]);

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

function isHex(code: number): boolean {
  return isDigit(code) || ((code | 32) >= 97 && (code | 32) <= 102);
}

function isLetter(code: number): boolean {
  return (code | 32) >= 97 && (code | 32) <= 122;
}

function isWord(code: number): boolean {
  return isLetter(code) || isDigit(code) || code === 46 || code === 95 || code === 45;
}

function run(text: string, at: number, belongs: (code: number) => boolean): number {
  let end = at;
  while (end < text.length && belongs(text.charCodeAt(end))) end++;
  return end;
}

/** Any letter case; `|` stands for any letter, an accident of the language that costs nothing. */
function spelled(...words: readonly string[]): Pattern["end"] {
  const spellings = words.map((word) => [word, word.toUpperCase()] as const);
  return (text, at) => {
    let end = at;
    for (const [small, large] of spellings) {
      let i = 0;
      while (i < small.length && fits(text[at + i], small[i], large[i])) i++;
      if (i === small.length) end = Math.max(end, at + i);
    }
    return end;
  };
}

function fits(found: string | undefined, small: string | undefined, large: string | undefined) {
  return found === small || found === large || found === "|";
}

/** The obsolete name of ALARM: only with an upper-case T at its end, as the language has it. */
const oldAlarmStart = spelled("persisten");
function oldAlarm(text: string, at: number): number {
  const end = oldAlarmStart(text, at);
  return end > at && text[end] === "T" ? end + 1 : at;
}

function signed(text: string, at: number): number {
  if (text[at] !== "+" && text[at] !== "-") return at;
  const end = run(text, at + 1, isDigit);
  return end > at + 1 ? end : at;
}

/** An optional `/` and digits, glued to an address. */
function prefix(text: string, at: number): number {
  if (text[at] !== "/") return at;
  const end = run(text, at + 1, isDigit);
  return end > at + 1 ? end : at;
}

function ipv4(text: string, at: number): number {
  let end = at;
  for (let part = 0; part < 4; part++) {
    if (part > 0 && text[end++] !== ".") return at;
    const next = run(text, end, isDigit);
    if (next === end) return at;
    end = next;
  }
  return prefix(text, end);
}

/** One to four hexadecimal digits; `at` when there is none. */
function group(text: string, at: number): number {
  let end = at;
  while (end < at + 4 && end < text.length && isHex(text.charCodeAt(end))) end++;
  return end;
}

/** Up to seven groups, each with an optional colon. Taking all it can is also the longest. */
function looseGroups(text: string, at: number): number {
  let end = at;
  for (let count = 0; count < 7; count++) {
    const next = group(text, end);
    if (next === end) return end;
    end = text[next] === ":" ? next + 1 : next;
  }
  return end;
}

/** Loose groups, a double colon, loose groups. */
function ipv6Short(text: string, at: number): number {
  const first = looseGroups(text, at);
  // The last group may have taken the first colon of the two.
  const backed = first > at && text[first - 1] === ":" ? first - 1 : first;
  for (const colons of [first, backed]) {
    if (text.startsWith("::", colons)) return looseGroups(text, colons + 2);
  }
  return at;
}

/** One to eight groups between single colons: also a bare word of one to four hex digits. */
function ipv6Full(text: string, at: number): number {
  let end = group(text, at);
  if (end === at) return at;
  for (let count = 1; count < 8 && text[end] === ":"; count++) {
    const next = group(text, end + 1);
    if (next === end + 1) break;
    end = next;
  }
  return end;
}

function ipv6(text: string, at: number): number {
  const end = Math.max(ipv6Short(text, at), ipv6Full(text, at));
  return end > at ? prefix(text, end) : at;
}

/** From a slash to a blank, a newline or a quote: braces, `#`, tabs and CR belong to the name. */
function path(text: string, at: number): number {
  if (text[at] !== "/") return at;
  return run(text, at + 1, (code) => code !== 32 && code !== 10 && code !== 34);
}

function word(text: string, at: number): number {
  return isLetter(text.charCodeAt(at)) ? run(text, at + 1, isWord) : at;
}

function comment(text: string, at: number): number {
  return text[at] === "#" ? run(text, at + 1, (code) => code !== 10) : at;
}

function blank(text: string, at: number): number {
  return run(text, at, (code) => code === 32 || code === 9 || code === 10 || code === 13);
}

function single(character: string): Pattern["end"] {
  return (text, at) => (text[at] === character ? at + 1 : at);
}

/** In order of rank. Keywords rank before all of them and are words by shape, see `scan`. */
export const patterns: readonly Pattern[] = [
  { name: "On", end: spelled("on", "yes") },
  { name: "Off", end: spelled("off", "no") },
  { name: "Number", end: (text, at) => run(text, at, isDigit) },
  { name: "Signed", end: signed },
  { name: "Ip", end: (text, at) => Math.max(ipv4(text, at), ipv6(text, at)) },
  { name: "PathName", end: path },
  { name: "ALARM", end: spelled("alarm") },
  { name: "OldAlarm", end: oldAlarm },
  { name: "FTFW", end: spelled("ftfw") },
  { name: "OldFtfw", end: spelled("nack") },
  { name: "NOTRACK", end: spelled("notrack") },
  { name: "Word", end: word },
  { name: "Comment", end: comment },
  { name: "Blank", end: blank },
  { name: "LeftBrace", end: single("{") },
  { name: "RightBrace", end: single("}") },
  { name: "Stray", end: (_text, at) => at + 1 },
];

/** The token at `at`, which must lie inside the text. */
export function scan(text: string, at: number): Scanned {
  let name = "Stray";
  let end = at;
  for (const pattern of patterns) {
    const next = pattern.end(text, at);
    if (next <= end) continue;
    name = pattern.name;
    end = next;
  }
  if (name !== "Word") return { name, end };
  return { name: keywordOf.get(text.slice(at, end)) ?? "Word", end };
}
