/** Long work in bounded steps: the bulk send, and catching up with the table after a large commit. */
import { NULL_REF } from "../cache/arena.ts";
import type { FlowCache } from "../cache/flow-cache.ts";
import type { FlowFilter } from "../flow/filter.ts";
import { decodeKernelFlow } from "../flow/kernel-table.ts";
import { FlowRegister } from "../flow/register.ts";
import type { Job } from "../kit/job.ts";
import type { KernelPort } from "../netlink/kernel-port.ts";
import type { CachedInternal } from "./internal.ts";
import type { Protocol } from "./protocol.ts";

/** Entries of one step. */
const STEP_ENTRIES = 4096;

/** Every flow of the internal cache joins the transmit queue, dead ones included. */
export class SendAll implements Job {
  readonly #cache: FlowCache;
  readonly #protocol: Protocol;
  #bucket = 0;

  constructor(cache: FlowCache, protocol: Protocol) {
    this.#cache = cache;
    this.#protocol = protocol;
    cache.beginScan();
  }

  step(): boolean {
    this.#bucket = this.#cache.scan(this.#bucket, STEP_ENTRIES, this.#visit);
    if (this.#bucket >= 0) return true;
    this.#cache.endScan();
    return false;
  }

  readonly #visit = (ref: number): void => this.#protocol.enqueue(ref);
}

/**
 * After a large commit, which new flows were not heard of: read the table and add what is missing.
 * The flows that were committed are ours; what else is new is told to the peer.
 */
export class CatchUp {
  readonly #kernel: KernelPort;
  readonly #internal: CachedInternal;
  readonly #external: FlowCache;
  readonly #filter: FlowFilter;
  readonly #flow = new FlowRegister();

  constructor(
    kernel: KernelPort,
    internal: CachedInternal,
    external: FlowCache,
    filter: FlowFilter,
  ) {
    this.#kernel = kernel;
    this.#internal = internal;
    this.#external = external;
    this.#filter = filter;
  }

  /** `now` in seconds. `done` gets the errno that broke the table off, or 0. */
  start(now: number, done: (errno: number) => void): void {
    const flow = this.#flow;
    const isAsked = this.#kernel.dump("catch-up", {
      onEntry: (bytes, at, end) => {
        if (!decodeKernelFlow(flow, bytes, at, end) || !this.#filter(flow)) return;
        if (this.#internal.cache.find(flow) !== NULL_REF) return;
        const isCommitted = this.#external.find(flow) !== NULL_REF;
        this.#internal.created(flow, isCommitted ? "silent" : "elsewhere", now);
      },
      onDone: done,
    });
    if (!isAsked) done(0);
  }
}
