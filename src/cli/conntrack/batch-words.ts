/**
 * A line of a batch file into words, and a stream of bytes into lines.
 *
 * A double quote begins a word in which blanks are ordinary and a backslash takes the next character as
 * it is; the closing quote ends the word. There are no comments behind a command, and no
 * continuation.
 *
 * Described in: doc/conntrack.md, "Batch files".
 */
import { usageFailure } from "./failure.ts";

/** Bytes of a line that belong together; what follows is a line of its own. */
export const MAX_LINE_BYTES = 10239;
const MAX_WORD_BYTES = 1023;
/** Words of a line, the name of the program among them. */
const MAX_WORDS = 254;

const TAB = 0x09;
const NEWLINE = 0x0a;
const BLANK = 0x20;
/** Begins and ends a word in which blanks are ordinary. */
export const QUOTE = 0x22;
const HASH = 0x23;
const BACKSLASH = 0x5c;

/** `first` and the words of the line; undefined for an empty line and for a comment. */
export function splitWords(line: string, first: string): string[] | undefined {
  let at = 0;
  while (isGap(line.charCodeAt(at)) && line.charCodeAt(at) !== NEWLINE) at += 1;
  const start = line.charCodeAt(at);
  if (at >= line.length || start === NEWLINE || start === HASH) return undefined;
  const words = [first];
  if (line.indexOf('"') < 0) {
    const text = line.slice(at, line.endsWith("\n") ? -1 : undefined);
    const parts = text.indexOf("\t") < 0 ? text.split(" ") : text.split(GAPS);
    for (const word of parts) if (word !== "") push(words, word);
    return words;
  }
  while (at < line.length) {
    const code = line.charCodeAt(at);
    if (isGap(code)) {
      at += 1;
      continue;
    }
    at = code === QUOTE ? quoted(line, at + 1, words) : plain(line, at, words);
  }
  return words;
}

/** What lies between words that have no quotes. */
const GAPS = /[ \t]/;

/** What lies between words. */
export function isGap(code: number): boolean {
  return code === BLANK || code === TAB || code === NEWLINE;
}

/** A word that begins at `start`; answers where it ends. Quotes inside it only protect blanks. */
function plain(line: string, start: number, words: string[]): number {
  let at = start;
  while (at < line.length && !isGap(line.charCodeAt(at)) && line.charCodeAt(at) !== QUOTE) at += 1;
  if (line.charCodeAt(at) !== QUOTE) {
    push(words, line.slice(start, at));
    return at;
  }
  return quoted(line, at + 1, words, line.slice(start, at));
}

/** The quoted part that begins at `start` ends the word that `before` has begun. */
function quoted(line: string, start: number, words: string[], before = ""): number {
  let word = before;
  let at = start;
  for (; at < line.length && line.charCodeAt(at) !== QUOTE; at++) {
    if (line.charCodeAt(at) === BACKSLASH && at + 1 < line.length) at += 1;
    word += line[at];
  }
  push(words, word);
  return at + 1;
}

function push(words: string[], word: string): void {
  if (word.length > MAX_WORD_BYTES) throw usageFailure("Parameter too long!");
  if (words.length >= MAX_WORDS) throw usageFailure("too many arguments");
  words.push(word);
}

/** Takes a line, with its newline: the bytes from `at` to `end`, for as long as the call lasts. */
export type LineVisitor = (bytes: Buffer, at: number, end: number, number: number) => void;

/** Cuts pieces of a file into lines; a line knows its number in the file. */
export class LineCutter {
  #rest: Buffer = Buffer.alloc(0);
  #number = 1;
  readonly #visit: LineVisitor;

  constructor(visit: LineVisitor) {
    this.#visit = visit;
  }

  /** The next piece of the file; it may be overwritten afterwards. */
  take(piece: Buffer): void {
    const all = this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece]);
    const hasNul = all.includes(0);
    let at = 0;
    for (;;) {
      const newline = all.indexOf(NEWLINE, at);
      const end = newline < 0 ? all.length : newline + 1;
      while (end - at > MAX_LINE_BYTES) {
        this.#line(all, at, at + MAX_LINE_BYTES, hasNul);
        at += MAX_LINE_BYTES;
      }
      if (newline < 0) break;
      this.#line(all, at, end, hasNul);
      this.#number += 1;
      at = end;
    }
    this.#rest = Buffer.from(all.subarray(at));
  }

  /** The file has ended: what is left is the last line. */
  end(): void {
    const rest = this.#rest;
    if (rest.length > 0) this.#line(rest, 0, rest.length, rest.includes(0));
    this.#rest = Buffer.alloc(0);
  }

  /** A NUL ends what the reference sees of a line. */
  #line(bytes: Buffer, at: number, end: number, hasNul: boolean): void {
    const nul = hasNul ? bytes.subarray(at, end).indexOf(0) : -1;
    this.#visit(bytes, at, nul < 0 ? end : at + nul, this.#number);
  }
}
