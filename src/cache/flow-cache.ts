/**
 * Flows by identity, packed.
 *
 * A cache adds, merges, finds and removes; what an entry's state means to a peer is the engine's
 * business. Entries are named by references into the arena; an update may move an entry, so it
 * returns the reference to go on with.
 *
 * Described in: doc/sync/machines.md, "Caches".
 */
import { hasExtraKey, hashFlow, sameExtraKey, samePackedTuple } from "../flow/key.ts";
import { mergeFlow } from "../flow/merge.ts";
import { deriveNat } from "../flow/nat.ts";
import { newPacked, type Packed, pack, unpack } from "../flow/pack.ts";
import { FlowRegister } from "../flow/register.ts";
import { assert } from "../kit/assert.ts";
import { Arena, NULL_REF } from "./arena.ts";
import { IndexTable } from "./index-table.ts";
import type { Followed } from "./queue.ts";
import { H, HEADER_WORDS, localWordsOf, Meta, recordWords, State, wireWordsOf } from "./record.ts";

export interface CacheOptions {
  /** Most entries, dead ones included (`HashLimit`). */
  readonly limit: number;
  /** `policyMask` of what the stored wire attributes hold. */
  readonly mask: number;
  /** Flows come from the kernel: their translation is read off the tuples. */
  readonly fromKernel: boolean;
  /** Hash seed. */
  readonly seed: number;
  /** Queues whose members may move, by queue id. */
  readonly queues?: readonly (Followed | undefined)[];
  /** Shared with the queues' other records, if any. */
  readonly arena?: Arena;
}

/** Counters as `conntrackd -s cache` shows them. */
export interface CacheCounters {
  created: number;
  createFailed: number;
  noSpace: number;
  updated: number;
  destroyed: number;
}

export class FlowCache {
  readonly arena: Arena;
  readonly counters: CacheCounters = {
    created: 0,
    createFailed: 0,
    noSpace: 0,
    updated: 0,
    destroyed: 0,
  };
  readonly #index: IndexTable;
  readonly #options: CacheOptions;
  readonly #queues: readonly (Followed | undefined)[];
  readonly #stored = new FlowRegister();
  readonly #packed: Packed = newPacked();
  #dead = 0;

  constructor(options: CacheOptions) {
    this.#options = options;
    this.arena = options.arena ?? new Arena();
    this.#index = new IndexTable(this.arena);
    this.#queues = options.queues ?? [];
  }

  /** Entries of the table, dead ones included. */
  get entries(): number {
    return this.#index.count;
  }

  /** Entries that are not dead. */
  get active(): number {
    return this.#index.count - this.#dead;
  }

