/**
 * Linear hashing: a directory of chains that grows by one bucket at a time.
 *
 * No insertion ever pays for a rehash of the table: each adds at most two buckets. Chains are linked
 * through the records. While somebody scans, the table does not split, so that a scan by bucket number
 * meets every entry once, whatever is added, moved or removed meanwhile.
 */
import type { Arena } from "./arena.ts";
import { NULL_REF } from "./arena.ts";
import { H } from "./record.ts";

const PAGE_SHIFT = 12;
const PAGE_BUCKETS = 1 << PAGE_SHIFT;
const PAGE_MASK = PAGE_BUCKETS - 1;

export class IndexTable {
  readonly #arena: Arena;
  #pages: Int32Array[] = [new Int32Array(PAGE_BUCKETS)];
  /** The directory has `(#mask + 1) + #split` buckets. */
  #mask = PAGE_BUCKETS - 1;
  #split = 0;
  #scans = 0;
  #count = 0;

  constructor(arena: Arena) {
    this.#arena = arena;
  }

  get count(): number {
    return this.#count;
  }

  get buckets(): number {
    return this.#mask + 1 + this.#split;
  }

  /** First record of the bucket that `hash` falls into. */
  first(hash: number): number {
    return this.head(this.#bucketOf(hash));
  }

  /** First record of a bucket by number, for scans. */
  head(bucket: number): number {
    return this.#pages[bucket >>> PAGE_SHIFT]![bucket & PAGE_MASK]!;
  }

  insert(hash: number, ref: number): void {
    const arena = this.#arena;
    const bucket = this.#bucketOf(hash);
    const page = arena.page(ref);
    const at = arena.offset(ref);
    page[at + H.hash] = hash;
    page[at + H.next] = this.head(bucket);
    this.#pages[bucket >>> PAGE_SHIFT]![bucket & PAGE_MASK] = ref;
    this.#count += 1;
    if (this.#scans === 0) {
      if (this.#count > this.buckets) this.#splitOne();
      if (this.#count > this.buckets) this.#splitOne();
    }
  }

  remove(ref: number): void {
    const arena = this.#arena;
    const page = arena.page(ref);
    const at = arena.offset(ref);
    this.#relink(page[at + H.hash]!, ref, page[at + H.next]!);
    this.#count -= 1;
  }

  /** A record moved: `to` already holds a copy of its header. */
  replace(from: number, to: number): void {
    const arena = this.#arena;
    this.#relink(arena.page(to)[arena.offset(to) + H.hash]!, from, to);
  }

  clear(): void {
    this.#pages = [new Int32Array(PAGE_BUCKETS)];
    this.#mask = PAGE_BUCKETS - 1;
    this.#split = 0;
    this.#count = 0;
  }

  /** Hold the directory still until `endScan`. */
  beginScan(): void {
    this.#scans += 1;
  }

  endScan(): void {
    this.#scans -= 1;
  }

  #bucketOf(hash: number): number {
    const bucket = hash & this.#mask;
    return bucket < this.#split ? hash & ((this.#mask << 1) | 1) : bucket;
  }

  /** Point whatever pointed at `old` (bucket head or chain link) to `target`. */
  #relink(hash: number, old: number, target: number): void {
    const arena = this.#arena;
    const bucket = this.#bucketOf(hash);
    let ref = this.head(bucket);
    if (ref === old) {
      this.#pages[bucket >>> PAGE_SHIFT]![bucket & PAGE_MASK] = target;
      return;
    }
    while (ref !== NULL_REF) {
      const page = arena.page(ref);
      const at = arena.offset(ref) + H.next;
      const next = page[at]!;
      if (next === old) {
        page[at] = target;
        return;
      }
      ref = next;
    }
    throw new Error("broken invariant: record is in its bucket");
  }

  /** Divide the next bucket in two. */
  #splitOne(): void {
    const arena = this.#arena;
    const from = this.#split;
    const to = this.#mask + 1 + from;
    if ((to & PAGE_MASK) === 0) this.#pages.push(new Int32Array(PAGE_BUCKETS));
    const bit = this.#mask + 1;
    let stay = NULL_REF;
    let move = NULL_REF;
    let ref = this.head(from);
    while (ref !== NULL_REF) {
      const page = arena.page(ref);
      const at = arena.offset(ref);
      const next = page[at + H.next]!;
      if ((page[at + H.hash]! & bit) === 0) {
        page[at + H.next] = stay;
        stay = ref;
      } else {
        page[at + H.next] = move;
        move = ref;
      }
      ref = next;
    }
    this.#pages[from >>> PAGE_SHIFT]![from & PAGE_MASK] = stay;
    this.#pages[to >>> PAGE_SHIFT]![to & PAGE_MASK] = move;
    this.#split += 1;
    if (this.#split > this.#mask) {
      this.#mask = (this.#mask << 1) | 1;
      this.#split = 0;
    }
  }
}
