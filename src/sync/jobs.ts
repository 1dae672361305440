/** Long work in bounded steps: the bulk send, and catching up with the table after a large commit. */
import { NULL_REF } from "../cache/arena.ts";
import type { FlowCache } from "../cache/flow-cache.ts";
import type { RecordCache } from "../cache/record-cache.ts";
import type { FlowFilter } from "../flow/filter.ts";
import { decodeKernelFlow } from "../flow/kernel-table.ts";
import { FlowRegister } from "../flow/register.ts";
import type { Job } from "../kit/job.ts";
import type { KernelPort } from "../netlink/kernel-port.ts";
import type { BypassInternal } from "./bypass.ts";
import type { CachedInternal } from "./internal.ts";
import type { Protocol } from "./protocol.ts";

/** Entries of one step: some hundred microseconds. */
const STEP_ENTRIES = 512;

/**
 * Every entry of the internal caches joins the transmit queue, one cache after the other, dead entries
 * included. However often that is asked for meanwhile, it is done once more.
 */
export class SendAll implements Job {
  readonly #caches: readonly RecordCache[];
  readonly #protocol: Protocol;
  /** Where the scan is; -1: there is none. */
  #bucket = -1;
  #current = 0;
  #isAskedAgain = false;

  constructor(caches: readonly RecordCache[], protocol: Protocol) {
    this.#caches = caches;
    this.#protocol = protocol;
  }

  /** False: it runs already, and will begin anew at its end. */
  start(): boolean {
    this.#isAskedAgain = this.#bucket >= 0;
    if (this.#isAskedAgain) return false;
    this.#bucket = 0;
    this.#current = 0;
    for (const cache of this.#caches) cache.beginScan();
    return true;
  }

  step(): boolean {
    const cache = this.#caches[this.#current];
    if (cache === undefined) return false;
    this.#bucket = cache.scan(this.#bucket, STEP_ENTRIES, this.#visit);
    if (this.#bucket >= 0) return true;
    cache.endScan();
    this.#current += 1;
    if (this.#current < this.#caches.length) {
      this.#bucket = 0;
      return true;
    }
    return this.#isAskedAgain && this.start();
  }

  readonly #visit = (ref: number): void => this.#protocol.enqueue(ref);
}

/** The same without an internal cache: the kernel's table is read and told, flow by flow. */
export class TellTable {
  readonly #kernel: KernelPort;
  readonly #internal: BypassInternal;
  readonly #filter: FlowFilter;
  readonly #flow = new FlowRegister();
  #isRunning = false;
  #isAskedAgain = false;

  constructor(kernel: KernelPort, internal: BypassInternal, filter: FlowFilter) {
    this.#kernel = kernel;
    this.#internal = internal;
    this.#filter = filter;
  }

  start(): void {
    this.#isAskedAgain = this.#isRunning;
    if (this.#isRunning) return;
    this.#isRunning = this.#kernel.dump("bulk", {
      onEntry: (bytes, at, end) => {
        if (!decodeKernelFlow(this.#flow, bytes, at, end) || !this.#filter(this.#flow)) return;
        this.#internal.told(this.#flow);
      },
      onDone: () => {
        this.#isRunning = false;
        if (this.#isAskedAgain) this.start();
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
  readonly #internal: CachedInternal;
  readonly #external: FlowCache;
  readonly #filter: FlowFilter;
  readonly #onFailure: () => void;
  readonly #flow = new FlowRegister();
  #isReading = false;
  #isWanted = false;
  /** The table that is being read may lack what came after `start`. */
  #isStale = false;
  #tellsAll = false;
  /** Seconds. */
  #now = 0;

  /** `onFailure`: the kernel broke the table off. */
  constructor(
    kernel: KernelPort,
    internal: CachedInternal,
    external: FlowCache,
    filter: FlowFilter,
    onFailure: () => void,
  ) {
    this.#kernel = kernel;
    this.#internal = internal;
    this.#external = external;
    this.#filter = filter;
    this.#onFailure = onFailure;
  }

  /** Read the table, at the time `now` in seconds. */
  start(now: number): void {
    this.#now = now;
    this.#isWanted = true;
    this.#tellsAll = false;
    if (this.#isReading) this.#isStale = true;
    else this.#read();
  }

  /** What is not known yet need not be: the internal cache was emptied. */
  cancel(): void {
    this.#isWanted = false;
  }

  /** The peer asks for everything, or the committed flows are forgotten: from here on each flow is told. */
  tellAll(): void {
    this.#tellsAll = true;
  }

  #read(): void {
    this.#isStale = false;
    this.#isReading = true;
    this.#kernel.dump("catch-up", {
      onEntry: (bytes, at, end) => this.#add(bytes, at, end),
      onDone: (errno) => {
        this.#isReading = false;
        if (!this.#isWanted) return;
        if (this.#isStale) this.#read();
        else if (errno !== 0) this.#onFailure();
      },
    });
  }

  #add(bytes: Uint8Array, at: number, end: number): void {
    if (!this.#isWanted) return;
    const flow = this.#flow;
    if (!decodeKernelFlow(flow, bytes, at, end) || !this.#filter(flow)) return;
    if (this.#internal.cache.find(flow) !== NULL_REF) return;
    const isOurs = !this.#tellsAll && this.#external.find(flow) !== NULL_REF;
    this.#internal.created(flow, isOurs ? "silent" : "elsewhere", this.#now);
  }
}
