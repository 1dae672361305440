/** Bytes of a file to lines and columns as people, editors and programs count them. */

import type { Inspection } from "../index.ts";
import type { Span } from "./rule.ts";

export interface Region {
  /** From 1, columns in bytes, the end exclusive. */
  readonly line: number;
  readonly column: number;
  readonly endLine: number;
  readonly endColumn: number;
}

export function regionOf({ place }: Inspection, { offset, end }: Span): Region {
  const from = place(offset);
  const to = place(Math.max(offset, end));
  return { line: from.line, column: from.column, endLine: to.line, endColumn: to.column };
}

/** Bytes, one a character, to text. What is no UTF-8 shows as a replacement character. */
export function decode(bytes: string): string {
  if (!/[\x80-\xff]/.test(bytes)) return bytes;
  return new TextDecoder().decode(Uint8Array.from(bytes, (character) => character.charCodeAt(0)));
}

/** Bytes before a place that are looked at. A line may be as long as the file. */
const maxBefore = 16384;

/** Where an offset's line begins. */
export function startOfLine({ place }: Inspection, offset: number): number {
  return offset - place(offset).column + 1;
}

/**
 * UTF-16 units, as editors and SARIF count them, before an offset in its line; from 0. A line beyond
 * all measure is no text: its columns are those of bytes.
 */
export function unitsBefore(inspection: Inspection, offset: number): number {
  const start = startOfLine(inspection, offset);
  if (offset - start > maxBefore) return offset - start;
  return decode(inspection.text.slice(start, offset)).length;
}
