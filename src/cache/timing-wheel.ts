/**
 * Records that wait for a moment of their own: a ring of queues, one for each tick. A record joins the
 * queue of its tick, leaves from anywhere, and costs no timer and no memory beyond its header.
 *
 * A moment further away than one round waits in its queue for the later round. The number of the tick
 * stands in the record's `sequence` word: a record that waits here has no other use for it.
 */
import { type Arena, NULL_REF } from "./arena.ts";
import { type Followed, type QueueId, RecordQueue } from "./queue.ts";
import { H } from "./record.ts";

export class TimingWheel implements Followed {
  readonly #arena: Arena;
  readonly #slots: readonly RecordQueue[];
  /** All ticks up to this one are over. */
  #tick = 0;
  #length = 0;

  /** `slots`: ticks of one round, a power of two. */
  constructor(arena: Arena, id: QueueId, slots: number) {
    this.#arena = arena;
    this.#slots = Array.from({ length: slots }, () => new RecordQueue(arena, id));
  }

  get length(): number {
    return this.#length;
  }

  /** The last tick that is over. */
  get tick(): number {
    return this.#tick;
  }

  /** Wait until `tick`, which is not over yet. */
  add(ref: number, tick: number): void {
    this.#arena.page(ref)[this.#arena.offset(ref) + H.sequence] = tick;
    this.#slotOf(tick).append(ref);
    this.#length += 1;
  }

  remove(ref: number): void {
    this.#slotOf(this.#tickOf(ref)).remove(ref);
    this.#length -= 1;
  }

  moved(to: number): void {
    this.#slotOf(this.#tickOf(to)).moved(to);
  }

  /**
   * Take out what waits for ticks up to `until`, `budget` records at the most, and hand each to `due`,
   * which may add it again. False: more is due.
   */
  advance(until: number, budget: number, due: (ref: number) => void): boolean {
    // A clock that stood still for longer than a round finds everything in one.
    const from = Math.max(this.#tick, until - this.#slots.length);
    let left = budget;
    for (let tick = from + 1; tick <= until; tick++) {
      let ref = this.#slotOf(tick).head;
      while (ref !== NULL_REF) {
        const next = this.#slotOf(tick).next(ref);
        if (this.#tickOf(ref) <= until) {
          if (left === 0) return false;
          left -= 1;
          this.remove(ref);
          due(ref);
        }
        ref = next;
      }
      this.#tick = tick;
    }
    this.#tick = until;
    return true;
  }

  /** Forget all records without looking at them: their memory is given back. */
  reset(): void {
    for (const slot of this.#slots) slot.reset();
    this.#length = 0;
  }

  #tickOf(ref: number): number {
    return this.#arena.page(ref)[this.#arena.offset(ref) + H.sequence]!;
  }

  #slotOf(tick: number): RecordQueue {
    return this.#slots[tick & (this.#slots.length - 1)]!;
  }
}
