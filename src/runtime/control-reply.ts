/**
 * The answer to one client: text that leaves as fast as the client reads, and no faster.
 *
 * A long answer is pulled: the next piece is asked for when the last one has gone, so a dump of a
 * million flows to a client that does not read costs one piece of memory, and no time.
 */
import type { Socket } from "node:net";
import { LineWriter } from "../kit/line-writer.ts";

/** Pieces are gathered up to this many bytes, and this many pieces, before they are written: one turn's work. */
const STREAM_TURN_BYTES = 32_768;
const STREAM_TURN_PIECES = 64;

/** More than this waiting for a client that does not read, and the client is dropped. */
export const REPLY_PENDING_MAX_BYTES = 16 * 1024 * 1024;

export interface Reply {
  /** False once the client is gone. */
  readonly isOpen: boolean;
  /** Queues text. False: the client is gone, or should be given time (`onDrain`). */
  write(text: string | Uint8Array): boolean;
  /** Called once, when everything written has left; at once when nothing waits. */
  onDrain(callback: () => void): void;
  /** Called once, when the connection is over, whoever ended it. */
  onClose(callback: () => void): void;
  /**
   * Sends what `next` appends, until it says false, then ends. `next` is called only while the client keeps up, in
   * bounded turns, and never again once the client is gone.
   */
  stream(next: (out: LineWriter) => boolean): void;
  /** End of the answer: the client sees the end of file once it has read everything. */
  end(): void;
}

export class SocketReply implements Reply {
  readonly #socket: Socket;
  readonly #idleMilliseconds: number;
  #idleTimer: NodeJS.Timeout | undefined;

  /** A client that takes nothing of what waits for it in `idleMilliseconds` is dropped. */
  constructor(socket: Socket, idleMilliseconds: number) {
    this.#socket = socket;
    this.#idleMilliseconds = idleMilliseconds;
    socket.on("drain", () => this.#stopIdleTimer());
    socket.once("close", () => this.#stopIdleTimer());
  }

  get isOpen(): boolean {
    return !this.#socket.destroyed && !this.#socket.writableEnded;
  }

  write(text: string | Uint8Array): boolean {
    return this.#send(text);
  }

  /** `onGone` is called when all of the text has left, and never if the client is gone before. */
  #send(text: string | Uint8Array, onGone?: () => void): boolean {
    if (!this.isOpen) return false;
    const isDrained = this.#socket.write(text, (error) => {
      if (error === undefined || error === null) onGone?.();
    });
    if (isDrained) return true;
    if (this.#socket.writableLength > REPLY_PENDING_MAX_BYTES) this.#socket.destroy();
    else this.#startIdleTimer();
    return false;
  }

  onDrain(callback: () => void): void {
    if (this.#socket.writableNeedDrain) this.#socket.once("drain", callback);
    else if (this.isOpen) setImmediate(callback);
  }

  onClose(callback: () => void): void {
    if (this.#socket.closed) callback();
    else this.#socket.once("close", callback);
  }

  stream(next: (out: LineWriter) => boolean): void {
    const gathered = new LineWriter(STREAM_TURN_BYTES * 2);
    const turn = () => {
      if (!this.isOpen) return;
      gathered.cut();
      let goesOn = true;
      for (let pieces = 0; goesOn && pieces < STREAM_TURN_PIECES; pieces++) {
        if (gathered.length >= STREAM_TURN_BYTES) break;
        goesOn = next(gathered);
      }
      if (!goesOn) {
        if (gathered.length > 0) this.write(gathered.bytes.subarray(0, gathered.length));
        this.end();
        return;
      }
      // The loop serves others between two turns, even when this client reads at once.
      const later = () => setImmediate(turn);
      if (gathered.length === 0) later();
      // No copy: the memory is written again when the client's side has taken all of it.
      else this.#send(gathered.bytes.subarray(0, gathered.length), later);
    };
    turn();
  }

  end(): void {
    if (!this.isOpen) return;
    this.#socket.end();
    // The last bytes may wait for the client, too.
    this.#startIdleTimer();
  }

  #startIdleTimer(): void {
    this.#idleTimer ??= setTimeout(() => this.#socket.destroy(), this.#idleMilliseconds).unref();
  }

  #stopIdleTimer(): void {
    if (this.#idleTimer !== undefined) clearTimeout(this.#idleTimer);
    this.#idleTimer = undefined;
  }
}
