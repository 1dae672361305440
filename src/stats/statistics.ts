/**
 * Statistics mode: one cache that mirrors the kernel's table, and a report of every flow of it that
 * ended. No peer, no commit, no I/O: bytes and `now` go in, flows and kernel requests come out.
 *
 * A flow that is not in the cache (filtered, or forgotten by `-f`) is not reported.
 *
 * Described in: doc/stats.md, "How it works".
 */
import { NULL_REF } from "../cache/arena.ts";
import { FlowCache } from "../cache/flow-cache.ts";
import { type Mirror, Resync } from "../cache/resync.ts";
import { Traffic } from "../cache/traffic.ts";
import { EventReader, type EventReaderOptions, Happened } from "../flow/event-reader.ts";
import { KernelFlush } from "../flow/kernel-flush.ts";
import { KernelRequests } from "../flow/kernel-request.ts";
import { FlowRegister } from "../flow/register.ts";
import { policyMask } from "../flow/wire-table.ts";
import type { Job } from "../kit/job.ts";
import type { Journal } from "../kit/journal.ts";
import type { EventCounters } from "../netlink/event-counters.ts";
import type { KernelPort } from "../netlink/kernel-port.ts";

export interface StatisticsOptions extends EventReaderOptions {
  /** Most flows of the cache. */
  readonly hashLimit: number;
  readonly hashSeed: number;
  /** Seconds from an overrun to the dump that repairs it; 0: never. */
  readonly overrunResync: number;
  /** Seconds from one look at the table to the next, where events are not heard; 0: they are. */
  readonly pollSeconds: number;
}

/** Gets each flow that ended. The register is used again: nothing may keep it. */
export type EndedFlow = (flow: FlowRegister) => void;

export class Statistics implements Mirror {
  readonly cache: FlowCache;
  readonly traffic = new Traffic();
  readonly #options: StatisticsOptions;
  readonly #kernel: KernelPort;
  readonly #journal: Journal;
  readonly #ended: EndedFlow;
  readonly #reader: EventReader;
  /** Nothing is created here: how windows are tracked does not matter. */
  readonly #requests = new KernelRequests({ windowTracking: false });
  readonly #copy = new FlowRegister();
  readonly #jobs: Job[] = [];
  #flushing: KernelFlush | undefined;
  /** When the table is read again, in milliseconds; infinite: not at all. */
  #readAt = Number.POSITIVE_INFINITY;

  constructor(
    options: StatisticsOptions,
    kernel: KernelPort,
    journal: Journal,
    now: number,
    ended: EndedFlow,
  ) {
    this.#options = options;
    this.#kernel = kernel;
    this.#journal = journal;
    this.#ended = ended;
    this.#reader = new EventReader(options);
    this.cache = new FlowCache({
      limit: options.hashLimit,
      seed: options.hashSeed,
      // Nobody asks a report for what is left of a timeout.
      mask: policyMask({ timeout: false, windowScale: false }),
      fromKernel: true,
    });
    if (options.pollSeconds > 0) this.#readAt = now + options.pollSeconds * 1000;
  }

  get counters(): EventCounters {
    return this.#reader.counters;
  }

  /** A message of the event socket, header and all; `end` is where the datagram ends. */
  kernelEvent(bytes: Uint8Array, at: number, end: number, now: number): void {
    const happened = this.#reader.event(bytes, at, end);
    if (happened === Happened.none) return;
    const { flow } = this.#reader;
    const seconds = Math.floor(now / 1000);
    if (happened === Happened.destroyed) this.#destroyed(flow);
    else if (happened === Happened.created) this.#created(flow, seconds);
    else this.confirmed(flow, seconds);
  }

  /** An entry of a table dump (start, `-R`). */
  tableEntry(bytes: Uint8Array, at: number, end: number, now: number): void {
    if (this.#reader.entry(bytes, at, end)) {
      this.confirmed(this.#reader.flow, Math.floor(now / 1000));
    }
  }

  confirmed(flow: FlowRegister, now: number): void {
    const ref = this.cache.find(flow);
    if (ref === NULL_REF) this.cache.add(flow, now);
    else this.cache.update(ref, flow, now);
  }

  /** Nobody told of its end: the report is what was known last. */
  vanished(ref: number): void {
    this.cache.load(ref, this.#copy);
    this.cache.remove(ref);
    this.#ended(this.#copy);
  }

  /** When `tick` has something to do, in milliseconds. */
  nextDeadline(): number {
    return this.#readAt;
  }

  /** Read the table again where it is time. */
  tick(now: number): void {
    if (now < this.#readAt) return;
    const { pollSeconds } = this.#options;
    this.#readAt = pollSeconds > 0 ? now + pollSeconds * 1000 : Number.POSITIVE_INFINITY;
    if (pollSeconds === 0) this.counters.resyncs += 1;
    const { filter } = this.#options;
    const seconds = Math.floor(now / 1000);
    const resync = new Resync(this.#kernel, this.#requests, this, filter, seconds);
    const isAsked = resync.start(() => this.#jobs.push(resync));
    // What was lost stays lost until the table is read: try again.
    if (!isAsked && pollSeconds === 0) this.#readAt = now + this.#options.overrunResync * 1000;
  }

  /** Whether `step` has something to do. */
  get busy(): boolean {
    return this.#jobs.length > 0;
  }

  /** Do one bounded piece of long work. */
  step(now: number): void {
    const job = this.#jobs.shift();
    if (job?.step(now) === true) this.#jobs.push(job);
  }

  /** The event socket overran: the table is read again a while later. */
  overrun(now: number): void {
    this.#reader.overran();
    const { overrunResync } = this.#options;
    if (overrunResync > 0) this.#readAt = now + overrunResync * 1000;
  }

  /** `-f`: forget all flows; their ends are not reported. */
  flush(): void {
    this.#journal.notice("flushing caches");
    this.cache.clear();
  }

  /** `-F`: delete the kernel's flows that pass the filter, which reports each of them. */
  flushKernel(): void {
    this.#journal.notice("flushing kernel conntrack table");
    this.counters.kernelFlushes += 1;
    if (this.#flushing?.running) return;
    this.#flushing = new KernelFlush(this.#kernel, this.#requests, this.#options.filter);
    this.#flushing.start();
  }

  #created(flow: FlowRegister, now: number): void {
    const old = this.cache.find(flow);
    if (old !== NULL_REF) this.cache.remove(old);
    this.cache.add(flow, now);
  }

  /** The announcement tells more than the cache knows: its counters are the final ones. */
  #destroyed(flow: FlowRegister): void {
    const ref = this.cache.find(flow);
    if (ref === NULL_REF) return;
    this.cache.remove(ref);
    this.traffic.add(flow);
    this.#ended(flow);
  }
}
