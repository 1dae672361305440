/**
 * A queue of records, linked through the records themselves: joining, leaving and leaving from the
 * middle cost nothing but four words, and a record is in one queue at the most.
 */
import { type Arena, NULL_REF } from "./arena.ts";
import { H, Meta } from "./record.ts";

/** Which queue a record is in: bits of `meta`. */
export const QueueId = { none: 0, transmit: 1, resend: 2, timed: 3 } as const;
export type QueueId = (typeof QueueId)[keyof typeof QueueId];

/** Whoever links records and must know when one of them moves. */
export interface Followed {
  /** A member moved to `to`, which already holds a copy of its header. */
  moved(to: number): void;
}

export class RecordQueue implements Followed {
  readonly id: QueueId;
  readonly #arena: Arena;
  head = NULL_REF;
  tail = NULL_REF;
  length = 0;

  constructor(arena: Arena, id: QueueId) {
    this.#arena = arena;
    this.id = id;
  }

  append(ref: number): void {
    const page = this.#arena.page(ref);
    const at = this.#arena.offset(ref);
    page[at + H.queuePrevious] = this.tail;
    page[at + H.queueNext] = NULL_REF;
    page[at + H.meta] = (page[at + H.meta]! & ~Meta.queueMask) | (this.id << Meta.queueShift);
    if (this.tail === NULL_REF) this.head = ref;
    else this.#link(this.tail, H.queueNext, ref);
    this.tail = ref;
    this.length += 1;
  }

  remove(ref: number): void {
    const page = this.#arena.page(ref);
    const at = this.#arena.offset(ref);
    const previous = page[at + H.queuePrevious]!;
    const next = page[at + H.queueNext]!;
    if (previous === NULL_REF) this.head = next;
    else this.#link(previous, H.queueNext, next);
    if (next === NULL_REF) this.tail = previous;
    else this.#link(next, H.queuePrevious, previous);
    page[at + H.meta]! &= ~Meta.queueMask;
    this.length -= 1;
  }

  /** The record behind `ref`. */
  next(ref: number): number {
    return this.#arena.page(ref)[this.#arena.offset(ref) + H.queueNext]!;
  }

  /** Forget all members without looking at them: their memory is given back. */
  reset(): void {
    this.head = NULL_REF;
    this.tail = NULL_REF;
    this.length = 0;
  }

  moved(to: number): void {
    const page = this.#arena.page(to);
    const at = this.#arena.offset(to);
    const previous = page[at + H.queuePrevious]!;
    const next = page[at + H.queueNext]!;
    if (previous === NULL_REF) this.head = to;
    else this.#link(previous, H.queueNext, to);
    if (next === NULL_REF) this.tail = to;
    else this.#link(next, H.queuePrevious, to);
  }

  #link(ref: number, field: number, target: number): void {
    this.#arena.page(ref)[this.#arena.offset(ref) + field] = target;
  }
}
