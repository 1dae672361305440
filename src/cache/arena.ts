/**
 * Memory for records of words: pages of one `ArrayBuffer` each, size classes, free lists.
 *
 * A reference is a positive integer: the record's place counted in units of 16 bytes. Pages are added,
 * never moved, so growth costs one page and no copy. Nothing is an object per record.
 */

/** Words of a unit: records are multiples of it. */
export const UNIT_WORDS = 4;
const PAGE_SHIFT = 14;
const PAGE_UNITS = 1 << PAGE_SHIFT;
const UNIT_MASK = PAGE_UNITS - 1;
/** Largest record in units. */
const MAX_UNITS = 64;

/** So many pages stay when all records go, 64 MiB: who forgets a table reads another soon, and new memory is dear to touch. */
const SPARE_PAGES = 256;

export const NULL_REF = 0;

export class Arena {
  readonly #pages: Int32Array[] = [];
  readonly #spare: Int32Array[] = [];
  readonly #free = new Int32Array(MAX_UNITS + 1);
  /** Next unit of the last page; the first unit of all is never given out, so that 0 means none. */
  #next = PAGE_UNITS;

  /** The page a reference lies in. */
  page(ref: number): Int32Array {
    return this.#pages[ref >>> PAGE_SHIFT]!;
  }

  /** The record's first word in its page. */
  offset(ref: number): number {
    return (ref & UNIT_MASK) * UNIT_WORDS;
  }

  /** Bytes held from the system. */
  get bytes(): number {
    return (this.#pages.length + this.#spare.length) * PAGE_UNITS * UNIT_WORDS * 4;
  }

  allocate(words: number): number {
    const units = (words + UNIT_WORDS - 1) >> 2;
    if (units > MAX_UNITS) throw new RangeError(`record of ${words} words`);
    const reused = this.#free[units]!;
    if (reused !== NULL_REF) {
      this.#free[units] = this.page(reused)[this.offset(reused)]!;
      return reused;
    }
    if (this.#next + units > PAGE_UNITS) this.#addPage();
    const ref = ((this.#pages.length - 1) << PAGE_SHIFT) | this.#next;
    this.#next += units;
    return ref;
  }

  free(ref: number, words: number): void {
    const units = (words + UNIT_WORDS - 1) >> 2;
    this.page(ref)[this.offset(ref)] = this.#free[units]!;
    this.#free[units] = ref;
  }

  /** Whether a record may grow or shrink to `words` without moving. */
  fits(oldWords: number, words: number): boolean {
    return (oldWords + UNIT_WORDS - 1) >> 2 === (words + UNIT_WORDS - 1) >> 2;
  }

  /** Forget all records: all references become invalid. Memory is given back, except for some spare pages. */
  reset(): void {
    this.#spare.push(...this.#pages.splice(0, SPARE_PAGES - this.#spare.length));
    this.#pages.length = 0;
    this.#free.fill(NULL_REF);
    this.#next = PAGE_UNITS;
  }

  #addPage(): void {
    this.#recycleTail();
    this.#pages.push(this.#spare.pop() ?? new Int32Array(PAGE_UNITS * UNIT_WORDS));
    this.#next = this.#pages.length === 1 ? 1 : 0;
  }

  /** What is left of a full page is too small for this record, not for all. */
  #recycleTail(): void {
    const left = PAGE_UNITS - this.#next;
    if (left <= 0 || this.#pages.length === 0) return;
    const ref = ((this.#pages.length - 1) << PAGE_SHIFT) | this.#next;
    this.free(ref, left * UNIT_WORDS);
  }
}
