/** What is said about a place of a configuration file, and how a file is rewritten. */

import type { Written } from "../../grammar/index.ts";
import type { Position } from "./draft.ts";
import type { RuleId } from "./language-rules.ts";

/** Replaces the bytes from `offset` up to `end`. */
export interface Edit {
  readonly offset: number;
  readonly end: number;
  /** One character a byte. */
  readonly text: string;
}

/** What the C daemon does with a place that it does not read as we do. */
export type ReferenceVerdict = "refuses" | "aborts" | "misreads";

export interface Remarks {
  /** After a syntax error: what would have been right, in people's words. */
  readonly expected?: readonly string[];
  /** What was probably meant, the likeliest first. */
  readonly suggestions?: readonly string[];
  /** One sentence for people; not part of the log's words. */
  readonly hint?: string;
  /** A rewrite that keeps the meaning. */
  readonly edits?: readonly Edit[];
  readonly reference?: ReferenceVerdict;
}

export interface Diagnostic extends Position, Remarks {
  /** A note is nothing the daemon would say. */
  readonly severity: "error" | "warning" | "note";
  readonly rule: RuleId;
  /** The line of the log. Some end in a newline of their own. */
  readonly text: string;
  /** Behind the last byte of the place; its offset at the end of the file. */
  readonly end: number;
}

/** Of edits that overlap, the one that begins first counts. */
export function applyEdits(bytes: Uint8Array, edits: readonly Edit[]): Uint8Array {
  const parts: Uint8Array[] = [];
  let done = 0;
  for (const { offset, end, text } of [...edits].sort((a, b) => a.offset - b.offset)) {
    if (offset < done || end < offset || end > bytes.length) continue;
    parts.push(bytes.subarray(done, offset));
    parts.push(Uint8Array.from(text, (character) => character.charCodeAt(0)));
    done = end;
  }
  parts.push(bytes.subarray(done));
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/**
 * Takes a clause without braces out, with its line where nothing else stands on it. A comment between
 * its words stays.
 */
export function removal(text: string, { offset, end, keyword, values }: Written): readonly Edit[] {
  const words = keyword ? [keyword, ...values] : values;
  const isParted = words.some((word, i) => {
    const next = words[i + 1];
    return next && /\S/.test(text.slice(word.offset + word.text.length, next.offset));
  });
  if (isParted) {
    return words.map((word) => ({
      ...{ offset: word.offset, end: word.offset + word.text.length, text: "" },
    }));
  }
  const lineStart = text.lastIndexOf("\n", offset - 1) + 1;
  const newline = text.indexOf("\n", end);
  const lineEnd = newline < 0 ? text.length : newline + 1;
  const isAlone = /^[ \t]*$/.test(text.slice(lineStart, offset));
  const isLast = /^[ \t\r\n]*$/.test(text.slice(end, lineEnd));
  return [
    isAlone && isLast ? { offset: lineStart, end: lineEnd, text: "" } : { offset, end, text: "" },
  ];
}
