/** The external side: what a peer's messages do, to the cache or straight to the kernel. */
import { NULL_REF } from "../cache/arena.ts";
import type { RecordCache } from "../cache/record-cache.ts";
import type { FlowRegister, Register } from "../flow/register.ts";
import type { Expiry } from "./expiry.ts";
import type { Injector } from "./inject.ts";
import { MessageType } from "./message.ts";

/** One contract, two ways to meet it (`DisableExternalCache`). */
export interface ExternalSide<R extends Register = FlowRegister> {
  /** CT_NEW, CT_UPD or CT_DEL arrived, or the message of an expectation with the same meaning. `now` in seconds. */
  apply(type: number, entry: R, now: number): void;
  /** The datagram is through. */
  flush(): void;
  /** Take out what is too old at `now` seconds. False: there is more of it. */
  expire(now: number): boolean;
  /** Forget all flows. */
  clear(): void;
}

export class CachedExternal<
  R extends Register = FlowRegister,
  C extends RecordCache<R> = RecordCache<R>,
> implements ExternalSide<R>
{
  readonly cache: C;
  /** Where entries do not stay for ever. */
  readonly expiry: Expiry | undefined;

  constructor(cache: C, expiry?: Expiry) {
    this.cache = cache;
    this.expiry = expiry;
  }

  apply(type: number, entry: R, now: number): void {
    const ref = this.cache.find(entry);
    if (type === MessageType.CT_UPD && ref !== NULL_REF) {
      const moved = this.cache.update(ref, entry, now);
      this.expiry?.confirm(moved);
      return;
    }
    if (ref !== NULL_REF) {
      this.expiry?.forget(ref);
      this.cache.remove(ref);
    }
    if (type === MessageType.CT_DEL) return;
    const added = this.cache.add(entry, now);
    if (added !== NULL_REF) this.expiry?.confirm(added);
  }

  flush(): void {}

  expire(now: number): boolean {
    return this.expiry?.expire(this.cache, now) ?? true;
  }

  clear(): void {
    this.expiry?.reset();
    this.cache.clear();
  }
}

export class InjectedExternal implements ExternalSide {
  readonly injector: Injector;

  constructor(injector: Injector) {
    this.injector = injector;
  }

  apply(type: number, flow: FlowRegister): void {
    this.injector.apply(type, flow);
  }

  flush(): void {
    this.injector.flush();
  }

  expire(): boolean {
    return true;
  }

  /** What is in the kernel stays there. */
  clear(): void {}
}
