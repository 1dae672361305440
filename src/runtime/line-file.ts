/**
 * A file that grows by lines: the daemon log and the flow log.
 *
 * Lines gather until the turn of the loop ends, then one system call writes them all; `flush` does
 * it at once. A full disk loses lines and counts them: logging never stops the daemon.
 *
 * Described in: doc/stats.md, "The flow log".
 */
import { closeSync, openSync, writeSync } from "node:fs";

/** Enough for a few hundred lines: more is written without waiting for the turn to end. */
const GATHER_MAX_CHARACTERS = 65_536;

/** Whoever reads it may be only the owner: flows say who talks to whom. */
const FILE_MODE = 0o600;

const NEWLINE = 0x0a;

/** The exact words of the reference, which has no blank behind the full stop. */
export class LogFileError extends Error {
  override readonly name = "LogFileError";

  constructor(path: string, reason: string, cause: unknown) {
    super(`ERROR: can't open logfile \`${path}'.Reason: ${reason}`, { cause });
  }
}

/** Told when lines are lost for the first time, and when they are no longer. */
export interface LineFileWatcher {
  failed(reason: string): void;
  /** `lost`: how many lines the file lacks. */
  recovered(lost: number): void;
}

export interface LineFileOptions {
  readonly errnoText: (errno: number) => string;
  readonly watcher?: LineFileWatcher | undefined;
  /** As of `node:fs`; a test lends a disk that is full. */
  readonly write?: (fd: number, bytes: Uint8Array, at: number) => number;
}

export class LineFile {
  readonly path: string;
  readonly #options: LineFileOptions;
  #fd: number;
  #gathered = "";
  #scheduled: NodeJS.Immediate | undefined;
  /** Lines lost since a write failed; 0 while all is well. */
  #lost = 0;
  /** The file ends in the middle of a line. */
  #isTorn = false;

  /** Appends, and creates the file where there is none. @throws LogFileError */
  constructor(path: string, options: LineFileOptions) {
    this.path = path;
    this.#options = options;
    this.#fd = this.#open();
  }

  /** `text` brings its own newline. */
  append(text: string): void {
    this.#gathered += text;
    if (this.#gathered.length >= GATHER_MAX_CHARACTERS) this.flush();
    else this.#scheduled ??= setImmediate(() => this.flush());
  }

  flush(): void {
    if (this.#scheduled !== undefined) clearImmediate(this.#scheduled);
    this.#scheduled = undefined;
    if (this.#gathered === "" || this.#fd < 0) return;
    // A torn line ends first: what follows is a line of its own.
    const mend = this.#isTorn ? "\n" : "";
    const bytes = Buffer.from(mend + this.#gathered);
    this.#gathered = "";
    this.#write(bytes, mend.length);
  }

  /** After a rotation. The old file stays in use when the new one cannot be opened. @throws LogFileError */
  reopen(): void {
    this.flush();
    const fd = this.#open();
    if (this.#fd >= 0) closeSync(this.#fd);
    this.#fd = fd;
    this.#isTorn = false;
  }

  close(): void {
    this.flush();
    if (this.#fd >= 0) closeSync(this.#fd);
    this.#fd = -1;
  }

  /** New lines begin at `start`. */
  #write(bytes: Uint8Array, start: number): void {
    const { write = writeSync, watcher } = this.#options;
    let at = 0;
    try {
      while (at < bytes.length) at += write(this.#fd, bytes, at);
    } catch (error) {
      const isFirst = this.#lost === 0;
      if (at > 0) this.#isTorn = bytes[at - 1] !== NEWLINE;
      this.#lost += lines(bytes, Math.max(at, start));
      if (isFirst) watcher?.failed(this.#reason(error));
      return;
    }
    this.#isTorn = false;
    const lost = this.#lost;
    this.#lost = 0;
    if (lost > 0) watcher?.recovered(lost);
  }

  #open(): number {
    try {
      return openSync(this.path, "a", FILE_MODE);
    } catch (error) {
      throw new LogFileError(this.path, this.#reason(error), error);
    }
  }

  #reason(error: unknown): string {
    return this.#options.errnoText((error as NodeJS.ErrnoException).errno ?? 0);
  }
}

/** Lines that end behind `from`: a line of which a part was written counts. */
function lines(bytes: Uint8Array, from: number): number {
  let count = 0;
  for (let at = bytes.indexOf(NEWLINE, from); at >= 0; at = bytes.indexOf(NEWLINE, at + 1)) {
    count += 1;
  }
  return count;
}