  state(ref: number): State {
    return (this.#meta(ref) & Meta.stateMask) as State;
  }

  created(ref: number): number {
    return this.arena.page(ref)[this.arena.offset(ref) + H.created]!;
  }

  updated(ref: number): number {
    return this.arena.page(ref)[this.arena.offset(ref) + H.updated]!;
  }

  /** The entry with the register's identity, or 0. */
  find(r: FlowRegister): number {
    const arena = this.arena;
    const hash = hashFlow(r, this.#options.seed);
    const extra = hasExtraKey(r);
    let ref = this.#index.first(hash);
    while (ref !== NULL_REF) {
      const page = arena.page(ref);
      const at = arena.offset(ref);
      if (page[at + H.hash] === hash && samePackedTuple(r, page, at + HEADER_WORDS)) {
        const stored = (page[at + H.meta]! & Meta.extraKey) !== 0;
        if (!extra && !stored) return ref;
        if (extra === stored) {
          this.load(ref, this.#stored);
          if (sameExtraKey(r, this.#stored)) return ref;
        }
      }
      ref = page[at + H.next]!;
    }
    return NULL_REF;
  }

  /** Add a flow that is not in the table. Returns 0, and counts, when the table is full. */
  add(r: FlowRegister, now: number): number {
    if (this.#index.count >= this.#options.limit) {
      this.counters.createFailed += 1;
      this.counters.noSpace += 1;
      return NULL_REF;
    }
    if (this.#options.fromKernel) deriveNat(r);
    const packed = this.#packed;
    pack(r, this.#options.mask, packed);
    const ref = this.arena.allocate(HEADER_WORDS + packed.wireWords + packed.localWords);
    const page = this.arena.page(ref);
    const at = this.arena.offset(ref);
    page[at + H.queuePrevious] = NULL_REF;
    page[at + H.queueNext] = NULL_REF;
    page[at + H.sequence] = 0;
    page[at + H.created] = now;
    page[at + H.updated] = now;
    page[at + H.meta] = State.new | (hasExtraKey(r) ? Meta.extraKey : 0) | sizes(packed);
    copyPacked(packed, page, at + HEADER_WORDS);
    this.#index.insert(hashFlow(r, this.#options.seed), ref);
    this.counters.created += 1;
    return ref;
  }

  /** Merge an update into an entry; it becomes alive. Returns the entry's reference, which may be new. */
  update(ref: number, r: FlowRegister, now: number): number {
    const stored = this.#stored;
    this.load(ref, stored);
    mergeFlow(stored, r);
    const moved = this.#store(ref, stored);
    const page = this.arena.page(moved);
    const at = this.arena.offset(moved);
    page[at + H.meta] = (page[at + H.meta]! & ~Meta.stateMask) | State.alive;
    page[at + H.updated] = now;
    this.counters.updated += 1;
    return moved;
  }

  /** Mark an entry dead: it stays until somebody removes it. */
  kill(ref: number): void {
    assert(this.state(ref) !== State.dead, "an entry dies once");
    this.arena.page(ref)[this.arena.offset(ref) + H.meta] =
      (this.#meta(ref) & ~Meta.stateMask) | State.dead;
    this.#dead += 1;
    this.counters.destroyed += 1;
  }

  /** Take an entry out. The caller has taken it out of its queue. */
  remove(ref: number): void {
    const meta = this.#meta(ref);
    if ((meta & Meta.stateMask) === State.dead) this.#dead -= 1;
    else this.counters.destroyed += 1;
    this.#index.remove(ref);
    this.arena.free(ref, recordWords(meta));
  }

  /** Unpack an entry. */
  load(ref: number, into: FlowRegister): void {
    const page = this.arena.page(ref);
    const at = this.arena.offset(ref);
    const meta = page[at + H.meta]!;
    const start = at + HEADER_WORDS;
    assert(
      unpack(into, page, start, wireWordsOf(meta), localWordsOf(meta)),
      "a packed flow unpacks",
    );
  }

  /**
   * Visit entries bucket by bucket, starting at bucket `from`, until at least `budget` were seen.
   * Returns the bucket to go on with, or -1 at the end. `visit` may remove or move the entry it is given.
   * Bracket a scan of several calls with `beginScan` and `endScan`.
   */
  scan(from: number, budget: number, visit: (ref: number) => void): number {
    const arena = this.arena;
    let bucket = from;
    let left = budget;
    while (bucket < this.#index.buckets) {
      if (left <= 0) return bucket;
      let ref = this.#index.head(bucket);
      while (ref !== NULL_REF) {
        const next = arena.page(ref)[arena.offset(ref) + H.next]!;
        visit(ref);
        left -= 1;
        ref = next;
      }
      bucket += 1;
      left -= 1 / 16; // Empty buckets cost a little too.
    }
    return -1;
  }

  /**
   * Forget every entry at once and give the memory back, that of other records of the arena included.
   * Queues must be empty.
   */
  clear(): void {
    this.counters.destroyed += this.active;
    this.#dead = 0;
    this.#index.clear();
    this.arena.reset();
  }

  beginScan(): void {
    this.#index.beginScan();
  }

  endScan(): void {
    this.#index.endScan();
  }

  #meta(ref: number): number {
    return this.arena.page(ref)[this.arena.offset(ref) + H.meta]!;
  }

  /** Write a merged flow back, in place where it fits. */
  #store(ref: number, flow: FlowRegister): number {
    const arena = this.arena;
    if (this.#options.fromKernel) deriveNat(flow);
    const packed = this.#packed;
    pack(flow, this.#options.mask, packed);
    const old = this.#meta(ref);
    const meta = (old & 0xff) | sizes(packed);
    let target = ref;
    if (!arena.fits(recordWords(old), recordWords(meta))) {
      target = arena.allocate(recordWords(meta));
      const from = arena.page(ref);
      const to = arena.page(target);
      const a = arena.offset(ref);
      const b = arena.offset(target);
      for (let i = 0; i < HEADER_WORDS; i++) to[b + i] = from[a + i]!;
      this.#index.replace(ref, target);
      this.#queues[(old & Meta.queueMask) >> Meta.queueShift]?.moved(target);
      arena.free(ref, recordWords(old));
    }
    const page = arena.page(target);
    const at = arena.offset(target);
    page[at + H.meta] = meta;
    copyPacked(packed, page, at + HEADER_WORDS);
    return target;
  }
}

function sizes(packed: Packed): number {
  return (packed.wireWords << Meta.wireShift) | (packed.localWords << Meta.localShift);
}

function copyPacked(packed: Packed, page: Int32Array, at: number): void {
  const words = packed.wireWords + packed.localWords;
  for (let i = 0; i < words; i++) page[at + i] = packed.words[i]!;
}
