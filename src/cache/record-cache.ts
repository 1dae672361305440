/**
 * Entries by identity, packed: what the caches of flows and of expectations have in common.
 *
 * A cache adds, merges, finds and removes; what an entry's state means to a peer is the engine's
 * business. Entries are named by references into the arena; an update may move an entry, so it
 * returns the reference to go on with.
 *
 * Described in: doc/sync/machines.md, "Caches".
 */
import { newPacked, type Packed } from "../flow/pack.ts";
import type { Register } from "../flow/register.ts";
import { assert } from "../kit/assert.ts";
import { Arena, NULL_REF } from "./arena.ts";
import { IndexTable } from "./index-table.ts";
import type { Followed } from "./queue.ts";
import { H, HEADER_WORDS, Meta, recordWords, State } from "./record.ts";

export interface CacheOptions {
  /** Most entries, dead ones included (`HashLimit`). */
  readonly limit: number;
  /** Presence bits of what the stored wire attributes may hold. */
  readonly mask: number;
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

/** `R` is the register that entries are packed from and unpacked into. */
export abstract class RecordCache<R extends Register = Register> {
  readonly arena: Arena;
  readonly counters: CacheCounters = {
    created: 0,
    createFailed: 0,
    noSpace: 0,
    updated: 0,
    destroyed: 0,
  };
  protected readonly seed: number;
  protected readonly mask: number;
  /** For an entry that is looked at. */
  protected abstract readonly stored: R;
  readonly #limit: number;
  readonly #queues: readonly (Followed | undefined)[];
  readonly #packed: Packed = newPacked();
  readonly #index = new IndexTable();
  /** What `find` looks for. */
  #wanted: R | undefined;
  #dead = 0;

  constructor(options: CacheOptions) {
    this.#limit = options.limit;
    this.seed = options.seed;
    this.mask = options.mask;
    this.arena = options.arena ?? new Arena();
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
  find(r: R): number {
    this.#wanted = r;
    return this.#index.find(this.hash(r), this.#isWanted);
  }

  readonly #isWanted = (ref: number): boolean => this.same(this.#wanted!, ref);

  /** Unpack an entry. */
  abstract load(ref: number, into: R): void;

  /** A signed word. */
  protected abstract hash(r: R): number;

  /** Whether an entry has the register's identity. */
  protected abstract same(r: R, ref: number): boolean;

  /** Bits of `meta` that belong to the record. */
  protected abstract marks(r: R): number;

  protected abstract pack(r: R, packed: Packed): void;

  /** What an update does to a stored entry. */
  protected abstract merge(stored: R, update: R): void;

  /** Add an entry that is not in the table. Returns 0, and counts, when the table is full. */
  add(r: R, now: number): number {
    if (this.#index.count >= this.#limit) {
      this.counters.createFailed += 1;
      this.counters.noSpace += 1;
      return NULL_REF;
    }
    const packed = this.#packed;
    this.pack(r, packed);
    const ref = this.arena.allocate(HEADER_WORDS + packed.wireWords + packed.localWords);
    const page = this.arena.page(ref);
    const at = this.arena.offset(ref);
    page[at + H.queuePrevious] = NULL_REF;
    page[at + H.queueNext] = NULL_REF;
    page[at + H.sequence] = 0;
    page[at + H.created] = now;
    page[at + H.updated] = now;
    page[at + H.meta] = State.new | this.marks(r) | sizes(packed);
    copyPacked(packed, page, at + HEADER_WORDS);
    const hash = this.hash(r);
    page[at + H.hash] = hash;
    this.#index.insert(hash, ref);
    this.counters.created += 1;
    return ref;
  }

  /** Merge an update into an entry; it becomes alive. Returns the entry's reference, which may be new. */
  update(ref: number, r: R, now: number): number {
    const { stored } = this;
    this.load(ref, stored);
    this.merge(stored, r);
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
    this.#index.remove(this.#hashOf(ref), ref);
    this.arena.free(ref, recordWords(meta));
  }

  /**
   * Visit entries bucket by bucket, starting at bucket `from`, until at least `budget` were seen.
   * Returns the bucket to go on with, or -1 at the end. `visit` may remove or move the entry it is given.
   * Bracket a scan of several calls with `beginScan` and `endScan`.
   */
  scan(from: number, budget: number, visit: (ref: number) => void): number {
    let bucket = from;
    let left = budget;
    while (bucket < this.#index.buckets) {
      if (left <= 0) return bucket;
      const members = this.#index.members(bucket);
      for (let i = 0; members[i] !== NULL_REF; i++) {
        visit(members[i]!);
        left -= 1;
      }
      bucket += 1;
      left -= 1 / 16; // Empty buckets cost a little too.
    }
    return -1;
  }

  /**
   * Forget every entry at once, and other records of the arena with them. The memory is given back, except for some pages.
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

  #hashOf(ref: number): number {
    return this.arena.page(ref)[this.arena.offset(ref) + H.hash]!;
  }

  #meta(ref: number): number {
    return this.arena.page(ref)[this.arena.offset(ref) + H.meta]!;
  }

  /** Write a merged entry back, in place where it fits. */
  #store(ref: number, merged: R): number {
    const arena = this.arena;
    const packed = this.#packed;
    this.pack(merged, packed);
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
      this.#index.replace(to[b + H.hash]!, ref, target);
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
