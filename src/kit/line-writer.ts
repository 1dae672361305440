/**
 * Lines of text as bytes: what programs print by the hundred thousand goes through here, without a
 * string a line.
 *
 * One byte a character: what is written is ASCII, or bytes that somebody else chose (Latin-1). It
 * grows as far as it must, and knows nothing of where the bytes go.
 */

const ZERO = 0x30;
const NEWLINE = 0x0a;
/** Digits of 2^32 - 1. */
const MAX_DIGITS = 10;
const HEX = "0123456789abcdef";
/** Bytes turned into one string at a time: `String.fromCharCode` takes its arguments on the stack. */
const STRING_PIECE = 4096;

export class LineWriter {
  #bytes: Uint8Array;
  #at = 0;

  constructor(capacityBytes = 4096) {
    this.#bytes = new Uint8Array(capacityBytes);
  }

  /** Bytes written so far; they lie at the beginning of `bytes`. */
  get length(): number {
    return this.#at;
  }

  /** Valid until the next write: growing moves it. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** Forget everything behind `length` bytes. */
  cut(length = 0): void {
    this.#at = length;
  }

  /** Take out the bytes from `start` up to `end`; what lies behind moves up. */
  remove(start: number, end: number): void {
    this.#bytes.copyWithin(start, end, this.#at);
    this.#at -= end - start;
  }

  text(text: string): void {
    const length = text.length;
    const bytes = this.#room(length);
    const at = this.#at;
    for (let i = 0; i < length; i++) bytes[at + i] = text.charCodeAt(i);
    this.#at = at + length;
  }

  /** Bytes `start` to `end` of another writer. */
  copy(from: LineWriter, start: number, end: number): void {
    const bytes = this.#room(end - start);
    bytes.set(from.bytes.subarray(start, end), this.#at);
    this.#at += end - start;
  }

  newline(): void {
    this.#room(1)[this.#at++] = NEWLINE;
  }

  /** A whole number from 0 to 2^32 - 1. */
  decimal(value: number): void {
    const bytes = this.#room(MAX_DIGITS);
    if (value < 10) {
      bytes[this.#at++] = ZERO + value;
      return;
    }
    let end = this.#at + digits(value);
    this.#at = end;
    let rest = value;
    while (rest >= 10) {
      const tenth = Math.floor(rest / 10);
      bytes[--end] = ZERO + (rest - tenth * 10);
      rest = tenth;
    }
    bytes[--end] = ZERO + rest;
  }

  /** Lower case, without leading zeros. */
  hex(value: number): void {
    let shift = 28;
    while (shift > 0 && value >>> shift === 0) shift -= 4;
    const bytes = this.#room(8);
    for (; shift >= 0; shift -= 4) bytes[this.#at++] = HEX.charCodeAt((value >>> shift) & 15);
  }

  /** Four bytes at `at` of `source`, dotted. */
  dotted(source: Uint8Array, at: number): void {
    const bytes = this.#room(16);
    let to = this.#at;
    for (let i = 0; i < 4; i++) {
      const octet = source[at + i]!;
      if (octet >= 100) {
        const hundreds = octet >= 200 ? 2 : 1;
        bytes[to++] = ZERO + hundreds;
        const rest = octet - hundreds * 100;
        const tens = (rest * 205) >> 11;
        bytes[to++] = ZERO + tens;
        bytes[to++] = ZERO + rest - tens * 10;
      } else if (octet >= 10) {
        const tens = (octet * 205) >> 11;
        bytes[to++] = ZERO + tens;
        bytes[to++] = ZERO + octet - tens * 10;
      } else {
        bytes[to++] = ZERO + octet;
      }
      if (i < 3) bytes[to++] = 0x2e;
    }
    this.#at = to;
  }

  /** What was written from byte `start` on. */
  string(start = 0): string {
    let text = "";
    for (let at = start; at < this.#at; at += STRING_PIECE) {
      const end = Math.min(at + STRING_PIECE, this.#at);
      text += String.fromCharCode.apply(null, this.#bytes.subarray(at, end) as unknown as number[]);
    }
    return text;
  }

  #room(size: number): Uint8Array {
    if (this.#at + size > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#at + size));
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    return this.#bytes;
  }
}

function digits(value: number): number {
  if (value < 1e5) {
    if (value < 100) return 2;
    return value < 1e3 ? 3 : value < 1e4 ? 4 : 5;
  }
  if (value < 1e7) return value < 1e6 ? 6 : 7;
  if (value < 1e8) return 8;
  return value < 1e9 ? 9 : 10;
}
