/**
 * Messages gathered in datagrams, datagrams gathered in a batch.
 *
 * The engine reserves room and writes words; the runtime sends the batch and empties it. Nothing is
 * allocated after construction. A message goes into the open datagram while that stays strictly below
 * the limit, as the reference does it; one that is as large as the limit travels alone.
 */
import { WIRE_FLOW_MAX_WORDS } from "../flow/wire-table.ts";

/** No message is larger: a flow with every attribute, and its header. */
export const MESSAGE_MAX_BYTES = WIRE_FLOW_MAX_WORDS * 4 + 16;

export class Outbox {
  /** Memory of all datagrams. */
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
  /** Where each datagram starts and how long it is, in bytes. */
  readonly offsets: Int32Array;
  readonly lengths: Int32Array;
  readonly #limit: number;
  readonly #stride: number;
  #count = 0;
  #open = false;

  /** `limit`: bytes a datagram must stay below (MTU less headers); `slots`: datagrams of a batch. */
  constructor(limit: number, slots: number) {
    this.#limit = limit;
    this.#stride = (Math.max(limit, MESSAGE_MAX_BYTES) + 3) & ~3;
    this.words = new Int32Array((this.#stride / 4) * slots);
    this.bytes = new Uint8Array(this.words.buffer);
    this.offsets = new Int32Array(slots);
    this.lengths = new Int32Array(slots);
    for (let i = 0; i < slots; i++) this.offsets[i] = i * this.#stride;
  }

  /** Datagrams waiting to be sent. */
  get count(): number {
    return this.#count;
  }

  /** Make room for a message; the word to write it at, or -1 when the batch must be sent first. */
  reserve(bytes: number): number {
    if (this.#open) {
      const last = this.#count - 1;
      const used = this.lengths[last]!;
      if (used + bytes < this.#limit) {
        this.lengths[last] = used + bytes;
        return (this.offsets[last]! + used) >> 2;
      }
      this.#open = false;
    }
    if (this.#count === this.offsets.length) return -1;
    const at = this.offsets[this.#count]! >> 2;
    this.lengths[this.#count] = bytes;
    this.#count += 1;
    this.#open = bytes < this.#limit;
    return at;
  }

  /** The batch was sent. */
  clear(): void {
    this.#count = 0;
    this.#open = false;
  }
}
