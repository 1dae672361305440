/**
 * Packets on their way out: a batch that is filled and sent, and a pace.
 *
 * Runs in a process of its own inside a namespace, because it shares nothing with what it loads.
 */
import * as c from "../../native/constants.ts";
import { errnoText, sendBatchTo } from "../../native/index.ts";

/** What a run has done, as one line of JSON on standard output. */
export interface LoadReport {
  readonly seconds: number;
}

export interface Pace {
  readonly count: number;
  /** Steps a second; 0 is as fast as it goes. */
  readonly rate: number;
  /** Steps that are taken at once, at most. */
  readonly atOnce: number;
}

export const ADDRESS_BYTES = 16;
/** Pause between two paced batches: the shorter it is, the less the flows come in bursts. */
const TICK_MS = 0.25;
const EAGAIN = -11;

/** Packets and where they go. Fill the slots, then send. */
export class PacketBatch {
  readonly packets: DataView;
  readonly #bytes: Uint8Array;
  readonly #addresses: DataView;
  readonly #offsets: Int32Array;
  readonly #lengths: Int32Array;

  /** All packets have the given size unless `length` says otherwise. */
  constructor(slots: number, packetBytes: number) {
    this.#bytes = new Uint8Array(slots * packetBytes);
    this.packets = new DataView(this.#bytes.buffer);
    this.#addresses = new DataView(new ArrayBuffer(slots * ADDRESS_BYTES));
    this.#offsets = Int32Array.from({ length: slots }, (_, i) => i * packetBytes);
    this.#lengths = new Int32Array(slots).fill(packetBytes);
  }

  /** Where the packet of a slot goes. */
  address(slot: number, address: number, port: number): void {
    const at = slot * ADDRESS_BYTES;
    this.#addresses.setUint16(at, c.AF_INET, true);
    this.#addresses.setUint16(at + 2, port);
    this.#addresses.setUint32(at + 4, address);
  }

  length(slot: number, bytes: number): void {
    this.#lengths[slot] = bytes;
  }

  /** Sends the first slots. Throws the kernel's words when a packet is refused. */
  send(fd: number, slots: number): void {
    const addresses = new Uint8Array(this.#addresses.buffer);
    for (let done = 0; done < slots; ) {
      const offsets = this.#offsets.subarray(done);
      const lengths = this.#lengths.subarray(done);
      const to = addresses.subarray(done * ADDRESS_BYTES);
      const count = slots - done;
      const sent = sendBatchTo(fd, this.#bytes, offsets, lengths, to, ADDRESS_BYTES, count);
      // While its packets are still on their way, a socket takes no more.
      if (sent === EAGAIN) pause(TICK_MS);
      else if (sent < 0) throw new Error(`sendmmsg: ${errnoText(sent)}`);
      else done += sent;
    }
  }
}

/** Calls `step(first, size)` for all steps at their pace; answers how long it took. */
export function paced(
  { count, rate, atOnce }: Pace,
  step: (first: number, size: number) => void,
): LoadReport {
  const started = performance.now();
  const perTick = rate === 0 ? atOnce : Math.max(1, Math.ceil((rate * TICK_MS) / 1000));
  for (let done = 0; done < count; ) {
    const due = rate === 0 ? count : ((performance.now() - started) * rate) / 1000;
    if (due < done) {
      pause(TICK_MS);
      continue;
    }
    // After a stall it catches up in batches of the usual size: no flow is skipped.
    const size = Math.min(perTick, count - done, atOnce);
    step(done, size);
    done += size;
  }
  return { seconds: (performance.now() - started) / 1000 };
}

const never = new Int32Array(new SharedArrayBuffer(4));

/** Sleeps without the loop's granularity of a millisecond. */
export function pause(ms: number): void {
  Atomics.wait(never, 0, 0, ms);
}
