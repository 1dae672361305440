/**
 * Standard output and standard error for a program that lists: large pieces, written at once.
 *
 * `process.stdout` is not used: it costs milliseconds of start-up. A closed pipe ends the process
 * with SIGPIPE, as it does a C program: quietly.
 */
import { writeSync } from "node:fs";
import process from "node:process";

const STDOUT = 1;
const STDERR = 2;
/** How long to wait, in milliseconds, when somebody made the pipe non-blocking and it is full. */
const FULL_PIPE_MS = 1;

/** Writes all of it, however long that takes. */
export function writeOut(bytes: Uint8Array, length = bytes.length): void {
  writeAll(STDOUT, bytes, length);
}

export function writeOutText(text: string): void {
  const bytes = Buffer.from(text, "utf8");
  writeAll(STDOUT, bytes, bytes.length);
}

/** Nobody listens to standard error: that is no reason to stop. */
export function writeErrText(text: string, encoding: BufferEncoding = "utf8"): void {
  const bytes = Buffer.from(text, encoding);
  try {
    writeAll(STDERR, bytes, bytes.length);
  } catch {
    // A full disk, a closed descriptor: there is nobody to tell.
  }
}

function writeAll(fd: number, bytes: Uint8Array, length: number): void {
  let at = 0;
  while (at < length) {
    try {
      at += writeSync(fd, bytes, at, length - at);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "EAGAIN")
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FULL_PIPE_MS);
      else if (code === "EPIPE") dieOfBrokenPipe();
      else throw error;
    }
  }
}

/** Node ignores the signal; taking a handler away gives it its first meaning back. */
export function dieOfBrokenPipe(): never {
  const handler = () => undefined;
  process.on("SIGPIPE", handler);
  process.removeListener("SIGPIPE", handler);
  process.kill(process.pid, "SIGPIPE");
  process.exit(141);
}
