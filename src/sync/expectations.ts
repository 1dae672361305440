/**
 * `ExpectationSync`: expectations are replicated beside the flows they belong to.
 *
 * They share the flows' queues, numbers and arena, so they travel in their place between them; their
 * caches are their own. Only an expectation whose helper is listed and whose master is replicated is told.
 *
 * Described in: doc/sync/machines.md, "Expectations".
 */
import { Arena, NULL_REF } from "../cache/arena.ts";
import { ExpectationCache } from "../cache/expectation-cache.ts";
import type { FlowCache } from "../cache/flow-cache.ts";
import type { RecordCache } from "../cache/record-cache.ts";
import { ExpectationRegister, HasX } from "../flow/expectation.ts";
import { decodeKernelExpectation, flushExpectations } from "../flow/expectation-kernel.ts";
import { masterFlow } from "../flow/expectation-master.ts";
import { type ExpectationFilter, helperFilter } from "../flow/helper-filter.ts";
import type { KernelRequests } from "../flow/kernel-request.ts";
import { FlowRegister } from "../flow/register.ts";
import { RequestBatch } from "../flow/request-batch.ts";
import { WIRE_EVERYTHING } from "../flow/wire-table.ts";
import type { Journal } from "../kit/journal.ts";
import type { EventCounters } from "../netlink/event-counters.ts";
import type { KernelPort } from "../netlink/kernel-port.ts";
import {
  IPCTNL_MSG_EXP_DELETE,
  IPCTNL_MSG_EXP_NEW,
  NFGEN_BYTES,
  NLM_F_CREATE,
  NLMSG_HEADER_BYTES,
  readU16,
} from "../netlink/message.ts";
import { BypassExpectations } from "./bypass.ts";
import { ExpectationCommit } from "./expectation-commit.ts";
import { InjectedExpectations } from "./expectation-inject.ts";
import { Expiry } from "./expiry.ts";
import { CachedExternal } from "./external.ts";
import { CachedSide, type Origin } from "./internal.ts";
import type { Mode } from "./modes.ts";
import type { Protocol } from "./protocol.ts";

export interface ExpectationOptions {
  /** Helpers whose expectations are replicated; empty: all. */
  readonly helpers: readonly string[];
  /** The line of an expectation that the kernel refused. */
  readonly line: (expectation: ExpectationRegister) => string;
}

/** The clauses that expectations share with flows. */
export interface SharedOptions {
  readonly mode: Mode;
  readonly hashLimit: number;
  readonly hashSeed: number;
  readonly commitTimeout: number;
  readonly microseconds: () => number;
}

/** What surrounds them. */
export interface Surroundings {
  readonly kernel: KernelPort;
  readonly requests: KernelRequests;
  readonly journal: Journal;
  readonly counters: EventCounters;
  readonly protocol: Protocol;
  /** Of the internal caches. */
  readonly arena: Arena;
  /** Flows of this node; undefined without an internal cache. */
  readonly flows: FlowCache | undefined;
  /** Flows of the peer; without an external cache, what injects them. */
  readonly received: RecordCache<FlowRegister> | { flush(): void };
}

export class Expectations {
  readonly internal: CachedSide<ExpectationRegister, ExpectationCache> | BypassExpectations;
  readonly external: CachedExternal<ExpectationRegister, ExpectationCache> | InjectedExpectations;
  readonly commit: ExpectationCommit | undefined;
  readonly #around: Surroundings;
  readonly #isListed: ExpectationFilter;
  readonly #flushing: RequestBatch;
  readonly #asking: RequestBatch;
  readonly #expectation = new ExpectationRegister();
  readonly #master = new FlowRegister();

