/**
 * Synchronisation on this machine: the engine, the event socket, the links, and the loop that joins them.
 *
 * One turn: inputs are taken, then what they caused is sent. Long work goes on in pieces between turns.
 * Described in: ARCHITECTURE.md, "The way of an event".
 */
import { performance } from "node:perf_hooks";
import * as native from "../../native/index.ts";
import type { Config } from "../config/index.ts";
import { type FlowFilter, flowFilter } from "../flow/filter.ts";
import type { EventCounters } from "../netlink/event-counters.ts";
import { IPCTNL_MSG_EXP_GET } from "../netlink/message.ts";
import { Engine } from "../sync/engine.ts";
import type { CacheDump } from "./cache-dump.ts";
import type { Reply } from "./control-reply.ts";
import { EXPECTATION_GROUPS } from "./event-source.ts";
import { Kernel } from "./kernel.ts";
import { dumpKernel, expectationTable, flowTable, type ShownTable } from "./kernel-dump.ts";
import type { DedicatedLinks } from "./link/dedicated-links.ts";
import { openLinks } from "./link/open-links.ts";
import type { Log } from "./log.ts";
import { answer } from "./requests.ts";
import type { Service } from "./service.ts";
import { engineOptions, filterOptions } from "./settings.ts";
import { opening } from "./start-error.ts";
import { TableWatch } from "./table-watch.ts";
import { TURN_MICROSECONDS } from "./turn.ts";

export class Replica implements Service {
  readonly engine: Engine;
  readonly links: DedicatedLinks;
  readonly errorQueueLength: number;
  readonly resendQueueSize: number;
  readonly #log: Log;
  readonly #startupResync: boolean;
  readonly #kernel: Kernel;
  /** Undefined where the table is read from time to time instead (`PollSecs`). */
  readonly #events: TableWatch | undefined;
  readonly #filter: FlowFilter;
  #timer: NodeJS.Timeout | undefined;
  #continuing: NodeJS.Immediate | undefined;
  /** First datagram of the outbox that was not sent yet. */
  #unsent = 0;
  /** When the events that are being taken arrived. */
  #wokeAt = 0;

  /** Opens everything and reads the kernel's table. @throws StartError */
  constructor(config: Config, log: Log) {
    this.#log = log;
    this.#startupResync = config.sync.startupResync;
    this.errorQueueLength = config.sync.errorQueueLength;
    this.resendQueueSize = config.sync.resendQueueSize;
    this.#filter = flowFilter(filterOptions(config.general.filter));
    if (config.sync.disableInternalCache) log.notice("disabling internal cache");
    if (config.sync.disableExternalCache) log.notice("disabling external cache");
    this.links = this.#openLinks(config);
    this.#kernel = opening("can't open netlink handler", () => new Kernel());
    const limit = this.links.datagramLimit;
    const options = engineOptions(config, limit, () => performance.now() * 1000);
    this.engine = new Engine(options, this.#kernel, log.journal, this.now());
    this.engine.ports.commit = this.#kernel.portId("commit");
    this.engine.ports.flush = this.#kernel.portId("flush");
    this.engine.ports.inject = this.#kernel.portId("inject");
    this.#kernel.onTurn(() => this.#turn());
    this.#kernel.onDumpFailed((reason) => log.error(`can't dump kernel table: ${reason}`));
    // Events first, then the table: what happens while it is read waits in the socket.
    this.#events = this.#openEvents(config);
    this.#kernel.onHearNew((on) => this.#events?.hearNew(on));
    if (this.engine.internalCache !== undefined) {
      opening("can't get kernel conntrack table", () => this.#readTable());
      if (this.engine.expectations !== undefined) {
        opening("can't get kernel expect table", () =>
          this.#kernel.dumpNow(this.#expectationEntry(), IPCTNL_MSG_EXP_GET),
        );
      }
    }
  }

  /** Milliseconds of the clock that the engine goes by: the same throughout a turn of the loop. */
  readonly now = native.loopTime;

  get eventCounters(): EventCounters {
    return this.engine.counters;
  }

  get eventBufferBytes(): number {
    return this.#events?.bufferBytes ?? 0;
  }

  start(): void {
    this.links.start();
    this.#events?.start();
    if (this.#startupResync) this.engine.requestResync();
    this.#turn();
    this.#armTimer();
  }

  /** `-R`. */
  readonly resyncKernel = (): void => {
    if (this.engine.internalCache === undefined) {
      this.#log.notice("resync is unsupported in this mode");
      return;
    }
    this.#log.notice("resync with master conntrack table");
    this.engine.counters.resyncs += 1;
    const now = this.now();
    this.#kernel.tryDumpNow((bytes, at, end) => this.engine.tableEntry(bytes, at, end, now));
  };

  /** `-R expect`, with `ExpectationSync`. */
  readonly resyncExpectations = (): void => {
    if (this.engine.expectations === undefined) return;
    if (this.engine.internalCache === undefined) {
      this.#log.notice("resync is unsupported in this mode");
      return;
    }
    this.#log.notice("resync with master expect table");
    this.engine.counters.resyncs += 1;
    this.#kernel.tryDumpNow(this.#expectationEntry(), IPCTNL_MSG_EXP_GET);
  };

  /** `-i` without an internal cache. */
  readonly dumpTable = (): CacheDump | undefined => this.#show(flowTable(this.#filter));

  /** `-i expect` without an internal cache. */
  readonly dumpExpectations = (): CacheDump | undefined => this.#show(expectationTable);

  /** Carry out a command, send what it caused, and look at the clock anew. */
  answer(code: number, reply: Reply): void {
    answer(code, this, reply);
    this.#turn();
    this.#armTimer();
  }

  /** Nothing here writes files of its own. */
  reopen(): void {}

  close(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#continuing);
    while (!this.engine.transmit(this.now()) && this.#flush());
    this.#flush();
    this.#events?.close();
    this.links.close();
    this.#kernel.close();
  }

  #openLinks(config: Config): DedicatedLinks {
    return openLinks(config, {
      onMessages: (words, bytes, at, length) =>
        this.engine.receiver.datagram(words, bytes, at, length, Math.floor(this.now() / 1000)),
      onTurn: () => this.#turn(),
      log: this.#log,
    });
  }

  #openEvents(config: Config): TableWatch | undefined {
    if (config.general.pollSecs !== null) {
      this.#log.notice("running in polling mode");
      return undefined;
    }
    return new TableWatch(config, this.#log, {
      ...(this.engine.expectations === undefined ? {} : { groups: EXPECTATION_GROUPS }),
      onWake: (now) => {
        this.#wokeAt = now;
      },
      onEvent: (bytes, at, end) => this.engine.kernelEvent(bytes, at, end, this.#wokeAt),
      onTurn: () => this.#turn(),
      onOverrun: () => {
        this.engine.overrun(this.now());
        this.#armTimer();
      },
    });
  }

  #readTable(): void {
    const now = this.now();
    this.#kernel.dumpNow((bytes, at, end) => this.engine.tableEntry(bytes, at, end, now));
  }

  /** Takes the entries of the kernel's table of expectations. */
  #expectationEntry(): (bytes: Uint8Array, at: number, end: number) => void {
    const { expectations } = this.engine;
    const seconds = Math.floor(this.now() / 1000);
    return (bytes, at, end) => expectations?.entry(bytes, at, end, seconds);
  }

