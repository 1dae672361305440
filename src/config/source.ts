/** Bytes of a file as text with one character a byte, and places in it. */

import type { Position } from "./draft.ts";

export interface Source {
  /** One character a byte. A byte-order mark becomes blanks, so that offsets stay byte offsets. */
  readonly text: string;
  readonly hasMark: boolean;
}

export function sourceOf(bytes: Uint8Array): Source {
  const hasMark = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  const parts = hasMark ? ["   "] : [];
  for (let at = hasMark ? 3 : 0; at < bytes.length; at += 8192) {
    // Spread, each byte would pass through an iterator: half the time of a reading.
    parts.push(Reflect.apply(String.fromCharCode, undefined, bytes.subarray(at, at + 8192)));
  }
  return { text: parts.join(""), hasMark };
}

/** Lines and columns count from 1, columns in bytes. */
export function locator(text: string): (offset: number) => Position {
  const starts = [0];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return (offset) => {
    let low = 0;
    let high = starts.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle;
    }
    return { line: low + 1, column: offset - (starts[low] ?? 0) + 1, offset };
  };
}
