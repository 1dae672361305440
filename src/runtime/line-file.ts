/**
 * A file that grows by lines: the daemon log and the flow log.
 *
 * Lines gather until the turn of the loop ends, then one system call writes them all; `flush` does
 * it at once. A full disk loses lines and counts them: logging never stops the daemon.
 */
import { closeSync, openSync, writeSync } from "node:fs";

/** Enough for a few hundred lines: more is written without waiting for the turn to end. */
const GATHER_MAX_CHARACTERS = 65_536;

/** Whoever reads it may be only the owner: flows say who talks to whom. */
const FILE_MODE = 0o600;

/** The exact words of the reference, which has no blank behind the full stop. */
export class LogFileError extends Error {
  override readonly name = "LogFileError";

  constructor(path: string, reason: string, cause: unknown) {
    super(`ERROR: can't open logfile \`${path}'.Reason: ${reason}`, { cause });
  }
}

export class LineFile {
  readonly path: string;
  readonly #errnoText: (errno: number) => string;
  #fd: number;
  #gathered = "";
  #scheduled: NodeJS.Immediate | undefined;
  /** Writes that failed. */
  failedWrites = 0;

  /** Appends, and creates the file where there is none. @throws LogFileError */
  constructor(path: string, errnoText: (errno: number) => string) {
    this.path = path;
    this.#errnoText = errnoText;
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
    const bytes = Buffer.from(this.#gathered);
    this.#gathered = "";
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(this.#fd, bytes, at);
    } catch {
      this.failedWrites += 1;
    }
  }

  /** After a rotation. The old file stays in use when the new one cannot be opened. @throws LogFileError */
  reopen(): void {
    this.flush();
    const fd = this.#open();
    if (this.#fd >= 0) closeSync(this.#fd);
    this.#fd = fd;
  }

  close(): void {
    this.flush();
    if (this.#fd >= 0) closeSync(this.#fd);
    this.#fd = -1;
  }

  #open(): number {
    try {
      return openSync(this.path, "a", FILE_MODE);
    } catch (error) {
      const errno = (error as NodeJS.ErrnoException).errno ?? 0;
      throw new LogFileError(this.path, this.#errnoText(errno), error);
    }
  }
}
