/**
 * The daemon's log: one line to every destination that is open.
 *
 * Before the configuration is read there is only the terminal; then a file and the system log may
 * join, and a daemon leaves the terminal. A flood of one and the same complaint is cut to a bounded
 * number of lines a second, and what was left out is counted in a line of its own.
 *
 * Described in: doc/conntrackd.md, "Log".
 */
import { writeSync } from "node:fs";
import type { Journal } from "../kit/journal.ts";
import { ctime } from "./ctime.ts";
import { LineFile, type LineFileWatcher, LogFileError } from "./line-file.ts";
import { type Level, Syslog, type SyslogOptions } from "./syslog.ts";

export type { Level } from "./syslog.ts";
export { LogFileError };

const WORD: Readonly<Record<Level, string>> = {
  info: "info",
  notice: "notice",
  warning: "warning",
  error: "ERROR",
};

/** Equal warnings or errors that one second may bring. */
export const EQUAL_LINES_PER_SECOND = 100;
const WINDOW_MILLISECONDS = 1000;
/** Different texts that are watched at a time; past that, texts are not limited in this window. */
const WATCHED_TEXTS_MAX = 64;

/** Where console output goes; a test lends its own. */
export interface Terminal {
  out(text: string): void;
  err(text: string): void;
}

export interface LogOptions {
  readonly errnoText: (errno: number) => string;
  readonly now?: () => Date;
  readonly pid?: () => number;
  /** Undefined: the process's own. */
  readonly terminal?: Terminal;
}

/** `[Mon Nov 23 12:33:37 2026] (pid=15073) [notice] ` */
export function linePrefix(time: Date, pid: number, level: Level): string {
  return `[${ctime(time)}] (pid=${pid}) [${WORD[level]}] `;
}

export class Log {
  readonly #options: LogOptions;
  readonly #terminal: Terminal;
  readonly #seen = new Map<string, number>();
  #windowStart = 0;
  #windowTimer: NodeJS.Timeout | undefined;
  #isLastSuppressed = false;
  #isTerminalOpen = true;
  #isTerminalForTrouble = false;
  #file: LineFile | undefined;
  #syslog: Syslog | undefined;

  constructor(options: LogOptions) {
    this.#options = options;
    this.#terminal = options.terminal ?? processTerminal;
  }

  /** @throws LogFileError whose message is for standard error, without a prefix. */
  openFile(path: string): void {
    const file = new LineFile(path, {
      errnoText: this.#options.errnoText,
      watcher: this.#watcher(path),
    });
    this.#file?.close();
    this.#file = file;
  }

  openSyslog(options: Pick<SyslogOptions, "calls" | "facility" | "path">): void {
    this.#syslog?.close();
    const { now, pid } = this;
    this.#syslog = new Syslog({ ...options, now, pid });
  }

  /** `-d`: from now on the terminal is told of what goes wrong, and of nothing else. */
  quietTerminal(): void {
    this.#isTerminalForTrouble = true;
  }

  /** A daemon has left its terminal; later lines do not appear there. */
  leaveTerminal(): void {
    this.#isTerminalOpen = false;
  }

  info(text: string): void {
    this.line("info", text);
  }

  notice(text: string): void {
    this.line("notice", text);
  }

  warning(text: string): void {
    this.line("warning", text);
  }

  error(text: string): void {
    this.line("error", text);
  }

