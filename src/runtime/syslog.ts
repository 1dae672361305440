/**
 * Messages to the system log, in the shape of the C library's `syslog`, so that filters written for
 * the reference go on working. The name of the sender is the reference's, too.
 *
 * A message that the log cannot take is dropped and counted: logging never stops the daemon.
 */
import { monthToSecond } from "./ctime.ts";
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

export class Syslog {
  readonly #options: SyslogOptions;
  readonly #socket: UnixDatagram;
  /** Messages that could not be sent. */
  dropped = 0;

  constructor(options: SyslogOptions) {
    this.#options = options;
    this.#socket = new UnixDatagram(options.calls, options.path ?? SYSLOG_PATH);
  }

  /** `facility` where a message differs from the rest. */
  send(level: Level, text: string, facility: Facility = this.#options.facility): void {
    const priority = FACILITY[facility] * 8 + SEVERITY[level];
    const { now, pid } = this.#options;
    const line = `<${priority}>${monthToSecond(now())} ${SYSLOG_IDENT}[${pid()}]: ${text}`;
    const bytes = new TextEncoder().encode(line).subarray(0, MESSAGE_MAX_BYTES);
    if (this.#socket.send(bytes) < 0) this.dropped += 1;
  }

  close(): void {
    this.#socket.close();
  }
}
