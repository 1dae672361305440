/**
 * Expectations by identity, packed. They are few: a look-up may unpack what it compares.
 *
 * Described in: doc/sync/machines.md, "Caches".
 */
import { ExpectationRegister } from "../flow/expectation.ts";
import {
  hashExpectation,
  packExpectation,
  sameExpectation,
  unpackExpectation,
} from "../flow/expectation-pack.ts";
import type { Packed } from "../flow/pack.ts";
import { assert } from "../kit/assert.ts";
import { H, HEADER_WORDS, Meta, wireWordsOf } from "./record.ts";
import { RecordCache } from "./record-cache.ts";

export class ExpectationCache extends RecordCache<ExpectationRegister> {
  protected readonly stored = new ExpectationRegister();

  load(ref: number, into: ExpectationRegister): void {
    const page = this.arena.page(ref);
    const at = this.arena.offset(ref);
    const words = wireWordsOf(page[at + H.meta]!);
    const isWhole = unpackExpectation(into, page, at + HEADER_WORDS, words);
    assert(isWhole, "a packed expectation unpacks");
  }

  protected hash(r: ExpectationRegister): number {
    return hashExpectation(r, this.seed);
  }

  protected same(r: ExpectationRegister, ref: number): boolean {
    this.load(ref, this.stored);
    return sameExpectation(r, this.stored);
  }

  protected marks(): number {
    return Meta.expectation;
  }

  protected pack(r: ExpectationRegister, packed: Packed): void {
    packExpectation(r, this.mask, packed);
  }

  /** An update says everything anew: what it lacks is gone. */
  protected merge(stored: ExpectationRegister, update: ExpectationRegister): void {
    stored.copyFrom(update);
  }
}
