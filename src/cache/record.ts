/** The header of a cache record: word offsets, and the bits of its `meta` word. */

export const H = {
  hash: 0,
  /** Neighbours in the queue the record waits in. */
  queuePrevious: 1,
  queueNext: 2,
  /** Sequence number under which the record was last sent. */
  sequence: 3,
  /** Seconds: when the entry was made, and when it was last updated. */
  created: 4,
  updated: 5,
  meta: 6,
} as const;

export const HEADER_WORDS = 7;

/** `meta`: state in bits 0-1, queue in 2-3, flags, wire words in bits 8-15, local words in 16-23. */
export const Meta = {
  stateMask: 0x3,
  queueShift: 2,
  queueMask: 0xc,
  /** A control message, not a flow: its payload is flags, from, to. */
  control: 1 << 4,
  /** The identity has parts outside the first words (zone, GRE key, UDP-Lite port). */
  extraKey: 1 << 5,
  /** The record is an expectation. */
  expectation: 1 << 6,
  /** The record belongs to no cache: it is freed once it was sent. */
  loose: 1 << 7,
  wireShift: 8,
  localShift: 16,
} as const;

/** What happened to an entry since it was added. */
export const State = { new: 0, alive: 1, dead: 2 } as const;
export type State = (typeof State)[keyof typeof State];

export function wireWordsOf(meta: number): number {
  return (meta >>> Meta.wireShift) & 0xff;
}

export function localWordsOf(meta: number): number {
  return (meta >>> Meta.localShift) & 0xff;
}

/** Words of the whole record. */
export function recordWords(meta: number): number {
  return HEADER_WORDS + wireWordsOf(meta) + localWordsOf(meta);
}
