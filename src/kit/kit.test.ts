import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { assert } from "./assert.ts";
import { align4, isLittleEndian, join64, swap16, swap32 } from "./bytes.ts";
import { seededRandom } from "./random.ts";
import { isRequestCode, RequestCode } from "./request-code.ts";
import { distance, after as isAfter, before as isBefore } from "./seq.ts";

describe("bytes", () => {
  it("are turned round as a DataView turns them", () => {
    const view = new DataView(new ArrayBuffer(4));
    fc.assert(
      fc.property(fc.integer(), (word) => {
        view.setInt32(0, word, true);
        expect(swap32(word) | 0).toBe(view.getInt32(0, false));
        expect(swap16(word & 0xffff)).toBe(((word & 0xff) << 8) | ((word >>> 8) & 0xff));
        expect(swap32(swap32(word)) | 0).toBe(word);
      }),
    );
    expect(isLittleEndian).toBe(true);
  });

  it("align to four and join to 64 bits", () => {
    expect([0, 1, 4, 5].map(align4)).toEqual([0, 4, 4, 8]);
    expect(join64(-1, 0)).toBe(0xffffffff);
    expect(join64(1, 2)).toBe(2 ** 33 + 1);
  });
});

describe("sequence numbers", () => {
  it("compare across the wrap", () => {
    expect(isBefore(0xffffffff, 0)).toBe(true);
    expect(isAfter(0, 0xffffffff)).toBe(true);
    expect(isBefore(5, 5) || isAfter(5, 5)).toBe(false);
    expect(distance(2, 0xfffffffe)).toBe(4);
  });

  it("are ahead by less than half the circle, signed or not", () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 0x7fffffff }), (from, step) => {
        const to = (from + step) | 0;
        expect([isAfter(to, from), isBefore(from, to), isBefore(to >>> 0, from >>> 0)]).toEqual([
          true,
          true,
          false,
        ]);
        expect(distance(to, from)).toBe(step);
      }),
    );
  });
});

describe("the rest of the kit", () => {
  it("replays a seed, within bounds", () => {
    const run = (seed: number) => Array.from({ length: 100 }, seededRandom(seed));
    expect(run(7)).toEqual(run(7));
    expect(run(7)).not.toEqual(run(8));
    expect(run(7).every((each) => each >= 0 && each < 1)).toBe(true);
  });

  it("names a broken invariant", () => {
    expect(() => assert(false, "one is two")).toThrow("broken invariant: one is two");
    expect(() => assert(true, "")).not.toThrow();
  });

  it("knows every request code once", () => {
    const codes = Object.values(RequestCode);
    expect(new Set(codes).size).toBe(codes.length);
    expect([16, 15, -1, 49].map(isRequestCode)).toEqual([true, false, false, false]);
  });
});
