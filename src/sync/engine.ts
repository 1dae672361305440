/**
 * The engine: joins protocol, caches and long jobs. Bytes and `now` go in; datagrams, kernel requests
 * and log lines come out. No socket, no clock, no timer: a simulation runs the very same code.
 *
 * `now` is milliseconds of a monotonic clock; entries keep seconds of it.
 *
 * Described in: doc/sync/machines.md.
 */
import { Arena } from "../cache/arena.ts";
import { FlowCache } from "../cache/flow-cache.ts";
import { Meta } from "../cache/record.ts";
import type { RecordCache } from "../cache/record-cache.ts";
import { Resync } from "../cache/resync.ts";
import { EventReader, Happened } from "../flow/event-reader.ts";
import type { FlowFilter } from "../flow/filter.ts";
import { KernelFlush } from "../flow/kernel-flush.ts";
import { KernelRequests } from "../flow/kernel-request.ts";
import type { FlowRegister } from "../flow/register.ts";
import { policyMask, WIRE_EVERYTHING } from "../flow/wire-table.ts";
import type { Job } from "../kit/job.ts";
import type { Journal } from "../kit/journal.ts";
import type { EventCounters } from "../netlink/event-counters.ts";
import type { KernelPort } from "../netlink/kernel-port.ts";
import { NFNL_SUBSYS_CTNETLINK_EXP, readI32 } from "../netlink/message.ts";
import { BypassInternal } from "./bypass.ts";
import { Commit } from "./commit.ts";
import { type ExpectationOptions, Expectations } from "./expectations.ts";
import { Expiry } from "./expiry.ts";
import { CachedExternal, type ExternalSide, InjectedExternal } from "./external.ts";
import { Injector } from "./inject.ts";
import { CachedInternal, type InternalSide, type Origin } from "./internal.ts";
import { CatchUp, SendAll, TellTable } from "./jobs.ts";
import { createProtocol, type Mode } from "./modes.ts";
import { Outbox } from "./outbox.ts";
import type { Protocol, ProtocolEvents } from "./protocol.ts";
import { Receiver } from "./receiver.ts";
import { Transmitter } from "./transmitter.ts";

/**
 * From this many entries on, a commit is not listened to: the kernel's announcement of each new entry
 * costs more than the entry, and reading the table once costs less than hearing of every one.
 */
export const QUIET_COMMIT_ENTRIES = 8192;

/** How often entries are looked at that may be too old, in milliseconds. */
const EXPIRY_MS = 1000;

export interface EngineOptions {
  readonly mode: Mode;
  readonly hashLimit: number;
  readonly hashSeed: number;
  /** Datagrams stay below this many bytes. */
  readonly datagramLimit: number;
  /** Datagrams of one batch. */
  readonly datagramSlots: number;
  /** Seconds; 0: what is left of each entry's own timeout. */
  readonly commitTimeout: number;
  /** Seconds until `-t` flushes the kernel table. */
  readonly purgeTimeout: number;
  /** Seconds from an overrun to the dump that repairs it; 0: never. */
  readonly overrunResync: number;
  /** Seconds from one reading of the table to the next, in place of events; 0: events (`PollSecs`). */
  readonly pollInterval: number;
  readonly externalCache: boolean;
  readonly windowTracking: boolean;
  readonly firstSequence: () => number;
  readonly filter: FlowFilter;
  /** Events were filtered by the kernel already. */
  readonly filteredByKernel: boolean;
  readonly flowLine: (flow: FlowRegister) => string;
  /** `ExpectationSync`; undefined: expectations are not replicated. */
  readonly expectations?: ExpectationOptions | undefined;
  readonly microseconds: () => number;
}

/** Port ids of our own sockets: events they cause are not told to the peer. */
export interface OwnPorts {
  commit: number;
  flush: number;
  inject: number;
}

/** What a commit is about. */
export type CommitScope = "all" | "flows" | "expectations";