  line(level: Level, text: string): void {
    this.#isLastSuppressed = this.#isOneTooMany(level, text);
    if (!this.#isLastSuppressed) this.#emit(level, text);
  }

  /**
   * The flow that the line before complained about: into the file and the system log, never to the
   * terminal. It shares the fate of that line when a flood is cut.
   */
  rawLine(flow: string): void {
    if (this.#isLastSuppressed) return;
    this.#file?.append(`${ctime(this.now())}\t${flow}\n`);
    this.#file?.flush();
    this.#syslog?.send("error", flow);
  }

  /** Follow a rotation (SIGHUP). A file that cannot be opened again leaves the old one in use. */
  reopen(): void {
    try {
      this.#file?.reopen();
    } catch (error) {
      if (!(error instanceof LogFileError)) throw error;
      this.error(error.message.replace(/^ERROR: /, ""));
    }
  }

  close(): void {
    this.#endWindow();
    this.#file?.close();
    this.#syslog?.close();
    this.#file = undefined;
    this.#syslog = undefined;
  }

  /** For machines, which say what they have to say through this. */
  readonly journal: Journal = {
    notice: (text) => this.notice(text),
    warning: (text) => this.warning(text),
    error: (text) => this.error(text),
    flow: (text) => this.rawLine(text),
    errnoText: (errno) => this.#options.errnoText(errno),
  };

  readonly now = (): Date => this.#options.now?.() ?? new Date();
  readonly pid = (): number => this.#options.pid?.() ?? process.pid;

  #emit(level: Level, text: string): void {
    const line = this.#lineText(level, text);
    this.#file?.append(line);
    this.#file?.flush(); // A line must not be lost with the process that wrote it.
    this.#emitBeside(level, text, line);
  }

  /** To every destination but the file. */
  #emitBeside(level: Level, text: string, line = this.#lineText(level, text)): void {
    this.#syslog?.send(level, text);
    if (!this.#isTerminalOpen) return;
    if (level === "warning" || level === "error") this.#terminal.err(line);
    else if (!this.#isTerminalForTrouble) this.#terminal.out(line);
  }

  #lineText(level: Level, text: string): string {
    return `${linePrefix(this.now(), this.pid(), level)}${text}\n`;
  }

  /** A full disk is told where it can be told: everywhere but in the file itself. */
  #watcher(path: string): LineFileWatcher {
    return {
      failed: (reason) =>
        this.#emitBeside(
          "error",
          `can't write to logfile \`${path}': ${reason}. Lines are missing from now on`,
        ),
      recovered: (lost) =>
        this.#emitBeside(
          "notice",
          `logfile \`${path}' is written again, ${lost} lines are missing`,
        ),
    };
  }

  #isOneTooMany(level: Level, text: string): boolean {
    if (level === "info" || level === "notice") return false;
    const now = this.now().getTime();
    // A clock that was set back ends the window, too.
    if (Math.abs(now - this.#windowStart) >= WINDOW_MILLISECONDS) {
      this.#endWindow();
      this.#windowStart = now;
    }
    const key = `${level} ${text}`;
    const count = (this.#seen.get(key) ?? 0) + 1;
    if (count === 1 && this.#seen.size >= WATCHED_TEXTS_MAX) return false;
    this.#seen.set(key, count);
    if (count <= EQUAL_LINES_PER_SECOND) return false;
    this.#windowTimer ??= setTimeout(() => this.#endWindow(), WINDOW_MILLISECONDS).unref();
    return true;
  }

  /** Say what was left out, and forget. */
  #endWindow(): void {
    if (this.#windowTimer !== undefined) clearTimeout(this.#windowTimer);
    this.#windowTimer = undefined;
    for (const [key, count] of this.#seen) {
      const left = count - EQUAL_LINES_PER_SECOND;
      if (left <= 0) continue;
      const [level, text] = split(key);
      this.#emit(level, `${text} (${left} more such lines were suppressed)`);
    }
    this.#seen.clear();
  }
}

function split(key: string): [Level, string] {
  const blank = key.indexOf(" ");
  return [key.slice(0, blank) as Level, key.slice(blank + 1)];
}

const processTerminal: Terminal = {
  out: (text) => writeQuietly(1, text),
  err: (text) => writeQuietly(2, text),
};

/** A terminal that has gone away is no reason to stop. */
function writeQuietly(fd: number, text: string): void {
  try {
    writeSync(fd, text);
  } catch {
    // Nobody is left to be told.
  }
}
