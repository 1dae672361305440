/**
 * `DisableInternalCache`: kernel events become messages at once. Nothing is remembered, so each event is
 * told, one by one.
 *
 * Described in: doc/sync/machines.md, "Without an internal cache".
 */
import type { Arena } from "../cache/arena.ts";
import { H, HEADER_WORDS, Meta, State } from "../cache/record.ts";
import { Traffic } from "../cache/traffic.ts";
import { deriveNat } from "../flow/nat.ts";
import type { FlowRegister } from "../flow/register.ts";
import { encodeWireFlow, WIRE_FLOW_MAX_WORDS } from "../flow/wire-table.ts";
import type { InternalSide, Origin } from "./internal.ts";
import type { Protocol } from "./protocol.ts";

export interface BypassOptions {
  /** `policyMask` of what is told. */
  readonly mask: number;
  /** Most messages that wait for a link that takes none. */
  readonly limit: number;
}

export class BypassInternal implements InternalSide {
  /** Nobody knows which flows were ours: nothing is counted. */
  readonly traffic = new Traffic();
  readonly counters = { created: 0, updated: 0, destroyed: 0 };
  /** Messages that found no room. */
  dropped = 0;
  readonly #arena: Arena;
  readonly #protocol: Protocol;
  readonly #options: BypassOptions;
  readonly #scratch = new Int32Array(WIRE_FLOW_MAX_WORDS);

  constructor(arena: Arena, protocol: Protocol, options: BypassOptions) {
    this.#arena = arena;
    this.#protocol = protocol;
    this.#options = options;
  }

  created(flow: FlowRegister, origin: Origin): void {
    if (origin === "silent") return;
    this.counters.created += 1;
    this.#tell(flow, State.new);
  }

  updated(flow: FlowRegister, origin: Origin): void {
    if (origin === "silent") return;
    this.counters.updated += 1;
    this.#tell(flow, State.alive);
  }

  destroyed(flow: FlowRegister, origin: Origin): void {
    if (origin === "silent") return;
    this.counters.destroyed += 1;
    this.#tell(flow, State.dead);
  }

  /** The kernel's table has this flow, and the peer wants to know the table. */
  told(flow: FlowRegister): void {
    this.#tell(flow, State.new);
  }

  clear(): void {}

  #tell(flow: FlowRegister, state: State): void {
    if (this.#protocol.transmitQueue.length >= this.#options.limit) {
      this.dropped += 1;
      return;
    }
    deriveNat(flow);
    const words = encodeWireFlow(flow, this.#options.mask, this.#scratch, 0);
    const ref = this.#arena.allocate(HEADER_WORDS + words);
    const page = this.#arena.page(ref);
    const at = this.#arena.offset(ref);
    page[at + H.meta] = state | Meta.loose | (words << Meta.wireShift);
    for (let i = 0; i < words; i++) page[at + HEADER_WORDS + i] = this.#scratch[i]!;
    this.#protocol.enqueue(ref);
  }
}