export class Engine {
  readonly outbox: Outbox;
  readonly protocol: Protocol;
  readonly receiver: Receiver;
  readonly internal: InternalSide;
  readonly external: ExternalSide;
  readonly commit: Commit | undefined;
  readonly expectations: Expectations | undefined;
  readonly ports: OwnPorts = { commit: 0, flush: 0, inject: 0 };
  readonly #options: EngineOptions;
  readonly #journal: Journal;
  readonly #kernel: KernelPort;
  readonly #requests: KernelRequests;
  readonly #reader: EventReader;
  /** The internal side, where it has a cache. */
  readonly #cached: CachedInternal | undefined;
  readonly #bulk: SendAll | TellTable;
  /** Long work, one job at a time each turn, round and round. */
  readonly #jobs: Job[] = [];
  #flushing: KernelFlush | undefined;
  #purgeAt = 0;
  /** After a commit that was not listened to. */
  readonly #catchUp: CatchUp | undefined;
  #isCommitting = false;
  /** The time of the last step of a commit. */
  #now = 0;
  #resyncAt = 0;
  #pollAt = 0;
  /** When entries of the external cache may be too old. */
  #expireAt = 0;

  constructor(options: EngineOptions, kernel: KernelPort, journal: Journal, now: number) {
    this.#options = options;
    this.#kernel = kernel;
    this.#journal = journal;
    this.#reader = new EventReader(options);
    const { mode } = options;
    const arena = new Arena();
    const common = { limit: options.hashLimit, seed: options.hashSeed };
    const mask = policyMask({
      timeout: options.commitTimeout === 0,
      windowScale: options.windowTracking,
    });
    this.outbox = new Outbox(options.datagramLimit, options.datagramSlots);
    const transmitter = new Transmitter(arena, this.outbox, options.firstSequence);
    const events: ProtocolEvents = {
      onResync: () => {
        journal.notice("resync requested by other node");
        this.sendAll();
      },
      onForget: (ref) => {
        const isFlow = (transmitter.meta(ref) & Meta.expectation) === 0;
        (isFlow ? this.internalCache : this.expectations?.internalCache)?.remove(ref);
      },
    };
    const parts = { transmitter, events, seed: options.hashSeed, now };
    this.protocol = createProtocol(mode, parts);
    let table: TellTable | undefined;
    if (mode.kind === "notrack" && !mode.internalCache) {
      const bypass = new BypassInternal(arena, this.protocol, { mask, limit: options.hashLimit });
      this.internal = bypass;
      table = new TellTable(kernel, bypass, options.filter);
    } else {
      const { queues } = this.protocol;
      const cache = new FlowCache({ ...common, mask, fromKernel: true, queues, arena });
      this.#cached = new CachedInternal(cache, this.protocol, () =>
        this.expectations?.internalCache?.clear(),
      );
      this.internal = this.#cached;
    }
    this.#requests = new KernelRequests({ windowTracking: options.windowTracking });
    if (options.externalCache) {
      const received = new Arena();
      const expiry = mode.kind === "alarm" ? new Expiry(received, mode.cacheTimeout) : undefined;
      const cache = new FlowCache({
        ...common,
        mask: WIRE_EVERYTHING,
        fromKernel: false,
        arena: received,
        queues: expiry?.queues ?? [],
      });
      const side = new CachedExternal(cache, expiry);
      this.external = side;
      if (expiry !== undefined) this.#expireAt = now + EXPIRY_MS;
      if (this.#cached !== undefined) {
        this.#catchUp = new CatchUp(kernel, this.#cached, side.cache, options.filter, () =>
          this.overrun(this.#now),
        );
      }
      this.commit = new Commit(side.cache, kernel, this.#requests, journal, {
        timeout: options.commitTimeout,
        flowLine: options.flowLine,
        microseconds: options.microseconds,
      });
    } else {
      this.external = new InjectedExternal(
        new Injector(kernel, this.#requests, journal, options.flowLine),
      );
    }
    if (options.expectations !== undefined) {
      this.expectations = new Expectations(options.expectations, options, {
        kernel,
        requests: this.#requests,
        journal,
        counters: this.counters,
        protocol: this.protocol,
        arena,
        flows: this.internalCache,
        received: this.externalCache ?? this.external,
      });
    }
    this.#bulk = table ?? new SendAll(this.#internalCaches(), this.protocol);
    this.receiver = new Receiver(this.protocol, this.external, this.expectations?.external);
    if (options.pollInterval > 0) this.#pollAt = now + options.pollInterval * 1000;
  }

  /** The internal cache, where there is one. */
  get internalCache(): FlowCache | undefined {
    return this.#cached?.cache;
  }

  /** The external cache, where there is one. */
  get externalCache(): FlowCache | undefined {
    return this.external instanceof CachedExternal ? this.external.cache : undefined;
  }

  #internalCaches(): RecordCache[] {
    const caches = [this.internalCache, this.expectations?.internalCache];
    return caches.filter((cache) => cache !== undefined);
  }

  get counters(): EventCounters {
    return this.#reader.counters;
  }

  /** A message of the event socket, header and all; `end` is where the datagram ends. */
  kernelEvent(bytes: Uint8Array, at: number, end: number, now: number): void {
    if (this.expectations !== undefined && bytes[at + 5] === NFNL_SUBSYS_CTNETLINK_EXP) {
      this.counters.received += 1;
      const origin = this.#originOf(bytes, at);
      if (origin === undefined) return;
      this.expectations.event(bytes, at, end, origin, Math.floor(now / 1000));
      return;
    }
    const happened = this.#reader.event(bytes, at, end);
    if (happened === Happened.none) return;
    const origin = this.#originOf(bytes, at);
    if (origin === undefined) return;
    const seconds = Math.floor(now / 1000);
    const { flow } = this.#reader;
    if (happened === Happened.destroyed) this.internal.destroyed(flow, origin);
    else if (happened === Happened.created) this.internal.created(flow, origin, seconds);
    else this.internal.updated(flow, origin, seconds);
  }

  /** Who caused an event; undefined: the peer did, through us. */
  #originOf(bytes: Uint8Array, at: number): Origin | undefined {
    const port = readI32(bytes, at + 12) >>> 0;
    if (port === 0) return "elsewhere";
    if (port === this.ports.inject) return undefined;
    return port === this.ports.commit || port === this.ports.flush ? "silent" : "elsewhere";
  }

  /** An entry of a table dump that the peer need not hear of (start-up, `-R`). */
  tableEntry(bytes: Uint8Array, at: number, end: number, now: number): void {
    if (!this.#reader.entry(bytes, at, end)) return;
    this.internal.updated(this.#reader.flow, "silent", Math.floor(now / 1000));
  }

  /** Write what waits into the outbox; false: send the outbox and call again. */
  transmit(now: number): boolean {
    return this.protocol.transmit(now);
  }

  /** When `tick` has something to do, in milliseconds. */
  nextDeadline(): number {
    let next = this.protocol.nextDeadline();
    next = sooner(next, this.#purgeAt);
    next = sooner(next, this.#resyncAt);
    next = sooner(next, this.#pollAt);
    return sooner(next, this.#expireAt);
  }

  /** Timers. */
  tick(now: number): void {
    if (this.#purgeAt !== 0 && now >= this.#purgeAt) {
      this.#purgeAt = 0;
      this.#journal.notice("flushing kernel conntrack table (scheduled)");
      this.#flushKernel();
      this.#clearInternal();
    }
    if (this.#resyncAt !== 0 && now >= this.#resyncAt) {
      this.#resyncAt = 0;
      this.counters.resyncs += 1;
      this.#startResync(now);
    }
    if (this.#pollAt !== 0 && now >= this.#pollAt) {
      this.#pollAt = now + this.#options.pollInterval * 1000;
      this.#startResync(now);
    }
    if (this.#expireAt !== 0 && now >= this.#expireAt) {
      const seconds = Math.floor(now / 1000);
      const isDone = this.external.expire(seconds);
      if ((this.expectations?.external.expire(seconds) ?? true) && isDone)
        this.#expireAt = now + EXPIRY_MS;
    }
    this.protocol.tick(now);
  }

  /** Whether `step` has something to do. */
  get busy(): boolean {
    return this.#jobs.length > 0;
  }

  /** Do one bounded piece of long work. */
  step(now: number): void {
    const job = this.#jobs.shift();
    if (job === undefined) return;
    if (job.step(now)) this.#jobs.push(job);
  }

  /** The event socket overran: something was lost, so the table is read again a while later. */
  overrun(now: number): void {
    this.#reader.overran();
    const { overrunResync } = this.#options;
    if (overrunResync > 0 && this.#cached !== undefined) {
      this.#resyncAt = now + overrunResync * 1000;
    }
  }

  /** `-c`: log `what`, commit flows, then expectations, or one of them; then call `done`. */
  startCommit(what: string, done: () => void, which: CommitScope = "all"): void {
    this.#purgeAt = 0;
    const commit = this.commit;
    if (this.#isCommitting) {
      this.#journal.notice("commit already in progress, skipping");
      done();
      return;
    }
    this.#journal.notice(what);
    if (commit === undefined) {
      done();
      return;
    }
    this.#isCommitting = true;
    const finish = () => {
      this.#isCommitting = false;
      done();
    };
    const expectations = which === "flows" ? undefined : this.expectations?.commit;
    const goOn = () => {
      if (expectations === undefined) finish();
      else {
        expectations.start(finish);
        this.#jobs.push(expectations);
      }
    };
    if (which === "expectations") goOn();
    else this.#commitFlows(commit, goOn);
  }

  #commitFlows(commit: Commit, done: () => void): void {
    const cached = commit.size >= QUIET_COMMIT_ENTRIES ? this.#cached : undefined;
    if (cached !== undefined) this.#kernel.hearNew(false);
    const job: Job = {
      step: (now) => {
        this.#now = now;
        return commit.step(Math.floor(now / 1000));
      },
    };
    const resume = () => {
      if (!this.#jobs.includes(job)) this.#jobs.push(job);
    };
    commit.start(resume, () => {
      if (cached !== undefined) {
        this.#kernel.hearNew(true);
        this.#catchUp?.start(Math.floor(this.#now / 1000));
      }
      done();
    });
    resume();
  }

  /** `-f`, `-f internal`, `-f external`. */
  flush(what: "all" | "internal" | "external"): void {
    if (what !== "internal" && this.#isCommitting) {
      this.#journal.error("ignoring flush command, commit still in progress");
      return;
    }
    this.#journal.notice(what === "all" ? "flushing caches" : `flushing ${what} cache`);
    if (what !== "external") {
      this.#purgeAt = 0;
      this.#clearInternal();
    }
    if (what !== "internal") {
      this.#catchUp?.tellAll();
      this.external.clear();
      this.expectations?.external.clear();
    }
  }

  /** `-F`: delete the kernel's flows that pass the filter; the peer keeps its own. */
  flushKernel(): void {
    this.#journal.notice("flushing kernel conntrack table");
    this.#flushKernel();
  }

  /** `-t`: flush the kernel table a while later, unless a commit comes first. */
  schedulePurge(now: number): void {
    if (this.#purgeAt !== 0) return;
    this.#purgeAt = now + this.#options.purgeTimeout * 1000;
    this.#journal.notice(`flushing conntrack table in ${this.#options.purgeTimeout} secs`);
  }

  /** `-B`, and the answer to a peer's resync request: every flow goes out, where the mode does that. */
  sendAll(): void {
    if (!this.protocol.resyncs) return;
    if (this.#bulk instanceof TellTable) {
      this.#bulk.start();
      return;
    }
    this.#journal.notice("sending bulk update");
    this.#catchUp?.tellAll();
    if (this.#bulk.start()) this.#jobs.push(this.#bulk);
  }

  /** `-n` and `StartupResync`, where the mode knows that. */
  requestResync(): void {
    if (!this.protocol.resyncs) return;
    this.#journal.notice("resync requested");
    this.protocol.requestResync();
  }

  #clearInternal(): void {
    this.#catchUp?.cancel();
    this.internal.clear();
  }

  #flushKernel(): void {
    this.counters.kernelFlushes += 1;
    if (this.#flushing?.running) return;
    this.#flushing = new KernelFlush(this.#kernel, this.#requests, this.#options.filter);
    this.#flushing.start();
  }

  #startResync(now: number): void {
    // One that has not yet finished has the same news.
    if (this.#cached === undefined || this.#jobs.some((job) => job instanceof Resync)) return;
    const resync = new Resync(
      this.#kernel,
      this.#requests,
      this.#cached,
      this.#options.filter,
      Math.floor(now / 1000),
    );
    resync.start(() => this.#jobs.push(resync));
  }
}

/** The earlier of two times; 0 is none. */
function sooner(next: number, other: number): number {
  return other !== 0 && other < next ? other : next;
}
