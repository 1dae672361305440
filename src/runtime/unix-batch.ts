/**
 * Many datagrams to a local socket: they gather until the turn of the loop ends, and one system call
 * sends up to 256. A listener that is slow is given time, within a bound; what does not fit is
 * dropped and counted. Nothing waits for a listener.
 */
import { AF_UNIX } from "../../native/constants.ts";
import { unixAddress } from "./unix-address.ts";
import type { DatagramCalls } from "./unix-datagram.ts";

/** The calls of the native addon that are needed here; a test lends its own. */
export interface BatchCalls extends Pick<DatagramCalls, "socket" | "close"> {
  sendBatch(
    fd: number,
    arena: Uint8Array,
    offsets: Int32Array,
    lengths: Int32Array,
    first: number,
    count: number,
    address: Uint8Array | null,
  ): number;
}

export interface UnixBatchOptions {
  readonly calls: BatchCalls;
  readonly path: string;
  /** 0: messages are dropped from now on. Otherwise the socket takes them again, and so many were. */
  readonly onTrouble: (dropped: number) => void;
}

/** Messages that wait for a slow listener. */
export const WAITING_MAX_MESSAGES = 4096;
export const WAITING_MAX_BYTES = 1 << 20;
/** Messages of one system call. */
const CALL_MESSAGES = 256;
/** How long a listener that takes nothing is left alone. */
const PATIENCE_MS = 1;
const EAGAIN = -11;
const ENOBUFS = -105;
const SOCK_DGRAM = 2;

export class UnixBatch {
  readonly #options: UnixBatchOptions;
  readonly #address: Uint8Array | undefined;
  readonly #arena = new Uint8Array(WAITING_MAX_BYTES);
  readonly #offsets = new Int32Array(WAITING_MAX_MESSAGES);
  readonly #lengths = new Int32Array(WAITING_MAX_MESSAGES);
  #fd = -1;
  #first = 0;
  #count = 0;
  #bytes = 0;
  /** Messages dropped since the listener failed; 0 while all is well. */
  #dropped = 0;
  #soon: NodeJS.Immediate | undefined;
  #later: NodeJS.Timeout | undefined;

  constructor(options: UnixBatchOptions) {
    this.#options = options;
    this.#address = unixAddress(options.path);
  }

  post(message: Uint8Array): void {
    if (!this.#hasRoom(message.length)) this.#makeRoom();
    if (!this.#hasRoom(message.length)) {
      this.#drop(1);
      return;
    }
    this.#arena.set(message, this.#bytes);
    this.#offsets[this.#count] = this.#bytes;
    this.#lengths[this.#count] = message.length;
    this.#bytes += message.length;
    this.#count += 1;
    if (this.#later === undefined) this.#soon ??= setImmediate(() => this.flush());
  }

  /** Send what waits, as far as the listener takes it. */
  flush(): void {
    clearImmediate(this.#soon);
    clearTimeout(this.#later);
    this.#soon = undefined;
    this.#later = undefined;
    while (this.#first < this.#count) {
      const sent = this.#send();
      if (sent === EAGAIN || sent === ENOBUFS) {
        this.#later = setTimeout(() => this.flush(), PATIENCE_MS).unref();
        return;
      }
      if (sent < 0) {
        this.#drop(this.#count - this.#first);
        break;
      }
      this.#first += sent;
      this.#recover();
    }
    this.#first = 0;
    this.#count = 0;
    this.#bytes = 0;
  }

  close(): void {
    this.flush();
    clearTimeout(this.#later);
    if (this.#fd >= 0) this.#options.calls.close(this.#fd);
    this.#fd = -1;
  }

  /** Send what the listener takes, and move what is left to the front. */
  #makeRoom(): void {
    this.flush();
    const first = this.#first;
    if (first === 0) return;
    const start = this.#offsets[first]!;
    this.#arena.copyWithin(0, start, this.#bytes);
    for (let i = first; i < this.#count; i++) {
      this.#offsets[i - first] = this.#offsets[i]! - start;
      this.#lengths[i - first] = this.#lengths[i]!;
    }
    this.#first = 0;
    this.#count -= first;
    this.#bytes -= start;
  }

  #hasRoom(bytes: number): boolean {
    return this.#count < WAITING_MAX_MESSAGES && this.#bytes + bytes <= WAITING_MAX_BYTES;
  }

  /** Messages sent, or a negative errno. */
  #send(): number {
    const { calls } = this.#options;
    const address = this.#address;
    if (address === undefined) return -1;
    if (this.#fd < 0) this.#fd = calls.socket(AF_UNIX, SOCK_DGRAM, 0);
    if (this.#fd < 0) return this.#fd;
    const count = Math.min(CALL_MESSAGES, this.#count - this.#first);
    return calls.sendBatch(
      this.#fd,
      this.#arena,
      this.#offsets,
      this.#lengths,
      this.#first,
      count,
      address,
    );
  }

  #drop(count: number): void {
    const isFirst = this.#dropped === 0;
    this.#dropped += count;
    if (isFirst) this.#options.onTrouble(0);
  }

  #recover(): void {
    const dropped = this.#dropped;
    this.#dropped = 0;
    if (dropped > 0) this.#options.onTrouble(dropped);
  }
}
