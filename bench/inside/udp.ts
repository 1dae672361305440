/**
 * The flow generator: one UDP packet for each flow, every flow another one, at a given rate or as fast as it goes.
 *
 * It does not care whether anybody receives the packets, and it never sends a second packet of a flow.
 */
import * as c from "../../native/constants.ts";
import { bind, close, errnoText, socket } from "../../native/index.ts";
import { ADDRESS_BYTES, type LoadReport, PacketBatch, paced } from "./packets.ts";

export interface Flows {
  /** How many flows. */
  readonly count: number;
  /** Number of the first flow; two runs with disjoint numbers make disjoint flows. */
  readonly first: number;
  /** Flows a second; 0 is as fast as it goes. */
  readonly rate: number;
}

const FIRST_SOURCE_PORT = 20_000;
const SOURCE_PORTS = 8;
const FIRST_PORT = 1024;
/** Destinations are 10.77.x.y, so that the tuples differ in addresses and in ports. */
const FIRST_DESTINATION = 0x0a4d0000;
const DESTINATIONS = 1 << 12;
const BATCH = 256;
const PAYLOAD_BYTES = 4;

/** Opens all flows. The destination alone tells a flow from another, whatever the source. */
export function openFlows({ count, first, rate }: Flows): LoadReport {
  const sockets = Array.from({ length: SOURCE_PORTS }, (_, i) => openSource(i));
  const batch = new PacketBatch(BATCH, PAYLOAD_BYTES);
  let turn = 0;
  const report = paced({ count, rate, atOnce: BATCH }, (done, size) => {
    for (let slot = 0; slot < size; slot += 1) {
      const flow = first + done + slot;
      const port = FIRST_PORT + Math.floor(flow / DESTINATIONS);
      batch.address(slot, FIRST_DESTINATION + (flow % DESTINATIONS), port);
    }
    batch.send(sockets[turn++ % SOURCE_PORTS] ?? -1, size);
  });
  for (const fd of sockets) close(fd);
  return report;
}

/** The number of the flow that goes to a destination. */
export function flowOf(address: number, port: number): number {
  return (port - FIRST_PORT) * DESTINATIONS + (address - FIRST_DESTINATION);
}

function openSource(index: number): number {
  const fd = socket(c.AF_INET, c.SOCK_DGRAM, 0);
  const address = new DataView(new ArrayBuffer(ADDRESS_BYTES));
  address.setUint16(0, c.AF_INET, true);
  address.setUint16(2, FIRST_SOURCE_PORT + index);
  const status = fd < 0 ? fd : bind(fd, new Uint8Array(address.buffer));
  if (status < 0) throw new Error(`cannot open a source: ${errnoText(-status)}`);
  return fd;
}
