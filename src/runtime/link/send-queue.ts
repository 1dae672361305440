/**
 * What a TCP link has taken and the kernel has not: datagrams one behind the other, ready for one call.
 *
 * A connection may break in the middle of a datagram, and a new connection must begin where a message
 * begins: so a datagram stays until its last byte was taken. Bounded in datagrams and in bytes.
 */

/** More would only be memory: the protocol has a queue of its own. */
const MAX_DATAGRAMS = 1024;
const MAX_BYTES = 4 << 20;

export class SendQueue {
  readonly bytes: Uint8Array;
  readonly #lengths: Int32Array;
  /** Slot of the first datagram in `#lengths`, which is a ring; datagrams queued. */
  #first = 0;
  #count = 0;
  /** Where the first datagram begins, where what was not sent begins, where all ends. */
  #head = 0;
  #start = 0;
  #tail = 0;

  /** `datagrams` at most, each of at most `datagramBytes`. */
  constructor(datagrams: number, datagramBytes: number) {
    const count = Math.max(1, Math.min(datagrams, MAX_DATAGRAMS));
    this.#lengths = new Int32Array(count);
    this.bytes = new Uint8Array(
      Math.max(datagramBytes, Math.min(count * datagramBytes, MAX_BYTES)),
    );
  }

  /** Datagrams queued. */
  get count(): number {
    return this.#count;
  }

  /** Where the bytes lie that were not sent yet, and how many they are. */
  get start(): number {
    return this.#start;
  }

  get length(): number {
    return this.#tail - this.#start;
  }

  /** False: there is no room. */
  push(bytes: Uint8Array, at: number, length: number): boolean {
    if (this.#count === this.#lengths.length) return false;
    if (this.#tail + length > this.bytes.length) {
      if (this.#tail - this.#head + length > this.bytes.length) return false;
      this.#moveToFront();
    }
    for (let i = 0; i < length; i++) this.bytes[this.#tail + i] = bytes[at + i]!;
    this.#tail += length;
    this.#lengths[(this.#first + this.#count) % this.#lengths.length] = length;
    this.#count += 1;
    return true;
  }

  /** The kernel took `count` bytes. */
  sent(count: number): void {
    this.#start += count;
    while (this.#count > 0) {
      const length = this.#lengths[this.#first]!;
      if (this.#start - this.#head < length) break;
      this.#head += length;
      this.#first = (this.#first + 1) % this.#lengths.length;
      this.#count -= 1;
    }
    if (this.#count === 0) this.clear();
  }

  /** A new connection: a datagram that was sent in part is sent again. */
  rewind(): void {
    this.#start = this.#head;
  }

  clear(): void {
    this.#first = this.#count = this.#head = this.#start = this.#tail = 0;
  }

  /** Give the datagrams to another queue, which is empty: in order, as many as it takes. How many it does not. */
  moveTo(other: SendQueue): number {
    let at = this.#head;
    let left = this.#count;
    for (let i = 0; i < this.#count; i++) {
      const length = this.#lengths[(this.#first + i) % this.#lengths.length]!;
      if (!other.push(this.bytes, at, length)) break;
      at += length;
      left -= 1;
    }
    this.clear();
    return left;
  }

  #moveToFront(): void {
    this.bytes.copyWithin(0, this.#head, this.#tail);
    this.#start -= this.#head;
    this.#tail -= this.#head;
    this.#head = 0;
  }
}
