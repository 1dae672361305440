/**
 * `CacheTimeout`: entries that a peer does not confirm any more leave. All wait equally long, so a queue
 * in the order of their last confirmation is enough: the first to go is its head.
 *
 * Described in: doc/sync/machines.md, "ALARM".
 */
import { type Arena, NULL_REF } from "../cache/arena.ts";
import { QueueId, RecordQueue } from "../cache/queue.ts";
import { H, Meta } from "../cache/record.ts";
import type { RecordCache } from "../cache/record-cache.ts";

/** Entries that leave in one turn. */
const TURN_ENTRIES = 4096;

export class Expiry {
  /** For `CacheOptions.queues`. */
  readonly queues: readonly (RecordQueue | undefined)[];
  readonly #arena: Arena;
  readonly #queue: RecordQueue;
  readonly #timeout: number;

  /** `timeout` in seconds. */
  constructor(arena: Arena, timeout: number) {
    this.#arena = arena;
    this.#queue = new RecordQueue(arena, QueueId.timed);
    this.#timeout = timeout;
    this.queues = [undefined, undefined, undefined, this.#queue];
  }

  /** The peer has just told of this entry. */
  confirm(ref: number): void {
    this.forget(ref);
    this.#queue.append(ref);
  }

  /** The entry leaves for another reason. */
  forget(ref: number): void {
    const meta = this.#arena.page(ref)[this.#arena.offset(ref) + H.meta]!;
    if ((meta & Meta.queueMask) !== 0) this.#queue.remove(ref);
  }

  /** Remove from the cache what is over at `now` seconds. False: more is. */
  expire(cache: RecordCache, now: number): boolean {
    for (let i = 0; i < TURN_ENTRIES; i++) {
      const ref = this.#queue.head;
      // Seconds are cut off: never too early, so up to a second late.
      if (ref === NULL_REF || now - cache.updated(ref) <= this.#timeout) return true;
      this.#queue.remove(ref);
      cache.remove(ref);
    }
    return false;
  }

  /** Seconds that an entry has left at `now` seconds. */
  left(cache: RecordCache, ref: number, now: number): number {
    return Math.max(0, this.#timeout - (now - cache.updated(ref)));
  }

  /** The entries are about to be forgotten with their memory. */
  reset(): void {
    this.#queue.reset();
  }
}
