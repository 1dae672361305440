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
import { NULL_REF } from "./arena.ts";
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

  /** The entry with the register's identity, or 0. */
  find(r: FlowRegister): number {
    const arena = this.arena;
    const hash = hashFlow(r, this.seed);
    const extra = hasExtraKey(r);
    let ref = this.index.first(hash);
    while (ref !== NULL_REF) {
      const page = arena.page(ref);
      const at = arena.offset(ref);
      if (page[at + H.hash] === hash && samePackedTuple(r, page, at + HEADER_WORDS)) {
        const stored = (page[at + H.meta]! & Meta.extraKey) !== 0;
        if (!extra && !stored) return ref;
        if (extra === stored) {
          this.load(ref, this.stored);
          if (sameExtraKey(r, this.stored)) return ref;
        }
      }
      ref = page[at + H.next]!;
    }
    return NULL_REF;
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
