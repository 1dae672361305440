/**
 * Attributes of a netlink message one after the other, for messages that are read once in a while. What comes by the
 * thousand has tables of its own in src/flow. Bounds are checked; what does not fit ends the walk.
 */
import { align4 } from "../kit/bytes.ts";
import { type MessageWriter, NLA_TYPE_MASK, readU16 } from "./message.ts";

const HEADER_BYTES = 4;

export interface Attribute {
  readonly type: number;
  /** The value lies between these places. */
  readonly from: number;
  readonly to: number;
}

/** The attributes between two places, without their padding. */
export function* attributesOf(bytes: Uint8Array, at: number, end: number): Generator<Attribute> {
  let next = at;
  while (next + HEADER_BYTES <= end) {
    const length = readU16(bytes, next);
    if (length < HEADER_BYTES || next + length > end) return;
    const type = readU16(bytes, next + 2) & NLA_TYPE_MASK;
    yield { type, from: next + HEADER_BYTES, to: next + length };
    next += align4(length);
  }
}

/** A string of Latin-1, up to its first NUL. */
export function readText(bytes: Uint8Array, { from, to }: Attribute): string {
  const nul = bytes.subarray(from, to).indexOf(0);
  return String.fromCharCode(...bytes.subarray(from, nul < 0 ? to : from + nul));
}

/** A string of Latin-1, with its terminating NUL. */
export function writeText(w: MessageWriter, type: number, text: string): void {
  const bytes = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
  w.text(type, bytes, 0, bytes.length);
}
