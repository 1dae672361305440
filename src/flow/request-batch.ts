/**
 * Requests to the kernel that travel together, and what each of them met.
 *
 * Nobody asks for acknowledgements: the kernel reports what it refuses, by sequence number.
 */

import { BATCH_REQUESTS, type KernelHandle, type KernelPort } from "../netlink/kernel-port.ts";
import { MessageWriter } from "../netlink/message.ts";
import { KERNEL_FLOW_MAX_BYTES } from "./kernel-encode.ts";

export class RequestBatch {
  /** Write the next request here, under the number that `next` gives. */
  readonly writer: MessageWriter;
  readonly #kernel: KernelPort;
  readonly #handle: KernelHandle;
  readonly #errors: Int32Array;
  #first = 1;
  #count = 0;
  #sent = 0;

  constructor(kernel: KernelPort, handle: KernelHandle, capacity = BATCH_REQUESTS) {
    this.#kernel = kernel;
    this.#handle = handle;
    this.#errors = new Int32Array(capacity);
    this.writer = new MessageWriter(capacity * KERNEL_FLOW_MAX_BYTES);
  }

  /** Requests that were not sent yet. */
  get count(): number {
    return this.#count;
  }

  get isFull(): boolean {
    return this.#count === this.#errors.length;
  }

  /** The sequence number of one more request. */
  next(): number {
    const sequence = this.#first + this.#sent + this.#count;
    this.#count += 1;
    return sequence;
  }

  /** Send what has gathered and learn what became of it; the number of requests. */
  send(): number {
    const count = this.#count;
    this.#first += this.#sent;
    this.#sent = count;
    this.#count = 0;
    if (count === 0) return 0;
    this.#errors.fill(0, 0, count);
    const refused = this.#kernel.transact(
      this.#handle,
      this.writer.bytes,
      this.writer.length,
      this.#note,
    );
    this.writer.reset();
    if (refused !== 0) this.#errors.fill(refused, 0, count);
    return count;
  }

  /** The errno that request `index` of the last `send` met; 0: none. */
  errorOf(index: number): number {
    return this.#errors[index]!;
  }

  readonly #note = (sequence: number, errno: number): void => {
    const at = sequence - this.#first;
    if (at >= 0 && at < this.#sent) this.#errors[at] = errno;
  };
}
