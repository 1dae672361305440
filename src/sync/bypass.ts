/**
 * `DisableInternalCache`: kernel events become messages at once. Nothing is remembered, so each event is
 * told, one by one.
 *
 * Described in: doc/sync/machines.md, "Without an internal cache".
 */
import type { Arena } from "../cache/arena.ts";
import { H, HEADER_WORDS, Meta, State } from "../cache/record.ts";
import { Traffic } from "../cache/traffic.ts";
import type { ExpectationRegister } from "../flow/expectation.ts";
import { encodeWireExpectation } from "../flow/expectation-wire.ts";
import { deriveNat } from "../flow/nat.ts";
import type { FlowRegister, Register } from "../flow/register.ts";
import { encodeWireFlow, WIRE_FLOW_MAX_WORDS } from "../flow/wire-table.ts";
import type { InternalSide, Origin } from "./internal.ts";
import type { Protocol } from "./protocol.ts";

export interface BypassOptions {
  /** Presence bits of what may be told. */
  readonly mask: number;
  /** Most messages that wait for a link that takes none. */
  readonly limit: number;
}

/** Kernel events of flows or of expectations, told as they come. */
abstract class BypassSide<R extends Register> {
  readonly counters = { created: 0, updated: 0, destroyed: 0 };
  /** Messages that found no room. */
  dropped = 0;
  protected readonly mask: number;
  /** Bits of `meta` that tell what kind of record it is. */
  protected abstract readonly marks: number;
  readonly #arena: Arena;
  readonly #protocol: Protocol;
  readonly #limit: number;
  readonly #scratch = new Int32Array(WIRE_FLOW_MAX_WORDS);

  constructor(arena: Arena, protocol: Protocol, options: BypassOptions) {
    this.mask = options.mask;
    this.#arena = arena;
    this.#protocol = protocol;
    this.#limit = options.limit;
  }

  created(entry: R, origin: Origin): void {
    if (origin === "silent") return;
    this.counters.created += 1;
    this.tell(entry, State.new);
  }

  updated(entry: R, origin: Origin): void {
    if (origin === "silent") return;
    this.counters.updated += 1;
    this.tell(entry, State.alive);
  }

  destroyed(entry: R, origin: Origin): void {
    if (origin === "silent") return;
    this.counters.destroyed += 1;
    this.tell(entry, State.dead);
  }

  /** Write the attributes at the start of `out`; the number of words. */
  protected abstract encode(entry: R, out: Int32Array): number;

  protected tell(entry: R, state: State): void {
    if (this.#protocol.transmitQueue.length >= this.#limit) {
      this.dropped += 1;
      return;
    }
    const words = this.encode(entry, this.#scratch);
    const ref = this.#arena.allocate(HEADER_WORDS + words);
    const page = this.#arena.page(ref);
    const at = this.#arena.offset(ref);
    page[at + H.meta] = state | Meta.loose | this.marks | (words << Meta.wireShift);
    for (let i = 0; i < words; i++) page[at + HEADER_WORDS + i] = this.#scratch[i]!;
    this.#protocol.enqueue(ref);
  }
}

export class BypassInternal extends BypassSide<FlowRegister> implements InternalSide {
  /** Nobody knows which flows were ours: nothing is counted. */
  readonly traffic = new Traffic();
  protected readonly marks = 0;

  /** The kernel's table has this flow, and the peer wants to know the table. */
  told(flow: FlowRegister): void {
    this.tell(flow, State.new);
  }

  clear(): void {}

  protected encode(flow: FlowRegister, out: Int32Array): number {
    deriveNat(flow);
    return encodeWireFlow(flow, this.mask, out, 0);
  }
}

export class BypassExpectations extends BypassSide<ExpectationRegister> {
  protected readonly marks = Meta.expectation;

  protected encode(expectation: ExpectationRegister, out: Int32Array): number {
    return encodeWireExpectation(expectation, this.mask, out, 0);
  }
}
