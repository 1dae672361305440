/**
 * Messages out of a byte stream: what a TCP link receives.
 *
 * The length in each header is the only mark between messages, and a read may end anywhere. What is
 * incomplete waits at the front for the next read. A header that cannot be ends all hope of finding the
 * next one: the stream is then broken, and its connection has to be closed.
 *
 * Described in: doc/sync/wire.md, "Streams".
 */
import { readI32 } from "../netlink/message.ts";
import { isRanged, LONG_HEADER_BYTES, lengthOf, SHORT_HEADER_BYTES } from "./message.ts";
import { DATAGRAM_MAX_BYTES } from "./receiver.ts";

/** An incomplete message is shorter than 64 KiB, and a whole read fits behind it. */
const CAPACITY_BYTES = 2 * DATAGRAM_MAX_BYTES;

export class MessageStream {
  /** Two views of the same memory; with room behind, so that the last padding may be read as a word. */
  readonly words = new Int32Array(CAPACITY_BYTES / 4 + 1);
  readonly bytes = new Uint8Array(this.words.buffer);
  #held = 0;
  #isBroken = false;

  /** Bytes held: the next read goes behind them. */
  get held(): number {
    return this.#held;
  }

  /** Bytes that may be read. Never 0: what is held between reads is less than a message. */
  get room(): number {
    return CAPACITY_BYTES - this.#held;
  }

  /** The bytes given last contain a header that cannot be. */
  get isBroken(): boolean {
    return this.#isBroken;
  }

  /**
   * `count` bytes were read. The number of bytes at the front that are whole messages; of a broken
   * stream all, so that the receiver counts what is wrong. Give that number to `release`.
   */
  append(count: number): number {
    this.#held += count;
    const end = this.#held;
    let at = 0;
    while (end - at >= SHORT_HEADER_BYTES) {
      const head = readI32(this.bytes, at);
      const least = isRanged(head) ? LONG_HEADER_BYTES : SHORT_HEADER_BYTES;
      const length = lengthOf(head);
      if (length < least) {
        this.#isBroken = true;
        return end;
      }
      if (length > end - at) break;
      at += length;
    }
    return at;
  }

  /** The first `count` bytes were taken: what is left moves to the front. */
  release(count: number): void {
    if (count > 0 && count < this.#held) this.bytes.copyWithin(0, count, this.#held);
    this.#held -= count;
  }

  /** Another connection begins. */
  reset(): void {
    this.#held = 0;
    this.#isBroken = false;
  }
}
