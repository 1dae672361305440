/**
 * The internal cache: what kernel events and table dumps do to it, and what a peer is told.
 *
 * Described in: doc/sync/machines.md, "Kernel events".
 */
import { NULL_REF } from "../cache/arena.ts";
import type { FlowCache } from "../cache/flow-cache.ts";
import { State } from "../cache/record.ts";
import type { Mirror } from "../cache/resync.ts";
import { Traffic } from "../cache/traffic.ts";
import type { FlowRegister } from "../flow/register.ts";
import type { Protocol } from "./protocol.ts";

/** Who caused an event: `silent` is our own commit or flush, which the peer is not told about. */
export type Origin = "elsewhere" | "silent";

/** What kernel events do. `now` in seconds. */
export interface InternalSide {
  /** Bytes and packets of flows that ended, where the kernel counts them. */
  readonly traffic: Traffic;
  created(flow: FlowRegister, origin: Origin, now: number): void;
  updated(flow: FlowRegister, origin: Origin, now: number): void;
  destroyed(flow: FlowRegister, origin: Origin): void;
  /** Forget all flows; the peer is not told. */
  clear(): void;
}

export class CachedInternal implements InternalSide, Mirror {
  readonly traffic = new Traffic();
  readonly cache: FlowCache;
  readonly #protocol: Protocol;

  constructor(cache: FlowCache, protocol: Protocol) {
    this.cache = cache;
    this.#protocol = protocol;
  }

  /** A flow is new: it replaces whatever had its identity. */
  created(flow: FlowRegister, origin: Origin, now: number): void {
    const old = this.cache.find(flow);
    if (old !== NULL_REF) this.#forget(old);
    const ref = this.cache.add(flow, now);
    if (ref !== NULL_REF) this.#tell(ref, origin);
  }

  /** A flow changed; one we did not know is added. */
  updated(flow: FlowRegister, origin: Origin, now: number): void {
    const ref = this.cache.find(flow);
    if (ref === NULL_REF || this.cache.state(ref) === State.dead) {
      this.created(flow, origin, now);
      return;
    }
    this.#tell(this.cache.update(ref, flow, now), origin);
  }

  /** A table that was read anew has this flow: the peer is told, whatever it knows. */
  confirmed(flow: FlowRegister, now: number): void {
    this.updated(flow, "elsewhere", now);
  }

  /** A flow ended: the entry stays, dead, until the peer has acknowledged its end. */
  destroyed(flow: FlowRegister, origin: Origin): void {
    const ref = this.cache.find(flow);
    if (ref === NULL_REF || this.cache.state(ref) === State.dead) return;
    this.traffic.add(flow);
    if (origin === "silent") {
      this.#forget(ref);
      return;
    }
    this.cache.kill(ref);
    this.#protocol.enqueue(ref);
  }

  /** The kernel does not have this entry any more. */
  vanished(ref: number): void {
    this.cache.kill(ref);
    this.#protocol.enqueue(ref);
  }

  clear(): void {
    this.#protocol.surviveClear(() => this.cache.clear());
  }

  #tell(ref: number, origin: Origin): void {
    if (origin === "elsewhere") this.#protocol.enqueue(ref);
    else this.#protocol.keep(ref);
  }

  #forget(ref: number): void {
    this.#protocol.dequeue(ref);
    this.cache.remove(ref);
  }
}
