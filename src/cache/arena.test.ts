import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Arena, NULL_REF, UNIT_WORDS } from "./arena.ts";

describe("an arena", () => {
  it("never gives out the reference that means none", () => {
    expect(new Arena().allocate(1)).not.toBe(NULL_REF);
  });

  it("gives a freed record of the same class out again", () => {
    const arena = new Arena();
    const ref = arena.allocate(9);
    arena.free(ref, 9);
    expect(arena.allocate(12)).toBe(ref);
    expect(arena.allocate(12)).not.toBe(ref);
  });

  it("refuses a record that no class holds", () => {
    expect(() => new Arena().allocate(64 * UNIT_WORDS + 1)).toThrow(RangeError);
  });

  it("gives memory back on reset, except for spare pages, of which the next records are", () => {
    const arena = new Arena();
    const fill = (pages: number) => {
      for (let i = 0; i < pages * 256; i++) arena.allocate(64 * UNIT_WORDS);
    };
    fill(10);
    const few = arena.bytes;
    arena.reset();
    expect(arena.bytes).toBe(few);
    fill(9);
    expect(arena.bytes).toBe(few);
    fill(300);
    arena.reset();
    expect(arena.bytes).toBe(64 << 20);
    expect(arena.allocate(8)).not.toBe(NULL_REF);
    expect(arena.bytes).toBe(64 << 20);
  });

  it("fits what stays in its class", () => {
    const arena = new Arena();
    expect(arena.fits(9, 12)).toBe(true);
    expect(arena.fits(12, 13)).toBe(false);
  });

  it("keeps records apart, whatever is allocated and freed, across pages", () => {
    const step = fc.record({
      free: fc.integer({ min: 0, max: 9 }),
      words: fc.integer({ min: 1, max: 256 }),
      pick: fc.nat(),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 100, maxLength: 700 }), (steps) => {
        const arena = new Arena();
        const held: { ref: number; words: number; mark: number }[] = [];
        let mark = 1;
        const fill = (ref: number, words: number, value: number) =>
          arena.page(ref).fill(value, arena.offset(ref), arena.offset(ref) + words);
        for (const { free, words, pick } of steps) {
          if (free < 3 && held.length > 0) {
            const [gone] = held.splice(pick % held.length, 1);
            arena.free(gone!.ref, gone!.words);
          } else {
            const ref = arena.allocate(words);
            expect(arena.offset(ref) + words).toBeLessThanOrEqual(arena.page(ref).length);
            fill(ref, words, mark);
            held.push({ ref, words, mark: mark++ });
          }
        }
        for (const { ref, words, mark: want } of held) {
          const at = arena.offset(ref);
          const own = arena.page(ref).subarray(at, at + words);
          expect(own.every((word) => word === want)).toBe(true);
        }
      }),
      { numRuns: 60 },
    );
  });
});
