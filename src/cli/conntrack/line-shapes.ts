/**
 * Lines of a batch file that differ in plain values alone: addresses, ports, timeouts. The first of a kind is read word by
 * word; what it has become is kept, and those that follow put their values into a copy of it.
 *
 * A saved table is hundreds of thousands of lines of a few shapes. What fits no shape to the byte is read as ever, so a
 * shape makes a line quicker and never anything else.
 *
 * Described in: doc/conntrack.md, "Batch files".
 */
import { FlowTemplate } from "../../flow/template.ts";
import { isGap, QUOTE } from "./batch-words.ts";
import { type Place, type PlacedWord, readPlain } from "./plain-value.ts";

/** Kinds of lines that are remembered. */
const MAX_SHAPES = 16;

/** A line stands in `bytes` from `at` to `end`, with its newline. */
export interface Line {
  readonly bytes: Buffer;
  readonly at: number;
  readonly end: number;
}

/** An entry to create, as a line says it. */
export interface Creation {
  readonly template: FlowTemplate;
  /** It was `-I`. */
  readonly isExclusive: boolean;
}

/** Bytes that are the same on every line of the shape, and the value behind them. */
interface Piece {
  readonly literal: Uint8Array;
  readonly place: Place;
}

class LineShape implements Creation {
  /** What the last line said. */
  readonly template = new FlowTemplate();
  readonly isExclusive: boolean;
  readonly #first = new FlowTemplate();
  readonly #pieces: readonly Piece[];
  readonly #rest: Uint8Array;

  constructor(first: Creation, pieces: readonly Piece[], rest: Uint8Array) {
    this.#first.copyFrom(first.template);
    this.isExclusive = first.isExclusive;
    this.#pieces = pieces;
    this.#rest = rest;
  }

  /** False, with a template of no meaning, if the line is of another shape. */
  fill({ bytes, at, end }: Line): boolean {
    const { template } = this;
    const { words } = template.flow;
    template.copyFrom(this.#first);
    let here = at;
    for (const { literal, place } of this.#pieces) {
      if (!startsWith(bytes, here, end, literal)) return false;
      here += literal.length;
      const until = wordEnd(bytes, here, end);
      const value = readPlain(bytes, here, until, place.kind);
      if (value < 0) return false;
      words[place.at] = value;
      here = until;
    }
    return end - here === this.#rest.length && startsWith(bytes, here, end, this.#rest);
  }
}

export class LineShapes {
  readonly #shapes: LineShape[] = [];
  /** The shape of the line before: most likely that of the next. */
  #last = 0;
  /** Which one makes room. */
  #oldest = 0;

  /** What the line says, valid until the next; undefined if it has to be read. */
  fill(line: Line): Creation | undefined {
    const shapes = this.#shapes;
    for (let i = 0; i < shapes.length; i++) {
      const number = (this.#last + i) % shapes.length;
      if (!shapes[number]!.fill(line)) continue;
      this.#last = number;
      return shapes[number];
    }
    return undefined;
  }

  /** Remember what a line became when it was read, with those of its words that others may replace. */
  learn(line: Line, first: Creation, placed: readonly PlacedWord[]): void {
    const shape = shapeOf(line, first, placed);
    if (shape === undefined) return;
    if (this.#shapes.length < MAX_SHAPES) {
      this.#last = this.#shapes.push(shape) - 1;
      return;
    }
    this.#last = this.#oldest;
    this.#shapes[this.#oldest] = shape;
    this.#oldest = (this.#oldest + 1) % MAX_SHAPES;
  }
}

/** Undefined where words are not what lies between gaps. */
function shapeOf(
  { bytes, at, end }: Line,
  first: Creation,
  placed: readonly PlacedWord[],
): LineShape | undefined {
  const pieces: Piece[] = [];
  const places = new Map(placed.map(({ word, place }) => [word, place]));
  let literalAt = at;
  let word = 0;
  for (let here = at; here < end; ) {
    if (isGap(bytes[here]!)) {
      here += 1;
      continue;
    }
    const until = wordEnd(bytes, here, end);
    if (bytes.subarray(here, until).includes(QUOTE)) return undefined;
    word += 1;
    const place = places.get(word);
    // A value that is not plain, such as a network, stays what it is on every line of the shape.
    if (place !== undefined && readPlain(bytes, here, until, place.kind) >= 0) {
      pieces.push({ literal: bytes.slice(literalAt, here), place });
      literalAt = until;
    }
    here = until;
  }
  return new LineShape(first, pieces, bytes.slice(literalAt, end));
}

function startsWith(bytes: Uint8Array, at: number, end: number, literal: Uint8Array): boolean {
  if (end - at < literal.length) return false;
  for (let i = 0; i < literal.length; i++) if (bytes[at + i] !== literal[i]) return false;
  return true;
}

/** Where the word that begins at `at` ends. */
function wordEnd(bytes: Uint8Array, at: number, end: number): number {
  let here = at;
  while (here < end && !isGap(bytes[here]!)) here += 1;
  return here;
}
