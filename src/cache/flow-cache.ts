/**
 * Flows by identity, packed.
 *
 * Described in: doc/sync/machines.md, "Caches".
 */
import { hasExtraKey, hashFlow, sameExtraKey, samePackedTuple } from "../flow/key.ts";
import { mergeFlow } from "../flow/merge.ts";
import { deriveNat } from "../flow/nat.ts";
import { type Packed, pack, unpack } from "../flow/pack.ts";
import { FlowRegister } from "../flow/register.ts";
import { assert } from "../kit/assert.ts";
import { H, HEADER_WORDS, localWordsOf, Meta, wireWordsOf } from "./record.ts";
import { type CacheOptions, RecordCache } from "./record-cache.ts";

export interface FlowCacheOptions extends CacheOptions {
  /** Flows come from the kernel: their translation is read off the tuples. */
  readonly fromKernel: boolean;
}

export class FlowCache extends RecordCache<FlowRegister> {
  protected readonly stored = new FlowRegister();
  readonly #fromKernel: boolean;

  constructor(options: FlowCacheOptions) {
    super(options);
    this.#fromKernel = options.fromKernel;
  }

  /** Unpack an entry. */
  load(ref: number, into: FlowRegister): void {
    const page = this.arena.page(ref);
    const at = this.arena.offset(ref);
    const meta = page[at + H.meta]!;
    const start = at + HEADER_WORDS;
    assert(
      unpack(into, page, start, wireWordsOf(meta), localWordsOf(meta)),
      "a packed flow unpacks",
    );
  }

  protected hash(r: FlowRegister): number {
    return hashFlow(r, this.seed);
  }

  protected same(r: FlowRegister, ref: number): boolean {
    const page = this.arena.page(ref);
    const at = this.arena.offset(ref);
    if (!samePackedTuple(r, page, at + HEADER_WORDS)) return false;
    const extra = hasExtraKey(r);
    const stored = (page[at + H.meta]! & Meta.extraKey) !== 0;
    if (!extra && !stored) return true;
    if (extra !== stored) return false;
    this.load(ref, this.stored);
    return sameExtraKey(r, this.stored);
  }

  protected marks(r: FlowRegister): number {
    return hasExtraKey(r) ? Meta.extraKey : 0;
  }

  protected pack(r: FlowRegister, packed: Packed): void {
    if (this.#fromKernel) deriveNat(r);
    pack(r, this.mask, packed);
  }

  protected merge(stored: FlowRegister, update: FlowRegister): void {
    mergeFlow(stored, update);
  }
}
