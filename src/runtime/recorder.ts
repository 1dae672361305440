/**
 * Statistics mode on this machine: the event socket or a timer, the flow log, and the loop that joins
 * them to the machine of `src/stats/statistics.ts`.
 *
 * Described in: doc/stats.md, "How it works".
 */
import { randomBytes } from "node:crypto";
import * as native from "../../native/index.ts";
import type { Config } from "../config/index.ts";
import { flowFilter } from "../flow/filter.ts";
import type { EventCounters } from "../netlink/event-counters.ts";
import { Statistics } from "../stats/statistics.ts";
import type { Reply } from "./control-reply.ts";
import { FlowLog } from "./flow-log.ts";
import { Kernel } from "./kernel.ts";
import type { Log } from "./log.ts";
import type { Service } from "./service.ts";
import { facilityName, filterOptions, flowFacility } from "./settings.ts";
import { opening } from "./start-error.ts";
import { answerStatistics } from "./statistics-requests.ts";
import { TableWatch } from "./table-watch.ts";

export class Recorder implements Service {
  readonly machine: Statistics;
  readonly #log: Log;
  readonly #flows: FlowLog;
  readonly #kernel: Kernel;
  /** Undefined while polling. */
  readonly #watch: TableWatch | undefined;
  readonly #pollingBufferBytes: number;
  #timer: NodeJS.Timeout | undefined;
  #continuing: NodeJS.Immediate | undefined;
  /** When the events that are being taken arrived. */
  #wokeAt = 0;

  /** Opens everything but `flows`, and reads the kernel's table. @throws StartError */
  constructor(config: Config, log: Log, flows: FlowLog) {
    const { general } = config;
    this.#log = log;
    this.#flows = flows;
    this.#kernel = opening("can't open netlink handler", () => new Kernel());
    this.#kernel.onTurn(() => this.#turn());
    this.#kernel.onDumpFailed((reason) => log.error(`can't dump kernel table: ${reason}`));
    this.machine = new Statistics(
      {
        hashLimit: general.hashLimit,
        hashSeed: randomBytes(4).readInt32LE(),
        overrunResync: Math.max(0, general.netlinkOverrunResync),
        pollSeconds: general.pollSecs ?? 0,
        filter: flowFilter(filterOptions(general.filter)),
        filteredByKernel: general.filter.from === "kernelspace",
      },
      this.#kernel,
      log.journal,
      this.now(),
      (flow) => this.#flows.write(flow),
    );
    this.#pollingBufferBytes = general.netlinkBufferSize;
    if (general.pollSecs === null) this.#watch = this.#openWatch(config);
    else log.notice("running in polling mode");
    // Events first, then the table: what happens while it is read waits in the socket.
    opening("can't get kernel conntrack table", () => this.#readTable());
  }

  /** Milliseconds of the clock that the machine goes by. */
  readonly now = native.loopTime;

  get eventCounters(): EventCounters {
    return this.machine.counters;
  }

  get eventBufferBytes(): number {
    return this.#watch?.bufferBytes ?? this.#pollingBufferBytes;
  }

  start(): void {
    this.#watch?.start();
    this.#armTimer();
  }

  answer(code: number, reply: Reply): void {
    answerStatistics(code, this, reply);
    this.#turn();
  }

  /** `-R`. */
  readonly resyncKernel = (): void => {
    this.#log.notice("resync with master conntrack table");
    this.machine.counters.resyncs += 1;
    const now = this.now();
    this.#kernel.tryDumpNow((bytes, at, end) => this.machine.tableEntry(bytes, at, end, now));
  };

  reopen(): void {
    this.#flows.reopen();
  }

  close(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#continuing);
    this.#watch?.close();
    this.#kernel.close();
    this.#flows.close();
  }

  #openWatch(config: Config): TableWatch {
    return new TableWatch(config, this.#log, {
      onWake: (now) => {
        this.#wokeAt = now;
      },
      onEvent: (bytes, at, end) => this.machine.kernelEvent(bytes, at, end, this.#wokeAt),
      onTurn: () => this.#turn(),
      onOverrun: () => {
        this.machine.overrun(this.now());
        this.#armTimer();
      },
    });
  }

  #readTable(): void {
    const now = this.now();
    this.#kernel.dumpNow((bytes, at, end) => this.machine.tableEntry(bytes, at, end, now));
  }

  /** Long work goes on between the turns of the others. */
  #turn(): void {
    if (!this.machine.busy) return;
    this.#continuing ??= setImmediate(() => {
      this.#continuing = undefined;
      this.machine.step(this.now());
      this.#turn();
    });
  }

  #armTimer(): void {
    clearTimeout(this.#timer);
    const wait = this.machine.nextDeadline() - this.now();
    if (!Number.isFinite(wait)) return;
    this.#timer = setTimeout(
      () => {
        this.machine.tick(this.now());
        this.#turn();
        this.#armTimer();
      },
      Math.min(Math.max(0, Math.ceil(wait)), TIMER_MAX_MS),
    );
  }
}

/** The longest time that a timer of Node can wait: past it, it looks again. */
const TIMER_MAX_MS = 0x7fffffff;

/** @throws LogFileError */
export function openFlowLog(config: Config, log: Log): FlowLog {
  const facility = flowFacility(config);
  return new FlowLog({
    file: config.stats.logFile,
    facility: facility === null ? null : facilityName(facility),
    log,
    calls: native,
    errnoText: native.errnoText,
  });
}
