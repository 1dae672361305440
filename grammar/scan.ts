/**
 * Words of conntrackd.conf: which token stands at an offset.
 *
 * At each place every row is tried, the longest match wins, and of two equally long ones the row
 * that stands first. Text holds one character for each byte of the file, so that offsets are byte
 * offsets. All rows are linear in the length of what they match: no input makes the scan slow.
 */

import { keywords, legacyWords } from "./keywords.ts";

/** One row of words. */
interface Pattern {
  /** The token's name. */
  readonly name: string;
  /** What its first byte may be: at any other, nobody asks for its end. */
  readonly first: RegExp;
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

/** A shape that never looks back further than it has come. */
function shaped(shape: RegExp): Pattern["end"] {
  const sticky = new RegExp(shape.source, "y");
  return (text, at) => {
    sticky.lastIndex = at;
    return sticky.test(text) ? sticky.lastIndex : at;
  };
}

/** Any letter case, the longest first; `|` stands for any letter, an accident of the language that costs nothing. */
function spelled(...words: readonly string[]): Pattern["end"] {
  const anyCase = (letter: string) => `[${letter}${letter.toUpperCase()}|]`;
  return shaped(new RegExp(words.map((word) => [...word].map(anyCase).join("")).join("|")));
}

/** The obsolete name of ALARM: only with an upper-case T at its end, as the language has it. */
const oldAlarmStart = spelled("persisten");
function oldAlarm(text: string, at: number): number {
  const end = oldAlarmStart(text, at);
  return end > at && text[end] === "T" ? end + 1 : at;
}

/** An optional `/` and digits, glued to an address. */
const prefix = shaped(/\/[0-9]+/);
const ipv4 = shaped(/[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+(?:\/[0-9]+)?/);

function isHex(code: number): boolean {
  return (code >= 48 && code <= 57) || ((code | 32) >= 97 && (code | 32) <= 102);
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

/** In order of rank. Keywords rank before all of them and are words by shape, see `scan`. */
const patterns: readonly Pattern[] = [
  { name: "On", first: /[oy|]/i, end: spelled("yes", "on") },
  { name: "Off", first: /[on|]/i, end: spelled("off", "no") },
  { name: "Number", first: /[0-9]/, end: shaped(/[0-9]+/) },
  { name: "Signed", first: /[+-]/, end: shaped(/[+-][0-9]+/) },
  {
    name: "Ip",
    first: /[0-9a-f:]/i,
    end: (text, at) => Math.max(ipv4(text, at), ipv6(text, at)),
  },
  // Up to a blank, a newline or a quote: braces, `#`, tabs and CR belong to the name.
  { name: "PathName", first: /\//, end: shaped(/\/[^ \n"]*/) },
  { name: "ALARM", first: /[a|]/i, end: spelled("alarm") },
  { name: "OldAlarm", first: /[p|]/i, end: oldAlarm },
  { name: "FTFW", first: /[f|]/i, end: spelled("ftfw") },
  { name: "OldFtfw", first: /[n|]/i, end: spelled("nack") },
  { name: "NOTRACK", first: /[n|]/i, end: spelled("notrack") },
  { name: "Word", first: /[a-z]/i, end: shaped(/[A-Za-z][A-Za-z0-9._-]*/) },
  { name: "Comment", first: /#/, end: shaped(/#[^\n]*/) },
  { name: "Blank", first: /[ \t\n\r]/, end: shaped(/[ \t\n\r]+/) },
  { name: "LeftBrace", first: /\{/, end: (_text, at) => at + 1 },
  { name: "RightBrace", first: /\}/, end: (_text, at) => at + 1 },
  { name: "Stray", first: /[\0-\xff]/, end: (_text, at) => at + 1 },
];

/** Patterns that may begin with a byte, by its code; made when such a byte is met. */
const beginning: (readonly Pattern[] | undefined)[] = [];

function patternsFrom(text: string, at: number): readonly Pattern[] {
  const character = text.charAt(at);
  const code = text.charCodeAt(at);
  const found = beginning[code] ?? patterns.filter(({ first }) => first.test(character));
  beginning[code] = found;
  return found;
}

/** The token at `at`, which must lie inside the text. */
export function scan(text: string, at: number): Scanned {
  let name = "Stray";
  let end = at;
  for (const pattern of patternsFrom(text, at)) {
    const next = pattern.end(text, at);
    if (next <= end) continue;
    name = pattern.name;
    end = next;
  }
  if (name !== "Word") return { name, end };
  return { name: keywordOf.get(text.slice(at, end)) ?? "Word", end };
}
