import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  anyExpectationSeed,
  buildExpectation,
  describeExpectation,
} from "../../test/support/expectations.ts";
import { ExpectationRegister, HasX, X } from "../flow/expectation.ts";
import { WIRE_EVERYTHING } from "../flow/wire-table.ts";
import { NULL_REF } from "./arena.ts";
import { ExpectationCache } from "./expectation-cache.ts";
import { State } from "./record.ts";

const newCache = (limit = 1000) => new ExpectationCache({ limit, seed: 11, mask: WIRE_EVERYTHING });
const anyExpectation = anyExpectationSeed.map(buildExpectation);

describe("a cache of expectations", () => {
  it("finds what was added, as it was, and nothing after it was removed", () => {
    fc.assert(
      fc.property(fc.array(anyExpectation, { maxLength: 20 }), (list) => {
        const cache = newCache();
        const stored = new ExpectationRegister();
        for (const each of list) {
          const old = cache.find(each);
          if (old !== NULL_REF) cache.remove(old);
          const ref = cache.add(each, 5);
          expect(cache.find(each)).toBe(ref);
          cache.load(ref, stored);
          expect(describeExpectation(stored)).toEqual(describeExpectation(each));
        }
        for (const each of list) {
          const ref = cache.find(each);
          if (ref !== NULL_REF) cache.remove(ref);
          expect(cache.find(each)).toBe(NULL_REF);
        }
        expect(cache.entries).toBe(0);
      }),
    );
  });

  it("takes an update for the whole truth", () => {
    fc.assert(
      fc.property(anyExpectationSeed, fc.integer(), (seed, has) => {
        const cache = newCache();
        // The zone is part of the identity: both have it, or neither.
        const zone = seed.has & HasX.zone;
        const before = buildExpectation(seed);
        const after = buildExpectation({ ...seed, has: (has & ~HasX.zone) | zone });
        after.words[X.zone] = before.words[X.zone]!;
        const ref = cache.update(cache.add(before, 1), after, 2);
        const stored = new ExpectationRegister();
        cache.load(ref, stored);
        expect(describeExpectation(stored)).toEqual(describeExpectation(after));
        expect([cache.state(ref), cache.created(ref), cache.updated(ref)]).toEqual([
          State.alive,
          1,
          2,
        ]);
      }),
    );
  });

  it("takes no more than its limit, and counts what it refuses", () => {
    const cache = newCache(1);
    const [first, second] = fc.sample(anyExpectation, { numRuns: 2, seed: 3 });
    expect(cache.add(first!, 1)).not.toBe(NULL_REF);
    expect(cache.add(second!, 1)).toBe(NULL_REF);
    expect(cache.counters).toMatchObject({ created: 1, createFailed: 1, noSpace: 1 });
  });
});
