/**
 * The internal cache: what kernel events and table dumps do to it, and what a peer is told.
 *
 * Described in: doc/sync/machines.md, "Kernel events".
 */
import { NULL_REF } from "../cache/arena.ts";
import type { FlowCache } from "../cache/flow-cache.ts";
import { State } from "../cache/record.ts";
import type { RecordCache } from "../cache/record-cache.ts";
import type { Mirror } from "../cache/resync.ts";
import { Traffic } from "../cache/traffic.ts";
import type { FlowRegister, Register } from "../flow/register.ts";
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

/** What kernel events do to a cache of flows or of expectations. */
export class CachedSide<R extends Register, C extends RecordCache<R> = RecordCache<R>> {
  readonly cache: C;
  protected readonly protocol: Protocol;

  constructor(cache: C, protocol: Protocol) {
    this.cache = cache;
    this.protocol = protocol;
  }

  /** An entry is new: it replaces whatever had its identity. */
  created(entry: R, origin: Origin, now: number): void {
    const old = this.cache.find(entry);
    if (old !== NULL_REF) this.#forget(old);
    const ref = this.cache.add(entry, now);
    if (ref !== NULL_REF) this.#tell(ref, origin);
  }

  /** An entry changed; one we did not know is added. */
  updated(entry: R, origin: Origin, now: number): void {
    const ref = this.cache.find(entry);
    if (ref === NULL_REF || this.cache.state(ref) === State.dead) {
      this.created(entry, origin, now);
      return;
    }
    this.#tell(this.cache.update(ref, entry, now), origin);
  }

  /** An entry ended: it stays, dead, until the peer has acknowledged its end. */
  destroyed(entry: R, origin: Origin): void {
    const ref = this.cache.find(entry);
    if (ref === NULL_REF || this.cache.state(ref) === State.dead) return;
    this.ended(entry);
    if (origin === "silent") this.#forget(ref);
    else this.vanished(ref);
  }

  /** The kernel does not have this entry any more. */
  vanished(ref: number): void {
    this.cache.kill(ref);
    this.protocol.enqueue(ref);
  }

  /** An entry that we knew ended, and this is what the kernel says of its end. */
  protected ended(_entry: R): void {}

  #tell(ref: number, origin: Origin): void {
    if (origin === "elsewhere") this.protocol.enqueue(ref);
    else this.protocol.keep(ref);
  }

  #forget(ref: number): void {
    this.protocol.dequeue(ref);
    this.cache.remove(ref);
  }
}

export class CachedInternal
  extends CachedSide<FlowRegister, FlowCache>
  implements InternalSide, Mirror
{
  readonly traffic = new Traffic();
  readonly #onClear: () => void;

  /** `onClear`: whoever has records in the cache's arena forgets them with the flows. */
  constructor(cache: FlowCache, protocol: Protocol, onClear = () => {}) {
    super(cache, protocol);
    this.#onClear = onClear;
  }

  /** A table that was read anew has this flow: the peer is told, whatever it knows. */
  confirmed(flow: FlowRegister, now: number): void {
    this.updated(flow, "elsewhere", now);
  }

  clear(): void {
    this.protocol.surviveClear(() => {
      this.cache.clear();
      this.#onClear();
    });
  }

  protected override ended(flow: FlowRegister): void {
    this.traffic.add(flow);
  }
}
