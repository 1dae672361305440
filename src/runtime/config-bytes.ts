/**
 * The bytes of a configuration file, and of the protocols database; never more than a configuration
 * may have. Waits for nobody: a FIFO or a terminal that has nothing to say is refused.
 */
import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readFileSync,
  readSync,
  type Stats,
} from "node:fs";
import { maxFileBytes } from "../config/socket-path.ts";

/** The two voices of a program that starts. */
export interface Voice {
  readonly warning: (text: string) => void;
  readonly error: (text: string) => void;
  /** For people: not part of the reference's words. */
  readonly hint: (text: string) => void;
}

export type ConfigBytes =
  | { readonly ok: true; readonly bytes: Uint8Array }
  /** One word or a few: why there is nothing to read. */
  | { readonly ok: false; readonly reason: string };

/** Pipes that the shell has opened for us, as in `-C <(command)`. */
const GIVEN_BY_SHELL = /^\/(dev\/stdin$|dev\/fd\/|proc\/)/;

/** One byte more than a configuration may have, where the file is larger: the reader refuses it. */
export function readConfigBytes(file: string): ConfigBytes {
  let fd: number | undefined;
  try {
    const mayWait = GIVEN_BY_SHELL.test(file);
    fd = openSync(file, constants.O_RDONLY | (mayWait ? 0 : constants.O_NONBLOCK));
    const status = fstatSync(fd);
    const reason = refusal(status, mayWait);
    if (reason !== undefined) return { ok: false, reason };
    return { ok: true, bytes: bounded(fd, status.isFile() ? status.size : maxFileBytes) };
  } catch (error) {
    return { ok: false, reason: error instanceof Error ? error.message : String(error) };
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

export function readStandardInput(): ConfigBytes {
  // Opened anew, a pipe blocks, which the descriptor that we have need not; a socket cannot be opened.
  const read = readConfigBytes("/dev/stdin");
  if (read.ok) return read;
  try {
    return { ok: true, bytes: bounded(0, maxFileBytes) };
  } catch {
    return read;
  }
}

function refusal(status: Stats, mayWait: boolean): string | undefined {
  if (status.isDirectory()) return "it is a directory";
  if (status.isFIFO() && !mayWait) return "it is a FIFO";
  if (status.isBlockDevice()) return "it is a block device";
  return undefined;
}

/** @param expected Bytes that the file says it has; it may grow or shrink meanwhile. */
function bounded(fd: number, expected: number): Uint8Array {
  const buffer = new Uint8Array(Math.min(expected, maxFileBytes) + 1);
  let length = 0;
  while (length < buffer.length) {
    const count = readSync(fd, buffer, length, buffer.length - length, null);
    if (count === 0) break;
    length += count;
  }
  return buffer.subarray(0, length);
}

export function sayUnreadable(file: string, reason: string, voice: Voice): undefined {
  voice.error(`can't open config file \`${file}'`);
  voice.hint(`${file}: ${reason}`);
}

/** Undefined where there is no such file. */
export function readProtocols(): string | undefined {
  try {
    return readFileSync("/etc/protocols", "latin1");
  } catch {
    return undefined;
  }
}
