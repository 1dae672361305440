/**
 * Standard output for a program that must not wait for it: lines gather in memory while a write is on
 * its way, and whoever makes them is told when there are too many.
 *
 * A file takes what it gets at once, and so does a pipe as long as it has room: handing a write to a thread costs more
 * than the events it tells of. What a pipe has no room for, and what goes to a terminal, is written aside.
 */
import { fstatSync, write, writeSync } from "node:fs";
import * as native from "../../native/index.ts";
import { LineWriter } from "../kit/line-writer.ts";
import { dieOfBrokenPipe, writeOut } from "./standard-output.ts";

const STDOUT = 1;
/** Bytes that may wait for a slow reader before events are left in their socket. */
export const MAX_WAITING_BYTES = 64 << 20;

/** What a pipe that has room takes without waiting (PIPE_BUF of Linux). */
const PIPE_PIECE_BYTES = 4096;

export interface EventOutputOptions {
  /** The reader has fallen behind: make no more lines. */
  readonly onFull: () => void;
  /** There is room again. */
  readonly onRoom: () => void;
  readonly maxWaitingBytes?: number;
}

export class EventOutput {
  /** Where the next lines go. */
  writer = new LineWriter(1 << 16);
  #travelling = new LineWriter(1 << 16);
  #isWriting = false;
  #isFull = false;
  readonly #isFile: boolean;
  readonly #isPipe: boolean;
  readonly #options: EventOutputOptions;
  #onEmpty: (() => void) | undefined;

  constructor(options: EventOutputOptions) {
    this.#options = options;
    const output = fstatSync(STDOUT);
    this.#isFile = output.isFile();
    this.#isPipe = output.isFIFO();
  }

  /** Send on what has gathered, as soon as the reader has taken what is on its way. */
  flush(): void {
    if (this.#isFile) {
      writeOut(this.writer.bytes, this.writer.length);
      this.writer.cut();
      return;
    }
    if (!this.#isWriting && this.#isPipe) this.#fillPipe();
    if (!this.#isWriting && this.writer.length > 0) this.#send();
    const limit = this.#options.maxWaitingBytes ?? MAX_WAITING_BYTES;
    if (!this.#isFull && this.writer.length > limit) {
      this.#isFull = true;
      this.#options.onFull();
    }
  }

  /** Calls back when everything was taken. */
  end(onEmpty: () => void): void {
    this.flush();
    if (this.#isWriting) this.#onEmpty = onEmpty;
    else onEmpty();
  }

  /** Write what the pipe takes without waiting. */
  #fillPipe(): void {
    const { bytes, length } = this.writer;
    let at = 0;
    while (at < length && native.hasRoom(STDOUT) === 1) {
      const size = Math.min(PIPE_PIECE_BYTES, length - at);
      try {
        at += writeSync(STDOUT, bytes, at, size);
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === "EPIPE") dieOfBrokenPipe();
        if (code !== "EAGAIN") throw error;
        break;
      }
    }
    this.writer.remove(0, at);
  }

  #send(): void {
    const lines = this.writer;
    this.writer = this.#travelling;
    this.writer.cut();
    this.#travelling = lines;
    this.#isWriting = true;
    if (this.#isFull) {
      this.#isFull = false;
      this.#options.onRoom();
    }
    this.#write(lines.bytes, 0, lines.length);
  }

  #write(bytes: Uint8Array, at: number, end: number): void {
    write(STDOUT, bytes, at, end - at, null, (error, written) => {
      if (error?.code === "EPIPE") dieOfBrokenPipe();
      if (error !== null && error.code !== "EAGAIN") throw error;
      const next = at + (error === null ? written : 0);
      if (error !== null) setTimeout(() => this.#write(bytes, next, end), 1);
      else if (next < end) this.#write(bytes, next, end);
      else this.#settle();
    });
  }

  #settle(): void {
    this.#isWriting = false;
    if (this.writer.length > 0) this.#send();
    else this.#onEmpty?.();
  }
}