  #show(table: ShownTable): CacheDump | undefined {
    const reader = this.#kernel.openTable(table.request);
    return reader === undefined ? undefined : dumpKernel(reader, table);
  }

  /** Send what waits; go on later where that, or long work, takes more than a turn. */
  #turn(): void {
    if (this.#hasMore()) this.#continueLater();
  }

  /** Sends a batch of datagrams; whether there is work that waits for nothing. */
  #hasMore(): boolean {
    const isDrained = this.#transmit();
    return this.engine.busy || !(isDrained || this.links.isBlocked);
  }

  /** A batch of datagrams. False: something still waits, for another turn or for the link. */
  #transmit(): boolean {
    if (this.links.isBlocked && !this.#hasTooMuch()) return false;
    const isDrained = this.engine.transmit(this.now());
    return this.#flush() && isDrained;
  }

  /**
   * What waits for a link without a connection is bounded, or the flows that end meanwhile would fill the
   * cache: they stay until their end was sent.
   */
  #hasTooMuch(): boolean {
    return this.links.isCutOff && this.engine.protocol.transmitQueue.length > this.resendQueueSize;
  }

  #continueLater(): void {
    this.#continuing ??= setImmediate(() => {
      this.#continuing = undefined;
      let hasMore: boolean;
      do {
        this.engine.step(this.now());
        hasMore = this.#hasMore();
      } while (hasMore && native.turnTime() < TURN_MICROSECONDS);
      if (hasMore) this.#continueLater();
    });
  }

  /** False: the link is full, and another turn follows when it is not. */
  #flush(): boolean {
    const { outbox } = this.engine;
    if (outbox.count === 0) return true;
    this.#unsent = this.links.send(outbox, this.#unsent);
    if (this.#unsent < outbox.count) {
      if (!this.#hasTooMuch()) return false;
      this.links.dropped += outbox.count - this.#unsent;
    }
    outbox.clear();
    this.#unsent = 0;
    return true;
  }

  /** The deadline moves with every message: the timer looks again when it fires, not before. */
  #armTimer(): void {
    clearTimeout(this.#timer);
    const wait = Math.max(0, this.engine.nextDeadline() - this.now());
    this.#timer = setTimeout(() => {
      this.engine.tick(this.now());
      this.#turn();
      this.#armTimer();
    }, Math.ceil(wait));
  }
}
