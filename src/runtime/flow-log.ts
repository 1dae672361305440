/**
 * The flow log of statistics mode: one line for each flow that ended, into a file and the system log.
 *
 * Lines gather for a turn of the loop, so that a crash loses no more than the flows of one turn. A
 * full disk or a dead system log is told once in the daemon's log, with a count when it is over.
 *
 * Described in: doc/stats.md, "The flow log".
 */
import type { FlowRegister } from "../flow/register.ts";
import { flowText } from "../flow/text.ts";
import { ctime } from "./ctime.ts";
import { LineFile, LogFileError } from "./line-file.ts";
import type { Log } from "./log.ts";
import { type Facility, FlowSyslog } from "./syslog.ts";
import type { BatchCalls } from "./unix-batch.ts";

export interface FlowLogOptions {
  readonly file: string | null;
  /** Null: not to the system log. */
  readonly facility: Facility | null;
  readonly log: Log;
  readonly calls: BatchCalls;
  readonly errnoText: (errno: number) => string;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
  /** Another place than `/dev/log`. */
  readonly syslogPath?: string;
}

export class FlowLog {
  readonly #log: Log;
  readonly #now: () => number;
  readonly #file: LineFile | undefined;
  readonly #syslog: FlowSyslog | undefined;
  /** The second of the last line and how it is written: many lines share it. */
  #second = -1;
  #time = "";

  /** @throws LogFileError */
  constructor(options: FlowLogOptions) {
    const { log, file, facility, calls, errnoText, now = Date.now, syslogPath } = options;
    this.#log = log;
    this.#now = now;
    if (file !== null)
      this.#file = new LineFile(file, { errnoText, watcher: fileWatcher(file, log) });
    if (facility === null) return;
    this.#syslog = new FlowSyslog({
      calls,
      facility,
      pid: log.pid,
      now: () => new Date(now()),
      onTrouble: (dropped) => syslogTrouble(log, dropped),
      ...(syslogPath === undefined ? {} : { path: syslogPath }),
    });
  }

  /** A flow ended: what was known last, with the time of now. */
  write(flow: FlowRegister): void {
    if (this.#file === undefined && this.#syslog === undefined) return;
    const now = this.#now();
    const text = flowText(flow, { now });
    this.#file?.append(`${this.#timeText(now)}\t${text}\n`);
    this.#syslog?.post(text);
  }

  /** Follow a rotation: what gathered goes into the old file, the rest into the new one. */
  reopen(): void {
    try {
      this.#file?.reopen();
    } catch (error) {
      if (!(error instanceof LogFileError)) throw error;
      this.#log.error(error.message.replace(/^ERROR: /, ""));
    }
  }

  close(): void {
    this.#file?.close();
    this.#syslog?.close();
  }

  #timeText(now: number): string {
    const second = Math.floor(now / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#time = ctime(new Date(now));
    }
    return this.#time;
  }
}

function fileWatcher(path: string, log: Log) {
  return {
    failed: (reason: string) =>
      log.error(`can't write to flow log \`${path}': ${reason}. Flows are missing from now on`),
    recovered: (lost: number) =>
      log.notice(`flow log \`${path}' is written again, ${lost} lines are missing`),
  };
}

function syslogTrouble(log: Log, dropped: number): void {
  if (dropped === 0) log.error("the system log takes no flows. Flows are missing from now on");
  else log.notice(`the system log takes flows again, ${dropped} are missing`);
}
