/**
 * Linear hashing: a directory of buckets that grows by one at a time.
 *
 * No insertion ever pays for a rehash of the table: each divides one bucket at most, and two while it
 * catches up after a scan. A bucket is one cache line of (hash, reference) pairs: nobody touches a
 * record to look for another one, or to divide a bucket. What does not fit spills into blocks of the
 * same shape. While somebody scans, no bucket is divided, so that a scan by bucket number meets every
 * entry once, whatever is added, moved or removed meanwhile.
 */
import { NULL_REF } from "./arena.ts";

/** A block: seven hashes, the number of the next block (0: none), seven references, how many there are. */
const BLOCK_SHIFT = 4;
const BLOCK_WORDS = 1 << BLOCK_SHIFT;
const PAIRS = 7;
const MORE = 7;
const REFS = 8;
const COUNT = 15;
/** Entries of a bucket on average: few spill, and little room is left empty. */
const LOAD = 4;

const PAGE_SHIFT = 10;
const PAGE_BLOCKS = 1 << PAGE_SHIFT;
const PAGE_MASK = PAGE_BLOCKS - 1;

/** So many pages stay when all entries go, 32 MiB: as in the arena. */
const SPARE_PAGES = 512;

export class IndexTable {
  readonly #spare: Int32Array[] = [];
  #pages: Int32Array[] = [this.#newPage()];
  /** The directory has `(#mask + 1) + #split` buckets. */
  #mask = PAGE_BLOCKS - 1;
  #split = 0;
  #scans = 0;
  #count = 0;
  /** Blocks that buckets spill into; the first of all is never given out. */
  #spill: Int32Array[] = [];
  #spilled = PAGE_BLOCKS;
  #free = 0;
  #members = new Int32Array(64);

  get count(): number {
    return this.#count;
  }

  get buckets(): number {
    return this.#mask + 1 + this.#split;
  }

  /** Bytes held. */
  get bytes(): number {
    const pages = this.#pages.length + this.#spill.length + this.#spare.length;
    return pages * PAGE_BLOCKS * BLOCK_WORDS * 4;
  }

  /** The reference under this hash that is the `same` as the one looked for, or 0. */
  find(hash: number, same: (ref: number) => boolean): number {
    const bucket = this.#bucketOf(hash);
    let page = this.#pages[bucket >>> PAGE_SHIFT]!;
    let at = (bucket & PAGE_MASK) << BLOCK_SHIFT;
    for (;;) {
      const count = page[at + COUNT]!;
      for (let i = 0; i < count; i++) {
        if (page[at + i] !== hash) continue;
        const ref = page[at + REFS + i]!;
        if (same(ref)) return ref;
      }
      const more = page[at + MORE]!;
      if (more === 0) return NULL_REF;
      page = this.#spill[more >>> PAGE_SHIFT]!;
      at = (more & PAGE_MASK) << BLOCK_SHIFT;
    }
  }

