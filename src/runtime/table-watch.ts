/**
 * Watching the kernel's table, whatever is done with what is seen: the event socket as the
 * configuration wants it, its log lines, and its growth when it overruns.
 *
 * Described in: doc/conntrackd.md, "Start and stop".
 */
import type { Config } from "../config/index.ts";
import { kernelFilter } from "../flow/kernel-filter.ts";
import { EventSource, type EventSourceOptions } from "./event-source.ts";
import type { Log } from "./log.ts";
import { filterOptions } from "./settings.ts";
import { opening } from "./start-error.ts";

/**
 * Event buffer where the configuration sets none. The reference leaves the system's (208 KiB, some 260
 * events) and is woken for each of them; we take many at a time, and need the room.
 */
const DEFAULT_EVENT_BUFFER_BYTES = 8 << 20;

type Handlers = Pick<EventSourceOptions, "groups" | "onWake" | "onEvent" | "onTurn" | "onOverrun">;

export class TableWatch {
  readonly #log: Log;
  readonly #source: EventSource;
  #warnedOfCeiling = false;

  /** Opens the socket; `start` begins to listen. @throws StartError */
  constructor({ general }: Config, log: Log, handlers: Handlers) {
    this.#log = log;
    const program = kernelFilter(filterOptions(general.filter));
    const byKernel = general.filter.from === "kernelspace";
    if (general.netlinkEventsReliable) log.notice("reliable ctnetlink event delivery is ENABLED.");
    if (program.length > 0) {
      log.notice(`using ${byKernel ? "kernel" : "user"}-space event filtering`);
    }
    const { netlinkBufferSize: size, netlinkBufferSizeMaxGrowth: ceiling } = general;
    const bufferBytes = size > 0 && size <= ceiling ? size : 0;
    if (bufferBytes === 0) {
      log.notice(
        "NetlinkBufferSize is either not set or is greater than NetlinkBufferSizeMaxGrowth. Using current system buffer size",
      );
    }
    this.#source = opening(
      "can't open netlink handler",
      () =>
        new EventSource({
          ...handlers,
          iterationLimit: general.eventIterationLimit,
          program: byKernel ? program : new Uint8Array(0),
          reliable: general.netlinkEventsReliable,
          bufferBytes: bufferBytes || DEFAULT_EVENT_BUFFER_BYTES,
          bufferMaxBytes: ceiling,
          onOverrun: () => {
            handlers.onOverrun();
            this.#grow();
          },
        }),
    );
    log.notice(`netlink event socket buffer size has been set to ${this.bufferBytes} bytes`);
  }

  /** Size of the receive buffer as the kernel counts it. */
  get bufferBytes(): number {
    return this.#source.bufferBytes;
  }

  start(): void {
    this.#source.start();
  }

  /** Whether new flows are told. */
  hearNew(on: boolean): void {
    this.#source.hearNew(on);
  }

  close(): void {
    this.#source.close();
  }

  #grow(): void {
    const size = this.#source.grow();
    if (size !== undefined) {
      this.#log.notice(`netlink event socket buffer size has been doubled to ${size} bytes`);
    } else if (!this.#warnedOfCeiling) {
      this.#warnedOfCeiling = true;
      this.#log.warning(
        "netlink event socket buffer size cannot be doubled further since it will exceed NetlinkBufferSizeMaxGrowth. We are likely to be losing events, this may lead to unsynchronized replicas. Please, consider increasing netlink socket buffer size via NetlinkBufferSize and NetlinkBufferSizeMaxGrowth clauses in conntrackd.conf",
      );
    }
  }
}
