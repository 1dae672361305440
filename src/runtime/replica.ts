/**
 * Synchronisation on this machine: the engine, the event socket, the link, and the loop that joins them.
 *
 * One turn: inputs are taken, then what they caused is sent. Long work goes on in pieces between turns.
 * Described in: ARCHITECTURE.md, "The way of an event".
 */
import { performance } from "node:perf_hooks";
import type { Config } from "../config/index.ts";
import type { EventCounters } from "../netlink/event-counters.ts";
import { Engine } from "../sync/engine.ts";
import type { Reply } from "./control-reply.ts";
import { Kernel } from "./kernel.ts";
import type { Log } from "./log.ts";
import { answer } from "./requests.ts";
import type { Service } from "./service.ts";
import { engineOptions, linkOptions } from "./settings.ts";
import { opening, StartError } from "./start-error.ts";
import { SystemError } from "./system-error.ts";
import { TableWatch } from "./table-watch.ts";
import { UdpLink } from "./udp-link.ts";

/** Batches of datagrams of one turn. */
const TURN_BATCHES = 8;

export class Replica implements Service {
  readonly engine: Engine;
  readonly link: UdpLink;
  readonly errorQueueLength: number;
  readonly resendQueueSize: number;
  readonly #log: Log;
  readonly #startupResync: boolean;
  readonly #kernel: Kernel;
  readonly #events: TableWatch;
  #timer: NodeJS.Timeout | undefined;
  #continuing: NodeJS.Immediate | undefined;
  /** First datagram of the outbox that was not sent yet. */
  #unsent = 0;
  #isBlocked = false;
  /** When the events that are being taken arrived. */
  #wokeAt = 0;

  /** Opens everything and reads the kernel's table. @throws StartError */
  constructor(config: Config, log: Log) {
    this.#log = log;
    this.#startupResync = config.sync.startupResync;
    this.errorQueueLength = config.sync.errorQueueLength;
    this.resendQueueSize = config.sync.resendQueueSize;
    if (config.sync.disableExternalCache) log.notice("disabling external cache");
    this.link = this.#openLink(config);
    this.#kernel = opening("can't open netlink handler", () => new Kernel());
    const limit = this.link.datagramLimit;
    const options = engineOptions(config, limit, () => performance.now() * 1000);
    this.engine = new Engine(options, this.#kernel, log.journal, this.now());
    this.engine.ports.commit = this.#kernel.portId("commit");
    this.engine.ports.flush = this.#kernel.portId("flush");
    this.engine.ports.inject = this.#kernel.portId("inject");
    this.#kernel.onTurn(() => this.#turn());
    // Events first, then the table: what happens while it is read waits in the socket.
    this.#events = this.#openEvents(config);
    this.#kernel.onHearNew((on) => this.#events.hearNew(on));
    opening("can't get kernel conntrack table", () => this.#readTable());
  }

  /** Milliseconds of the clock that the engine goes by. */
  readonly now = (): number => performance.now();

  get eventCounters(): EventCounters {
    return this.engine.counters;
  }

  get eventBufferBytes(): number {
    return this.#events.bufferBytes;
  }

  start(): void {
    this.link.start();
    this.#events.start();
    if (this.#startupResync) this.engine.requestResync();
    this.#turn();
    this.#armTimer();
  }

  /** `-R`. */
  readonly resyncKernel = (): void => {
    this.#log.notice("resync with master conntrack table");
    this.engine.counters.resyncs += 1;
    this.#readTable();
  };

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
    this.#events.close();
    this.link.close();
    this.#kernel.close();
  }

  #openLink(config: Config): UdpLink {
    const link = config.sync.links[config.sync.defaultLink];
    if (link === undefined) {
      throw new StartError("can't open channel socket: No such file or directory", {
        detail: "the Sync section has no dedicated link",
        isInitialization: true,
      });
    }
    if (link.family === null) {
      throw new StartError("can't open channel socket: Address family not supported by protocol", {
        detail: "the dedicated link has no valid address",
        isInitialization: true,
      });
    }
    try {
      return new UdpLink({
        ...linkOptions(link, config.general.eventIterationLimit),
        onDatagram: (words, bytes, at, length) =>
          this.engine.receiver.datagram(words, bytes, at, length, Math.floor(this.now() / 1000)),
        onTurn: () => this.#turn(),
        onWritable: () => {
          this.#isBlocked = false;
          this.#turn();
        },
        onLimitedBuffer: (clause, bytes) =>
          this.#log.warning(
            `${clause}: not permitted to exceed the system's limit, got ${bytes} bytes`,
          ),
      });
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      throw new StartError(`can't open channel socket: ${error.reason}`, {
        isInitialization: true,
      });
    }
  }

  #openEvents(config: Config): TableWatch {
    return new TableWatch(config, this.#log, {
      onWake: () => {
        this.#wokeAt = this.now();
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

  /** Send what waits; go on later where that, or long work, takes more than a turn. */
  #turn(): void {
    let isDrained = false;
    for (let i = 0; i < TURN_BATCHES && !isDrained && !this.#isBlocked; i++) {
      isDrained = this.engine.transmit(this.now());
      if (!this.#flush()) return;
    }
    if (!isDrained || this.engine.busy) this.#continueLater();
  }

  #continueLater(): void {
    this.#continuing ??= setImmediate(() => {
      this.#continuing = undefined;
      this.engine.step(this.now());
      this.#turn();
    });
  }

  /** False: the link is full, and `onWritable` follows. */
  #flush(): boolean {
    const { outbox } = this.engine;
    if (outbox.count === 0) return true;
    this.#unsent = this.link.send(outbox, this.#unsent);
    if (this.#unsent < outbox.count) {
      this.#isBlocked = true;
      return false;
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