  constructor(options: ExpectationOptions, shared: SharedOptions, around: Surroundings) {
    const { kernel, journal, protocol, arena, flows, received } = around;
    this.#around = around;
    this.#isListed = helperFilter(options.helpers);
    this.#flushing = new RequestBatch(kernel, "flush", 1);
    this.#asking = new RequestBatch(kernel, "query", 1);
    const limit = shared.hashLimit;
    const common = { limit, seed: shared.hashSeed };
    // With `CommitTimeout` timeouts are kept off the wire.
    const mask = shared.commitTimeout === 0 ? WIRE_EVERYTHING : ~HasX.timeout;
    const { queues } = protocol;
    this.internal =
      flows === undefined
        ? new BypassExpectations(arena, protocol, { mask, limit })
        : new CachedSide(new ExpectationCache({ ...common, mask, queues, arena }), protocol);
    if ("flush" in received) {
      this.external = new InjectedExpectations(received, kernel, journal, options.line);
      return;
    }
    const side = cachedExternal(shared.mode, common);
    this.external = side;
    this.commit = new ExpectationCommit(side.cache, kernel, journal, {
      timeout: shared.commitTimeout,
      line: options.line,
      microseconds: shared.microseconds,
    });
  }

  /** Expectations of this node, where there is a cache of them. */
  get internalCache(): ExpectationCache | undefined {
    return this.internal instanceof CachedSide ? this.internal.cache : undefined;
  }

  /** Expectations of the peer, where there is a cache of them. */
  get externalCache(): ExpectationCache | undefined {
    return this.external instanceof CachedExternal ? this.external.cache : undefined;
  }

  /** A message of the event socket about an expectation. `now` in seconds. */
  event(bytes: Uint8Array, at: number, end: number, origin: Origin, now: number): void {
    const { counters } = this.#around;
    const type = readU16(bytes, at + 4);
    if (type !== IPCTNL_MSG_EXP_NEW && type !== IPCTNL_MSG_EXP_DELETE) {
      counters.unknown += 1;
      return;
    }
    const expectation = this.#expectation;
    const from = at + NLMSG_HEADER_BYTES + NFGEN_BYTES;
    if (!decodeKernelExpectation(expectation, bytes, from, end)) counters.failed += 1;
    else if (!this.#isListed(expectation)) counters.filtered += 1;
    else if (type === IPCTNL_MSG_EXP_DELETE) this.internal.destroyed(expectation, origin);
    // The master of what we commit is in the kernel; it need not be known here yet.
    else if (origin === "silent" || this.#hasMaster(expectation)) {
      const isNew = (readU16(bytes, at + 6) & NLM_F_CREATE) !== 0;
      this.internal[isNew ? "created" : "updated"](expectation, origin, now);
    }
  }

  /** An entry of the kernel's table, which the peer need not hear of. `now` in seconds. */
  entry(bytes: Uint8Array, at: number, end: number, now: number): void {
    const expectation = this.#expectation;
    if (!decodeKernelExpectation(expectation, bytes, at, end)) {
      this.#around.counters.dumpUnknown += 1;
    } else if (this.#isListed(expectation) && this.#hasMaster(expectation)) {
      this.internal.updated(expectation, "silent", now);
    }
  }

  /** `-F expect`: empty the kernel's table of expectations; the peer keeps its own. */
  flushKernel(): void {
    this.#around.journal.notice("flushing kernel expect table");
    this.#around.counters.kernelFlushes += 1;
    flushExpectations(this.#flushing.writer, this.#flushing.next());
    this.#flushing.send();
  }

  /** Whether the master is one of the flows that are replicated, or in the kernel where no cache tells. */
  #hasMaster(expectation: ExpectationRegister): boolean {
    const { flows, received, requests } = this.#around;
    const master = this.#master;
    masterFlow(expectation, master);
    if (flows !== undefined && flows.find(master) !== NULL_REF) return true;
    // What was committed, and is not yet read back from the kernel.
    if (!("flush" in received) && received.find(master) !== NULL_REF) return true;
    if (flows !== undefined) return false;
    requests.get(this.#asking.writer, master, this.#asking.next());
    this.#asking.send();
    return this.#asking.errorOf(0) === 0;
  }
}

function cachedExternal(
  mode: Mode,
  common: { readonly limit: number; readonly seed: number },
): CachedExternal<ExpectationRegister, ExpectationCache> {
  const arena = new Arena();
  const expiry = mode.kind === "alarm" ? new Expiry(arena, mode.cacheTimeout) : undefined;
  const queues = expiry?.queues ?? [];
  const cache = new ExpectationCache({ ...common, mask: WIRE_EVERYTHING, arena, queues });
  return new CachedExternal(cache, expiry);
}
