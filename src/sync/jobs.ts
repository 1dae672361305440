/** Long work in bounded steps: bulk send, kernel flush, the repair after an overrun. */
import { NULL_REF } from "../cache/arena.ts";
import type { FlowCache } from "../cache/flow-cache.ts";
import { State } from "../cache/record.ts";
import type { KernelRequests } from "../flow/kernel-request.ts";
import { decodeKernelFlow } from "../flow/kernel-table.ts";
import { FlowRegister } from "../flow/register.ts";
import type { FlowFilter } from "./filter.ts";
import type { Ftfw } from "./ftfw.ts";
import type { InternalSide } from "./internal.ts";
import { BATCH_REQUESTS, ENOENT, type KernelPort } from "./kernel-port.ts";
import { RequestBatch } from "./request-batch.ts";

/** Entries of one step. */
const STEP_ENTRIES = 4096;

export interface Job {
  /** Do a piece; false when it was the last. `now` in milliseconds. */
  step(now: number): boolean;
}

/** Every flow of the internal cache joins the transmit queue, dead ones included. */
export class SendAll implements Job {
  readonly #cache: FlowCache;
  readonly #protocol: Ftfw;
  #bucket = 0;

  constructor(cache: FlowCache, protocol: Ftfw) {
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

/** Deletes the kernel's flows that pass the filter: what is ignored stays. */
export class KernelFlush {
  readonly #kernel: KernelPort;
  readonly #requests: KernelRequests;
  readonly #filter: FlowFilter;
  readonly #batch: RequestBatch;
  readonly #flow = new FlowRegister();
  running = false;

  constructor(kernel: KernelPort, requests: KernelRequests, filter: FlowFilter) {
    this.#kernel = kernel;
    this.#requests = requests;
    this.#filter = filter;
    this.#batch = new RequestBatch(kernel, "flush");
  }

  start(): void {
    this.running = this.#kernel.dump("flush", {
      onEntry: (bytes, at, end) => {
        if (!decodeKernelFlow(this.#flow, bytes, at, end) || !this.#filter(this.#flow)) return;
        this.#requests.delete(this.#batch.writer, this.#flow, this.#batch.next());
        // Errors do not matter: a flow that ended meanwhile is as good as deleted.
        if (this.#batch.isFull) this.#batch.send();
      },
      onDone: () => {
        this.#batch.send();
        this.running = false;
      },
    });
  }
}

/**
 * After a large commit, which new flows were not heard of: read the table and add what is missing.
 * The flows that were committed are ours; what else is new is told to the peer.
 */
export class CatchUp {
  readonly #kernel: KernelPort;
  readonly #internal: InternalSide;
  readonly #external: FlowCache;
  readonly #filter: FlowFilter;
  readonly #flow = new FlowRegister();

  constructor(kernel: KernelPort, internal: InternalSide, external: FlowCache, filter: FlowFilter) {
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

/**
 * The repair after lost events: read the whole table, tell the peer of every flow, then ask the kernel
 * for each entry that the table did not show and give up those it does not have.
 */
export class Resync implements Job {
  readonly #kernel: KernelPort;
  readonly #requests: KernelRequests;
  readonly #internal: InternalSide;
  readonly #filter: FlowFilter;
  readonly #startedAt: number;
  readonly #batch: RequestBatch;
  readonly #flow = new FlowRegister();
  /** The entry behind each request of the batch. */
  readonly #doubtful = new Int32Array(BATCH_REQUESTS);
  #bucket = 0;
  #now = 0;

  /** `startedAt` in seconds. */
  constructor(
    kernel: KernelPort,
    requests: KernelRequests,
    internal: InternalSide,
    filter: FlowFilter,
    startedAt: number,
  ) {
    this.#kernel = kernel;
    this.#requests = requests;
    this.#internal = internal;
    this.#filter = filter;
    this.#startedAt = startedAt;
    this.#batch = new RequestBatch(kernel, "query");
    this.#now = startedAt;
  }

  /** Ask for the table; `ready` when it was read and `step` may compare. */
  start(ready: () => void): void {
    this.#kernel.dump("resync", {
      onEntry: (bytes, at, end) => {
        if (!decodeKernelFlow(this.#flow, bytes, at, end) || !this.#filter(this.#flow)) return;
        this.#internal.updated(this.#flow, "elsewhere", this.#now);
      },
      onDone: (errno) => {
        // A dump that broke off proves nothing about the entries it did not show.
        if (errno !== 0) return;
        this.#internal.cache.beginScan();
        ready();
      },
    });
  }

  step(): boolean {
    const cache = this.#internal.cache;
    this.#bucket = cache.scan(this.#bucket, STEP_ENTRIES, this.#visit);
    this.#ask();
    if (this.#bucket >= 0) return true;
    cache.endScan();
    return false;
  }

  readonly #visit = (ref: number): void => {
    const cache = this.#internal.cache;
    if (cache.state(ref) === State.dead || cache.updated(ref) >= this.#startedAt) return;
    cache.load(ref, this.#flow);
    this.#doubtful[this.#batch.count] = ref;
    this.#requests.get(this.#batch.writer, this.#flow, this.#batch.next());
    if (this.#batch.isFull) this.#ask();
  };

  #ask(): void {
    const count = this.#batch.send();
    for (let i = 0; i < count; i++) {
      if (this.#batch.errorOf(i) === ENOENT) this.#internal.vanished(this.#doubtful[i]!);
    }
  }
}
