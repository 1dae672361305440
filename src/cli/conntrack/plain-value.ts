/**
 * Values of options as nearly everybody writes them, read from bytes straight into a word of the register: an IPv4 address
 * of four decimal parts, a number of at most nine digits.
 *
 * Nothing else is plain, however lenient the C library is: then values.ts reads it.
 */
import { swap32 } from "../../kit/bytes.ts";

/** Where the plain value of an option goes. Ports wrap at 16 bits, as they do in the reference. */
export interface Place {
  /** Offset in the register; an address takes four words, and an IPv4 address fills the first. */
  readonly at: number;
  readonly kind: "address" | "port" | "number";
}

/** A value with a place, by the number of its word on the line; 0: it was no word of its own. */
export interface PlacedWord {
  readonly word: number;
  readonly place: Place;
}

const MAX_DIGITS = 9;
const DOT = 0x2e;
const ZERO = 0x30;

/** The word for the value in `bytes` from `at` to `end`; -1 if it is not plain. */
export function readPlain(bytes: Uint8Array, at: number, end: number, kind: Place["kind"]): number {
  if (kind === "address") return readDotted(bytes, at, end);
  const value = readDigits(bytes, at, end);
  return kind === "port" && value >= 0 ? value & 0xffff : value;
}

function readDigits(bytes: Uint8Array, at: number, end: number): number {
  if (at === end || end - at > MAX_DIGITS) return -1;
  let value = 0;
  for (let i = at; i < end; i++) {
    const digit = bytes[i]! - ZERO;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

/** Without leading zeros: the C library takes them for octal numbers. */
function readDotted(bytes: Uint8Array, at: number, end: number): number {
  let address = 0;
  let part = -1;
  let dots = 0;
  for (let i = at; i < end; i++) {
    const code = bytes[i]!;
    if (code === DOT) {
      if (part < 0) return -1;
      address = (address << 8) | part;
      part = -1;
      dots += 1;
      continue;
    }
    const digit = code - ZERO;
    if (digit < 0 || digit > 9 || part === 0) return -1;
    part = part < 0 ? digit : part * 10 + digit;
    if (part > 255) return -1;
  }
  return part < 0 || dots !== 3 ? -1 : swap32((address << 8) | part) >>> 0;
}
