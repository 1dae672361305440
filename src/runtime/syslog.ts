/**
 * Messages to the system log, in the shape of the C library's `syslog`, so that filters written for
 * the reference go on working. The name of the sender is the reference's, too.
 *
 * `send` is for the few lines of the daemon; `post` is for a line a flow: messages gather until the
 * turn of the loop ends, and one system call sends many. A message that the log cannot take is
 * dropped and counted: logging never stops the daemon.
 *
 * Described in: doc/stats.md, "The system log".
 */
import { monthToSecond } from "./ctime.ts";
import { type BatchCalls, UnixBatch } from "./unix-batch.ts";
import { type DatagramCalls, UnixDatagram } from "./unix-datagram.ts";

export type Level = "info" | "notice" | "warning" | "error";

const SEVERITY: Readonly<Record<Level, number>> = { error: 3, warning: 4, notice: 5, info: 6 };

const FACILITY = {
  user: 1,
  daemon: 3,
  local0: 16,
  local1: 17,
  local2: 18,
  local3: 19,
  local4: 20,
  local5: 21,
  local6: 22,
  local7: 23,
} as const;

export type Facility = keyof typeof FACILITY;

export const SYSLOG_IDENT = "conntrack-tools";
const SYSLOG_PATH = "/dev/log";
/** Longer messages are cut: a datagram has an end. */
const MESSAGE_MAX_BYTES = 8192;

export interface SyslogOptions {
  readonly calls: DatagramCalls;
  readonly facility: Facility;
  readonly pid: () => number;
  readonly now: () => Date;
  readonly path?: string;
}

/** `<30>Nov 23 12:37:56 conntrack-tools[21194]: text`. */
export function syslogMessage(
  level: Level,
  text: string,
  options: Pick<SyslogOptions, "facility" | "pid" | "now">,
): Uint8Array {
  const priority = FACILITY[options.facility] * 8 + SEVERITY[level];
  const line = `<${priority}>${monthToSecond(options.now())} ${SYSLOG_IDENT}[${options.pid()}]: ${text}`;
  return new TextEncoder().encode(line).subarray(0, MESSAGE_MAX_BYTES);
}

export class Syslog {
  readonly #options: SyslogOptions;
  readonly #socket: UnixDatagram;
  /** Messages that could not be sent. */
  dropped = 0;

  constructor(options: SyslogOptions) {
    this.#options = options;
    this.#socket = new UnixDatagram(options.calls, options.path ?? SYSLOG_PATH);
  }

  send(level: Level, text: string): void {
    const bytes = syslogMessage(level, text, this.#options);
    if (this.#socket.send(bytes) < 0) this.dropped += 1;
  }

  close(): void {
    this.#socket.close();
  }
}

export interface FlowSyslogOptions extends Omit<SyslogOptions, "calls"> {
  readonly calls: BatchCalls;
  /** Told when messages are dropped for the first time, and when they are no longer. */
  readonly onTrouble: (dropped: number) => void;
}

/** One message of level info a flow. */
export class FlowSyslog {
  readonly #options: FlowSyslogOptions;
  readonly #batch: UnixBatch;

  constructor(options: FlowSyslogOptions) {
    this.#options = options;
    const { calls, path = SYSLOG_PATH, onTrouble } = options;
    this.#batch = new UnixBatch({ calls, path, onTrouble });
  }

  post(text: string): void {
    this.#batch.post(syslogMessage("info", text, this.#options));
  }

  /** Sends what waits, as far as the log takes it. */
  close(): void {
    this.#batch.close();
  }
}
