/**
 * Bringing a cache back in step with the kernel's table, after events were lost or in place of events.
 *
 * Described in: doc/sync/machines.md, "Kernel events".
 */
import type { FlowFilter } from "../flow/filter.ts";
import type { KernelRequests } from "../flow/kernel-request.ts";
import { decodeKernelFlow } from "../flow/kernel-table.ts";
import { FlowRegister } from "../flow/register.ts";
import { RequestBatch } from "../flow/request-batch.ts";
import type { Job } from "../kit/job.ts";
import { BATCH_REQUESTS, ENOENT, type KernelPort } from "../netlink/kernel-port.ts";
import type { FlowCache } from "./flow-cache.ts";
import { State } from "./record.ts";

/** Entries of one step: some hundred microseconds. */
const STEP_ENTRIES = 1024;

/** A cache that mirrors the kernel's table, and what is to be done about a difference. */
export interface Mirror {
  readonly cache: FlowCache;
  /** The kernel has this flow; `now` in seconds. */
  confirmed(flow: FlowRegister, now: number): void;
  /** The kernel does not have this entry any more. */
  vanished(ref: number): void;
}

/**
 * The repair after lost events: read the whole table, confirm every flow of it, then ask the kernel for
 * each entry that the table did not show and give up those it does not have.
 */
export class Resync implements Job {
  readonly #kernel: KernelPort;
  readonly #requests: KernelRequests;
  readonly #mirror: Mirror;
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
    mirror: Mirror,
    filter: FlowFilter,
    startedAt: number,
  ) {
    this.#kernel = kernel;
    this.#requests = requests;
    this.#mirror = mirror;
    this.#filter = filter;
    this.#startedAt = startedAt;
    this.#batch = new RequestBatch(kernel, "query");
    this.#now = startedAt;
  }

  /**
   * Ask for the table; `ready` when it was read and `step` may compare. False: the kernel cannot be
   * asked now, or still answers the last time.
   */
  start(ready: () => void): boolean {
    return this.#kernel.dump("resync", {
      onEntry: (bytes, at, end) => {
        if (!decodeKernelFlow(this.#flow, bytes, at, end) || !this.#filter(this.#flow)) return;
        this.#mirror.confirmed(this.#flow, this.#now);
      },
      onDone: (errno) => {
        // A dump that broke off proves nothing about the entries it did not show.
        if (errno !== 0) return;
        this.#mirror.cache.beginScan();
        ready();
      },
    });
  }

  step(): boolean {
    const cache = this.#mirror.cache;
    this.#bucket = cache.scan(this.#bucket, STEP_ENTRIES, this.#visit);
    this.#ask();
    if (this.#bucket >= 0) return true;
    cache.endScan();
    return false;
  }

  readonly #visit = (ref: number): void => {
    const cache = this.#mirror.cache;
    if (cache.state(ref) === State.dead || cache.updated(ref) >= this.#startedAt) return;
    cache.load(ref, this.#flow);
    this.#doubtful[this.#batch.count] = ref;
    this.#requests.get(this.#batch.writer, this.#flow, this.#batch.next());
    if (this.#batch.isFull) this.#ask();
  };

  #ask(): void {
    const count = this.#batch.send();
    for (let i = 0; i < count; i++) {
      if (this.#batch.errorOf(i) === ENOENT) this.#mirror.vanished(this.#doubtful[i]!);
    }
  }
}