  /** `hash` is a signed word. */
  insert(hash: number, ref: number): void {
    this.#append(this.#bucketOf(hash), hash, ref);
    this.#count += 1;
    if (this.#scans === 0) {
      if (this.#count > this.buckets * LOAD) this.#splitOne();
      if (this.#count > this.buckets * LOAD) this.#splitOne();
    }
  }

  /** The last pair of the bucket takes the place of the one that goes. */
  remove(hash: number, ref: number): void {
    const bucket = this.#bucketOf(hash);
    let page = this.#pages[bucket >>> PAGE_SHIFT]!;
    let at = (bucket & PAGE_MASK) << BLOCK_SHIFT;
    let holePage = page;
    let hole = -1;
    let before = page;
    let beforeAt = -1;
    for (;;) {
      if (hole < 0) {
        const i = position(page, at, ref);
        if (i >= 0) {
          holePage = page;
          hole = at + i;
        }
      }
      const more = page[at + MORE]!;
      if (more === 0) break;
      before = page;
      beforeAt = at;
      page = this.#spill[more >>> PAGE_SHIFT]!;
      at = (more & PAGE_MASK) << BLOCK_SHIFT;
    }
    if (hole < 0) throw new Error("broken invariant: an entry is in its bucket");
    const last = page[at + COUNT]! - 1;
    holePage[hole] = page[at + last]!;
    holePage[hole + REFS] = page[at + REFS + last]!;
    page[at + COUNT] = last;
    this.#count -= 1;
    if (last === 0 && beforeAt >= 0) {
      this.#release(before[beforeAt + MORE]!);
      before[beforeAt + MORE] = 0;
    }
  }

  /** A record moved. */
  replace(hash: number, from: number, to: number): void {
    const bucket = this.#bucketOf(hash);
    let page = this.#pages[bucket >>> PAGE_SHIFT]!;
    let at = (bucket & PAGE_MASK) << BLOCK_SHIFT;
    for (;;) {
      const i = position(page, at, from);
      if (i >= 0) {
        page[at + REFS + i] = to;
        return;
      }
      const more = page[at + MORE]!;
      if (more === 0) throw new Error("broken invariant: an entry is in its bucket");
      page = this.#spill[more >>> PAGE_SHIFT]!;
      at = (more & PAGE_MASK) << BLOCK_SHIFT;
    }
  }

  /**
   * The references of a bucket by number, as they are now. The view is used again by the next call:
   * what it shows stays, whatever happens to the bucket meanwhile.
   */
  members(bucket: number): Int32Array {
    let page = this.#pages[bucket >>> PAGE_SHIFT]!;
    let at = (bucket & PAGE_MASK) << BLOCK_SHIFT;
    let found = 0;
    for (;;) {
      const count = page[at + COUNT]!;
      if (found + count >= this.#members.length) this.#growMembers();
      for (let i = 0; i < count; i++) this.#members[found++] = page[at + REFS + i]!;
      const more = page[at + MORE]!;
      if (more === 0) break;
      page = this.#spill[more >>> PAGE_SHIFT]!;
      at = (more & PAGE_MASK) << BLOCK_SHIFT;
    }
    this.#members[found] = NULL_REF;
    return this.#members;
  }

  clear(): void {
    for (const pages of [this.#pages, this.#spill]) {
      this.#spare.push(...pages.splice(0, SPARE_PAGES - this.#spare.length));
    }
    this.#pages = [this.#newPage()];
    this.#mask = PAGE_BLOCKS - 1;
    this.#split = 0;
    this.#count = 0;
    this.#spill = [];
    this.#spilled = PAGE_BLOCKS;
    this.#free = 0;
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

  #append(bucket: number, hash: number, ref: number): void {
    let page = this.#pages[bucket >>> PAGE_SHIFT]!;
    let at = (bucket & PAGE_MASK) << BLOCK_SHIFT;
    let count = page[at + COUNT]!;
    while (count === PAIRS) {
      let more = page[at + MORE]!;
      if (more === 0) {
        more = this.#newBlock();
        page[at + MORE] = more;
      }
      page = this.#spill[more >>> PAGE_SHIFT]!;
      at = (more & PAGE_MASK) << BLOCK_SHIFT;
      count = page[at + COUNT]!;
    }
    page[at + count] = hash;
    page[at + REFS + count] = ref;
    page[at + COUNT] = count + 1;
  }

  /** Divide the next bucket in two. */
  #splitOne(): void {
    const from = this.#split;
    const bit = this.#mask + 1;
    const to = bit + from;
    if ((to & PAGE_MASK) === 0) this.#pages.push(this.#newPage());
    let page = this.#pages[from >>> PAGE_SHIFT]!;
    let at = (from & PAGE_MASK) << BLOCK_SHIFT;
    let block = 0;
    let count = page[at + COUNT]!;
    let more = page[at + MORE]!;
    page[at + COUNT] = 0;
    page[at + MORE] = 0;
    for (;;) {
      // Those that stay are written no farther than they were read.
      for (let i = 0; i < count; i++) {
        const hash = page[at + i]!;
        this.#append((hash & bit) === 0 ? from : to, hash, page[at + REFS + i]!);
      }
      if (block !== 0) this.#release(block);
      if (more === 0) break;
      block = more;
      page = this.#spill[more >>> PAGE_SHIFT]!;
      at = (more & PAGE_MASK) << BLOCK_SHIFT;
      count = page[at + COUNT]!;
      more = page[at + MORE]!;
    }
    this.#split += 1;
    if (this.#split > this.#mask) {
      this.#mask = (this.#mask << 1) | 1;
      this.#split = 0;
    }
  }

  /** An empty block to spill into. */
  #newBlock(): number {
    let block = this.#free;
    if (block !== 0) {
      const page = this.#spill[block >>> PAGE_SHIFT]!;
      const at = (block & PAGE_MASK) << BLOCK_SHIFT;
      this.#free = page[at + MORE]!;
      page[at + MORE] = 0;
      page[at + COUNT] = 0;
      return block;
    }
    if (this.#spilled === PAGE_BLOCKS) {
      this.#spill.push(this.#newPage());
      this.#spilled = this.#spill.length === 1 ? 1 : 0;
    }
    block = ((this.#spill.length - 1) << PAGE_SHIFT) | this.#spilled;
    this.#spilled += 1;
    return block;
  }

  #release(block: number): void {
    this.#spill[block >>> PAGE_SHIFT]![((block & PAGE_MASK) << BLOCK_SHIFT) + MORE] = this.#free;
    this.#free = block;
  }

  /** A page of zeroes. */
  #newPage(): Int32Array {
    return this.#spare.pop()?.fill(0) ?? new Int32Array(PAGE_BLOCKS * BLOCK_WORDS);
  }

  #growMembers(): void {
    const more = new Int32Array(this.#members.length * 2);
    more.set(this.#members);
    this.#members = more;
  }
}

/** Where in a block a reference stands, or -1. */
function position(page: Int32Array, at: number, ref: number): number {
  const count = page[at + COUNT]!;
  for (let i = 0; i < count; i++) if (page[at + REFS + i] === ref) return i;
  return -1;
}
