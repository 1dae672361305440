/**
 * The names of connection labels: a file of `bit name` lines, and the names in a list of an option.
 *
 * Lines that are not understood are passed over, as the reference does. Reading the file is for others.
 *
 * Described in: doc/conntrack.md, "Labels".
 */

/** `<blanks>bit<blanks>name`; the bit in C notation, the name of letters, digits, dashes and inner blanks. */
const LINE =
  /^[ \t]*\+?(0[xX][0-9a-fA-F]+|\d+)[ \t]+([A-Za-z0-9-](?:[A-Za-z0-9 -]*[A-Za-z0-9-])?)[ \t]*$/;

/** The kernel keeps 128 labels; the file may name more, which it then refuses. */
const MAX_BIT = 0xffff;

export class LabelMap {
  readonly #bits = new Map<string, number>();
  readonly #names = new Map<number, string>();

  /** For a repeated bit or name the first line counts. */
  constructor(text: string) {
    for (const line of text.split("\n")) {
      const match = LINE.exec(line);
      if (match === null) continue;
      const bit = cNumber(match[1]!);
      const name = match[2]!;
      if (bit > MAX_BIT || this.#names.has(bit) || this.#bits.has(name)) continue;
      this.#names.set(bit, name);
      this.#bits.set(name, bit);
    }
  }

  get size(): number {
    return this.#names.size;
  }

  bit(name: string): number | undefined {
    return this.#bits.get(name);
  }

  name(bit: number): string | undefined {
    return this.#names.get(bit);
  }
}

function cNumber(text: string): number {
  return /^0[0-7]+$/.test(text) ? Number.parseInt(text, 8) : Number(text);
}
