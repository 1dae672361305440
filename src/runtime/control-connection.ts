/**
 * One client of the control socket: its request, then the answer, which leaves as fast as the client reads and no faster.
 *
 * Most requests are there when the client is let in, and most answers leave at once: such a client costs no turn of the loop,
 * and few objects. `node:net` would make many for each, and whoever waits while they are collected waits for milliseconds.
 */
import { EAGAIN } from "../../native/constants.ts";
import * as native from "../../native/index.ts";
import { LineWriter } from "../kit/line-writer.ts";
import type { Reply } from "./control-reply.ts";

/** Bytes of a request: a signed 32-bit integer in host byte order. */
const REQUEST_BYTES = 4;
/** So often what a client says behind its request is thrown away before the connection is closed. */
const LAST_READS = 16;

/** Pieces are gathered up to this many bytes, and this many pieces, before they are sent: one turn's work. */
const STREAM_TURN_BYTES = 32_768;
const STREAM_TURN_PIECES = 64;

/** More than this waiting for a client that does not read, and the client is dropped. */
const WAITING_MAX_BYTES = 16 * 1024 * 1024;

export interface ConnectionLimits {
  /** From connecting to the last byte of the request. */
  readonly requestMilliseconds: number;
  /** How long a client may leave its answer unread. Somebody may be paging through it. */
  readonly idleMilliseconds: number;
}

export interface ConnectionEvents {
  /** Must end the reply, now or later. */
  readonly onRequest: (code: number, reply: Reply) => void;
  /** The client has sent nothing. */
  readonly onSilence: () => void;
}

const input = new Uint8Array(4096);

export class ControlConnection implements Reply {
  readonly #fd: number;
  readonly #limits: ConnectionLimits;
  readonly #events: ConnectionEvents;
  readonly #closing: (() => void)[] = [];
  /** Made when there is something to wait for; it owns the descriptor from then on. */
  #poll: native.Poll | undefined;
  /** Until the request is there, then as long as the client leaves its answer unread. */
  #timer: NodeJS.Timeout | undefined;
  #request = 0;
  #requestBytes = 0;
  #isSettled = false;
  /** The client says no more; it may listen still. */
  #isSilent = false;
  readonly #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  /** What has left of the first piece that waits. */
  #sent = 0;
  #onSent: (() => void) | undefined;
  #isEnding = false;
  #isClosed = false;

  /** Takes the descriptor over. */
  constructor(fd: number, limits: ConnectionLimits, events: ConnectionEvents) {
    this.#fd = fd;
    this.#limits = limits;
    this.#events = events;
  }

  /** Hears the client. */
  start(): void {
    this.#read();
    if (this.#isSettled || this.#isClosed) return;
    this.#timer = setTimeout(() => this.#settle(undefined), this.#limits.requestMilliseconds);
    this.#timer.unref();
  }

  get isOpen(): boolean {
    return !this.#isClosed && !this.#isEnding;
  }

  write(text: string): void {
    this.#send(Buffer.from(text));
  }

  onClose(callback: () => void): void {
    if (this.#isClosed) callback();
    else this.#closing.push(callback);
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
      if (goesOn) this.#onSent = later;
      // No copy: the memory is written again when all of it has left.
      this.#send(gathered.bytes.subarray(0, gathered.length));
      if (!goesOn) this.end();
    };
    // The loop serves others between two turns, even when this client reads at once.
    const later = () => setImmediate(turn);
    turn();
  }

  end(): void {
    if (!this.isOpen) return;
    this.#isEnding = true;
    if (this.#waiting.length === 0) this.#finish();
  }

  /** Cuts the answer short. */
  destroy(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#stopTimer();
    this.#waiting.length = 0;
    if (this.#poll === undefined) native.close(this.#fd);
    else this.#poll.close();
    for (const callback of this.#closing) callback();
  }

  readonly #turn = (events: number): void => {
    if (this.#waiting.length > 0) this.#flush();
    if (!this.#isClosed && (events & native.READABLE) !== 0) this.#read();
  };

  #read(): void {
    const count = native.receive(this.#fd, input, 0, input.length);
    if (count > 0) {
      // What follows the request is thrown away.
      for (let i = 0; i < count && this.#requestBytes < REQUEST_BYTES; i++) {
        this.#request |= input[i]! << (8 * this.#requestBytes);
        this.#requestBytes += 1;
      }
      if (this.#requestBytes === REQUEST_BYTES) this.#settle(this.#request);
    } else if (count === 0) {
      this.#isSilent = true;
      this.#settle(undefined);
    } else if (count !== -EAGAIN) {
      this.#isSilent = true;
      this.#settle(undefined);
      this.destroy();
    }
    this.#wait();
  }

  #settle(code: number | undefined): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#stopTimer();
    if (code !== undefined) {
      this.#events.onRequest(code, this);
      return;
    }
    if (this.#requestBytes === 0) this.#events.onSilence();
    // One to three bytes are no request anybody knows: answered with nothing, like an unknown one.
    this.end();
  }

  #send(bytes: Uint8Array): void {
    if (!this.isOpen) return;
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    if (this.#waitingBytes > WAITING_MAX_BYTES) this.destroy();
    else if (this.#waiting.length === 1) this.#flush();
  }

  /** Sends what waits, as far as the client's side has room. */
  #flush(): void {
    for (let piece = this.#waiting[0]; piece !== undefined; piece = this.#waiting[0]) {
      const sent = native.send(this.#fd, piece, this.#sent, piece.length - this.#sent);
      if (sent === -EAGAIN) {
        this.#wait();
        return;
      }
      if (sent < 0) {
        this.destroy();
        return;
      }
      this.#sent += sent;
      this.#waitingBytes -= sent;
      if (this.#sent < piece.length) continue;
      this.#waiting.shift();
      this.#sent = 0;
    }
    this.#stopTimer();
    if (this.#isEnding) this.#finish();
    else if (this.#poll !== undefined) this.#wait();
    const onSent = this.#onSent;
    this.#onSent = undefined;
    onSent?.();
  }

  /** Waits for what there is to wait for. */
  #wait(): void {
    if (this.#isClosed) return;
    const isBehind = this.#waiting.length > 0;
    const events = (this.#isSilent ? 0 : native.READABLE) | (isBehind ? native.WRITABLE : 0);
    if (events === 0) {
      this.#poll?.stop();
    } else {
      this.#poll ??= new native.Poll(this.#fd, this.#turn);
      // The kernel has no room for one more that is waited for.
      if (this.#poll.start(events) < 0) this.destroy();
    }
    if (this.#isClosed || !isBehind || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => this.destroy(), this.#limits.idleMilliseconds);
    this.#timer.unref();
  }

  /** All has left. What the client has said meanwhile would make the end look like a connection that broke off. */
  #finish(): void {
    for (let reads = 0; reads < LAST_READS; reads++) {
      if (native.receive(this.#fd, input, 0, input.length) <= 0) break;
    }
    this.destroy();
  }

  #stopTimer(): void {
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
