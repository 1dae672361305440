import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Arena, NULL_REF } from "./arena.ts";
import { IndexTable } from "./index-table.ts";
import { H, HEADER_WORDS } from "./record.ts";

class Bench {
  readonly arena = new Arena();
  readonly table = new IndexTable(this.arena);

  insert(hash: number): number {
    const ref = this.arena.allocate(HEADER_WORDS);
    this.table.insert(hash, ref);
    return ref;
  }

  has(hash: number, wanted: number): boolean {
    for (let ref = this.table.first(hash); ref !== NULL_REF; ref = this.next(ref)) {
      if (ref === wanted) return true;
    }
    return false;
  }

  next(ref: number): number {
    return this.arena.page(ref)[this.arena.offset(ref) + H.next]!;
  }

  bucket(number: number): number[] {
    const out: number[] = [];
    for (let ref = this.table.head(number); ref !== NULL_REF; ref = this.next(ref)) out.push(ref);
    return out;
  }

  all(): number[] {
    return Array.from({ length: this.table.buckets }, (_, i) => this.bucket(i)).flat();
  }

  /** The record moves elsewhere in memory. */
  move(ref: number): number {
    const to = this.arena.allocate(HEADER_WORDS);
    for (let i = 0; i < HEADER_WORDS; i++) {
      this.arena.page(to)[this.arena.offset(to) + i] =
        this.arena.page(ref)[this.arena.offset(ref) + i]!;
    }
    this.table.replace(ref, to);
    return to;
  }
}

/** Few hashes collide often; many make the table grow. */
const anyHash = fc.oneof(fc.integer(), fc.integer({ min: -3, max: 3 }));

describe("the index", () => {
  it("holds what a Map holds", () => {
    const step = fc.record({
      what: fc.constantFrom("insert", "insert", "remove", "move"),
      hash: anyHash,
      pick: fc.nat(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const bench = new Bench();
        const model = new Map<number, number>();
        const pickOf = (pick: number) => [...model.keys()][pick % model.size]!;
        for (const { what, hash, pick } of steps) {
          if (what === "insert") model.set(bench.insert(hash), hash);
          else if (model.size === 0) continue;
          else if (what === "remove") {
            const ref = pickOf(pick);
            bench.table.remove(ref);
            expect(bench.has(model.get(ref)!, ref)).toBe(false);
            model.delete(ref);
          } else {
            const ref = pickOf(pick);
            model.set(bench.move(ref), model.get(ref)!);
            model.delete(ref);
          }
        }
        expect(bench.table.count).toBe(model.size);
        for (const [ref, hash] of model) expect(bench.has(hash, ref)).toBe(true);
        expect(bench.all().sort()).toEqual([...model.keys()].sort());
      }),
      { numRuns: 60 },
    );
  });

  it("grows by one bucket at a time and keeps its chains short", () => {
    const bench = new Bench();
    let state = 12345;
    let largestStep = 0;
    const refs: [number, number][] = [];
    for (let i = 0; i < 30_000; i++) {
      state = (Math.imul(state, 0x9e3779b1) + 0x7f4a7c15) | 0;
      const hash = state ^ (state >>> 15);
      const before = bench.table.buckets;
      refs.push([bench.insert(hash), hash]);
      largestStep = Math.max(largestStep, bench.table.buckets - before);
    }
    expect(largestStep).toBeLessThanOrEqual(2);
    expect(bench.table.buckets).toBeGreaterThanOrEqual(30_000);
    expect(refs.every(([ref, hash]) => bench.has(hash, ref))).toBe(true);
    const longest = Math.max(
      ...Array.from({ length: bench.table.buckets }, (_, i) => bench.bucket(i).length),
    );
    expect(longest).toBeLessThan(16);
    bench.table.clear();
    expect(bench.table.count).toBe(0);
    expect(bench.all()).toEqual([]);
  });

  it("shows every record once to a scan, whatever is added, moved and removed meanwhile", () => {
    const bench = new Bench();
    const old = new Set<number>();
    for (let i = 0; i < 5000; i++) old.add(bench.insert(Math.imul(i, 0x9e3779b1)));
    const names = new Map([...old].map((ref) => [ref, ref]));
    const seen: number[] = [];
    bench.table.beginScan();
    const { buckets } = bench.table;
    for (let number = 0; number < buckets; number++) {
      for (const ref of bench.bucket(number)) {
        if (names.has(ref)) seen.push(names.get(ref)!);
        if (ref % 7 === 0) {
          bench.table.remove(ref);
          names.delete(ref);
        } else if (ref % 5 === 0 && names.has(ref)) {
          const to = bench.move(ref);
          names.set(to, names.get(ref)!);
          names.delete(ref);
        }
      }
      bench.insert(Math.imul(number + 1, 0x85ebca6b));
      expect(bench.table.buckets).toBe(buckets);
    }
    bench.table.endScan();
    expect(seen).toHaveLength(old.size);
    expect(new Set(seen)).toEqual(old);
    // Growth goes on where it stopped.
    bench.insert(1);
    expect(bench.table.buckets).toBeGreaterThan(buckets);
  });
});
