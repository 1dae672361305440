/** The external side: what a peer's messages do, to the cache or straight to the kernel. */
import { NULL_REF } from "../cache/arena.ts";
import type { FlowCache } from "../cache/flow-cache.ts";
import type { FlowRegister } from "../flow/register.ts";
import type { Injector } from "./inject.ts";
import { MessageType } from "./message.ts";

/** One contract, two ways to meet it (`DisableExternalCache`). */
export interface ExternalSide {
  /** CT_NEW, CT_UPD or CT_DEL arrived. `now` in seconds. */
  apply(type: number, flow: FlowRegister, now: number): void;
  /** The datagram is through. */
  flush(): void;
}

export class CachedExternal implements ExternalSide {
  readonly cache: FlowCache;

  constructor(cache: FlowCache) {
    this.cache = cache;
  }

  apply(type: number, flow: FlowRegister, now: number): void {
    const ref = this.cache.find(flow);
    if (type === MessageType.CT_UPD && ref !== NULL_REF) {
      this.cache.update(ref, flow, now);
      return;
    }
    if (ref !== NULL_REF) this.cache.remove(ref);
    if (type !== MessageType.CT_DEL) this.cache.add(flow, now);
  }

  flush(): void {}
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
}
