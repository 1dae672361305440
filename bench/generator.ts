/**
 * The flow generator: one UDP packet for each flow, every flow another one, at a given rate or as fast as it goes.
 *
 * Runs as a process of its own inside a namespace, because it shares nothing with what it loads. It does not care
 * whether anybody receives the packets, and it never sends a second packet of a flow.
 */
import * as c from "../native/constants.ts";
import { bind, close, errnoText, sendBatchTo, socket } from "../native/index.ts";

export interface Load {
  /** How many flows. */
  readonly count: number;
  /** Number of the first flow; two runs with disjoint numbers make disjoint flows. */
  readonly first: number;
  /** Flows a second; 0 is as fast as it goes. */
  readonly rate: number;
}

/** What a run has done, as one line of JSON on standard output. */
export interface LoadReport {
  readonly seconds: number;
}

const ADDRESS_BYTES = 16;
const FIRST_SOURCE_PORT = 20_000;
const SOURCE_PORTS = 8;
const FIRST_PORT = 1024;
/** Destinations are 10.77.x.y, so that the tuples differ in addresses and in ports. */
const DESTINATIONS = 1 << 12;
const BATCH = 256;
/** Pause between two paced batches: the shorter it is, the less the flows come in bursts. */
const TICK_MS = 0.25;
const EAGAIN = -11;

/** Opens all flows and answers how long it took. Throws the kernel's words when a packet is refused. */
export function generate({ count, first, rate }: Load): LoadReport {
  const sockets = Array.from({ length: SOURCE_PORTS }, (_, i) => openSource(i));
  const batch = newBatch();
  const started = performance.now();
  const perTick = rate === 0 ? BATCH : Math.max(1, Math.ceil((rate * TICK_MS) / 1000));
  for (let sent = 0; sent < count; ) {
    const due = rate === 0 ? count : ((performance.now() - started) * rate) / 1000;
    if (due < sent) {
      pause(TICK_MS);
      continue;
    }
    // After a stall it catches up in batches of the usual size: no flow is skipped.
    const size = Math.min(perTick, count - sent, BATCH);
    const source = sockets[Math.floor(sent / perTick) % SOURCE_PORTS] ?? -1;
    send(source, batch, first + sent, size);
    sent += size;
  }
  const seconds = (performance.now() - started) / 1000;
  for (const fd of sockets) close(fd);
  return { seconds };
}

type Batch = ReturnType<typeof newBatch>;

function newBatch() {
  const addresses = new Uint8Array(BATCH * ADDRESS_BYTES);
  return {
    addresses,
    view: new DataView(addresses.buffer),
    payload: Uint8Array.of(0x66, 0x6c, 0x6f, 0x77),
    offsets: new Int32Array(BATCH),
    lengths: new Int32Array(BATCH).fill(4),
  };
}

/** Sends flows `first` to `first + size`. The destination alone tells a flow from another, whatever the source. */
function send(fd: number, batch: Batch, first: number, size: number): void {
  const { addresses, view, payload, offsets, lengths } = batch;
  for (let i = 0; i < size; i += 1) {
    const flow = first + i;
    const at = i * ADDRESS_BYTES;
    addresses[at] = c.AF_INET; // The low byte of a little-endian half word; the high one is zero.
    view.setUint16(at + 2, FIRST_PORT + Math.floor(flow / DESTINATIONS));
    view.setUint32(at + 4, 0x0a4d0000 + (flow % DESTINATIONS));
  }
  for (let done = 0; done < size; ) {
    const rest = addresses.subarray(done * ADDRESS_BYTES);
    const sent = sendBatchTo(fd, payload, offsets, lengths, rest, ADDRESS_BYTES, size - done);
    // While its packets are still on their way, a socket takes no more.
    if (sent === EAGAIN) pause(TICK_MS);
    else if (sent < 0) throw new Error(`sendmmsg: ${errnoText(sent)}`);
    else done += sent;
  }
}

function openSource(index: number): number {
  const fd = socket(c.AF_INET, c.SOCK_DGRAM, 0);
  const address = new Uint8Array(ADDRESS_BYTES);
  address[0] = c.AF_INET;
  new DataView(address.buffer).setUint16(2, FIRST_SOURCE_PORT + index);
  const status = fd < 0 ? fd : bind(fd, address);
  if (status < 0) throw new Error(`cannot open a source: ${errnoText(-status)}`);
  return fd;
}

const never = new Int32Array(new SharedArrayBuffer(4));

/** Sleeps without the loop's granularity of a millisecond. */
function pause(ms: number): void {
  Atomics.wait(never, 0, 0, ms);
}
