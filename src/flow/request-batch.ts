/**
 * Requests to the kernel that travel together, and what each of them met.
 *
 * Nobody asks for acknowledgements: the kernel reports what it refuses, by sequence number.
 */

import { BATCH_REQUESTS, type KernelHandle, type KernelPort } from "../netlink/kernel-port.ts";
import { MessageWriter } from "../netlink/message.ts";
import { KERNEL_FLOW_MAX_BYTES } from "./kernel-encode.ts";

/** A batch travels when it is this long: the send buffer of a socket holds 208 KiB by default. */
const BATCH_BYTES = 128 << 10;

/** Who brings a batch to the kernel. */
export type RequestCarrier = Pick<KernelPort, "transact" | "dispatch">;

/** Sequence numbers of one handle. Batches that may be on their way at the same time share them. */
export class RequestNumbers {
  #last = 0;
  /** Who wants to hear of errors. */
  readonly batches: RequestBatch[] = [];

  /** 32 bits, as they come back. */
  next(): number {
    this.#last = (this.#last + 1) | 0;
    return this.#last;
  }

  readonly onError = (sequence: number, errno: number): void => {
    for (const batch of this.batches) batch.note(sequence, errno);
  };
}

export class RequestBatch {
  /** Write the next request here, under the number that `next` gives. */
  readonly writer: MessageWriter;
  readonly #kernel: RequestCarrier;
  readonly #handle: KernelHandle;
  readonly #numbers: RequestNumbers;
  readonly #errors: Int32Array;
  #first = 0;
  #count = 0;
  #sent = 0;

  constructor(
    kernel: RequestCarrier,
    handle: KernelHandle,
    capacity = BATCH_REQUESTS,
    numbers = new RequestNumbers(),
  ) {
    this.#kernel = kernel;
    this.#handle = handle;
    this.#errors = new Int32Array(capacity);
    this.#numbers = numbers;
    numbers.batches.push(this);
    this.writer = new MessageWriter(
      Math.min(capacity * KERNEL_FLOW_MAX_BYTES, BATCH_BYTES + KERNEL_FLOW_MAX_BYTES),
    );
  }

  /** Requests that were not sent yet. */
  get count(): number {
    return this.#count;
  }

  get isFull(): boolean {
    return this.#count === this.#errors.length || this.writer.length >= BATCH_BYTES;
  }

  /** The sequence number of one more request. */
  next(): number {
    const sequence = this.#numbers.next();
    if (this.#count === 0) {
      this.#first = sequence;
      this.writer.reset();
    }
    this.#count += 1;
    return sequence;
  }

  /** Send what has gathered and learn what became of it; the number of requests. */
  send(): number {
    const count = this.#begin();
    if (count === 0) return 0;
    const { bytes, length } = this.writer;
    const { onError } = this.#numbers;
    this.#settle(this.#kernel.transact(this.#handle, bytes, length, onError));
    return count;
  }

  /** Send what has gathered while the caller goes on; `onReturn` gets the number of requests. */
  dispatch(onReturn: (count: number) => void): void {
    const count = this.#begin();
    const { bytes, length } = this.writer;
    const { onError } = this.#numbers;
    this.#kernel.dispatch(this.#handle, bytes, length, onError, (errno) => {
      this.#settle(errno);
      onReturn(count);
    });
  }

  /** The errno that request `index` of the last journey met; 0: none. */
  errorOf(index: number): number {
    return this.#errors[index]!;
  }

  /** The kernel refused a request: ours, or one of another batch. */
  note(sequence: number, errno: number): void {
    const at = (sequence - this.#first) | 0;
    if (at >= 0 && at < this.#sent) this.#errors[at] = errno;
  }

  #begin(): number {
    const count = this.#count;
    this.#sent = count;
    this.#count = 0;
    this.#errors.fill(0, 0, count);
    return count;
  }

  #settle(refused: number): void {
    if (refused !== 0) this.#errors.fill(refused, 0, this.#sent);
  }
}
