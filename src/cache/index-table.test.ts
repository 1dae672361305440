import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { NULL_REF } from "./arena.ts";
import { IndexTable } from "./index-table.ts";

/** References are numbers that nothing stands behind. */
class Bench {
  readonly table = new IndexTable();
  readonly hashes = new Map<number, number>();
  #last = 0;

  insert(hash: number): number {
    const ref = ++this.#last;
    this.hashes.set(ref, hash);
    this.table.insert(hash, ref);
    return ref;
  }

  remove(ref: number): void {
    this.table.remove(this.hashes.get(ref)!, ref);
    this.hashes.delete(ref);
  }

  has(hash: number, wanted: number): boolean {
    return this.table.find(hash, (ref) => ref === wanted) === wanted;
  }

  bucket(number: number): number[] {
    const members = this.table.members(number);
    return [...members.subarray(0, members.indexOf(NULL_REF))];
  }

  all(): number[] {
    return Array.from({ length: this.table.buckets }, (_, i) => this.bucket(i)).flat();
  }

  /** The record moves elsewhere in memory. */
  move(ref: number): number {
    const to = ++this.#last;
    const hash = this.hashes.get(ref)!;
    this.table.replace(hash, ref, to);
    this.hashes.delete(ref);
    this.hashes.set(to, hash);
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
            bench.remove(ref);
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

  it("grows by one bucket at a time and keeps its buckets small", () => {
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
    expect(largestStep).toBeLessThanOrEqual(1);
    expect(bench.table.buckets * 4).toBeGreaterThanOrEqual(30_000);
    expect(refs.every(([ref, hash]) => bench.has(hash, ref))).toBe(true);
    const longest = Math.max(
      ...Array.from({ length: bench.table.buckets }, (_, i) => bench.bucket(i).length),
    );
    expect(longest).toBeLessThan(24);
    bench.table.clear();
    expect(bench.table.count).toBe(0);
    expect(bench.all()).toEqual([]);
    // The next entries get the pages of the last ones, and find nothing there.
    const held = bench.table.bytes;
    bench.hashes.clear();
    for (const [, hash] of refs) bench.insert(hash);
    expect(bench.all().sort()).toEqual([...bench.hashes.keys()].sort());
    expect(bench.table.bytes).toBe(held);
  });

  it("divides buckets that have spilled, and gives their blocks back", () => {
    const bench = new Bench();
    // 97 low words of hashes only: each bucket spills, and half of them are divided again and again.
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 9000; i++) bench.insert(Math.imul(i, 0x01000193) ^ (i % 97));
      for (let i = 0; i < 3000; i++) bench.insert(i % 97);
      expect(bench.all().sort()).toEqual([...bench.hashes.keys()].sort());
      const held = bench.table.bytes;
      for (const ref of [...bench.hashes.keys()]) bench.remove(ref);
      expect(bench.table.count).toBe(0);
      expect(bench.all()).toEqual([]);
      if (round > 0) expect(bench.table.bytes).toBe(held);
    }
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
          bench.remove(ref);
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
