/**
 * The answer to one client: text that leaves as fast as the client reads, and no faster.
 *
 * A long answer is pulled: the next piece is asked for when the last one has gone, so a dump of a
 * million flows to a client that does not read costs one piece of memory, and no time.
 */
import type { Socket } from "node:net";

/** Pieces are gathered up to this many characters before they are written: one turn's work. */
export const STREAM_TURN_CHARACTERS = 32_768;

/** More than this waiting for a client that does not read, and the client is dropped. */
export const REPLY_PENDING_MAX_BYTES = 16 * 1024 * 1024;

export interface Reply {
  /** False once the client is gone. */
  readonly isOpen: boolean;
  /** Queues text. False: the client is gone, or should be given time (`onDrain`). */
  write(text: string): boolean;
  /** Called once, when everything written has left; at once when nothing waits. */
  onDrain(callback: () => void): void;
  /** Called once, when the connection is over, whoever ended it. */
  onClose(callback: () => void): void;
  /**
   * Sends what `next` gives until it gives null, then ends. `next` is called only while the client
   * keeps up, in turns of about `STREAM_TURN_CHARACTERS`, and never again once the client is gone.
   */
  stream(next: () => string | null): void;
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

  write(text: string): boolean {
    if (!this.isOpen) return false;
    const isDrained = this.#socket.write(text);
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

  stream(next: () => string | null): void {
    const turn = () => {
      if (!this.isOpen) return;
      let gathered = "";
      let piece: string | null = "";
      while (gathered.length < STREAM_TURN_CHARACTERS) {
        piece = next();
        if (piece === null) break;
        gathered += piece;
      }
      if (gathered !== "") this.write(gathered);
      if (piece === null) this.end();
      // The loop serves others between two turns, even when this client reads at once.
      else this.onDrain(() => setImmediate(turn));
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
