/**
 * TCP connections for the kernel's eyes only: opened, used and closed, both ends played by one raw socket.
 *
 * Tracking sees each segment leave and walks through its states; nobody receives them. Connections overlap, as on a real
 * firewall: the next segment of one follows only after the segments of many others. When all ports have been used, the
 * first is opened again, and the kernel first destroys what was left of it. So from the second lap on, a connection is
 * `EVENTS_PER_CONNECTION` events: DESTROY of the old one, NEW, and an update for each change of its state.
 */
import * as c from "../../native/constants.ts";
import { close, errnoText, socket } from "../../native/index.ts";
import { type LoadReport, PacketBatch, paced } from "./packets.ts";

export interface Connections {
  readonly count: number;
  /** Number of the first connection; connection n has the ports of connection n + pool. */
  readonly first: number;
  readonly pool: number;
  /** Connections a second. */
  readonly rate: number;
}

export const UPDATES_PER_CONNECTION = 6;
export const EVENTS_PER_CONNECTION = UPDATES_PER_CONNECTION + 2;

const FIN = 0x01;
const SYN = 0x02;
const PSH = 0x08;
const ACK = 0x10;

interface Segment {
  readonly from: "client" | "server";
  readonly flags: number;
  /** Sequence and acknowledgement number, counted from the initial ones of each side. */
  readonly sequence: number;
  readonly acknowledges: number;
}

/** The state of the kernel's entry behind each line. Used segments change nothing, and cost the daemons nothing. */
const SEGMENTS: readonly Segment[] = [
  { from: "client", flags: SYN, sequence: 0, acknowledges: 0 }, // SYN_SENT
  { from: "server", flags: SYN | ACK, sequence: 0, acknowledges: 1 }, // SYN_RECV
  { from: "client", flags: ACK, sequence: 1, acknowledges: 1 }, // ESTABLISHED, assured
  { from: "client", flags: PSH | ACK, sequence: 1, acknowledges: 1 },
  { from: "server", flags: PSH | ACK, sequence: 1, acknowledges: 1 + 4 },
  { from: "client", flags: FIN | ACK, sequence: 1 + 4, acknowledges: 1 + 4 }, // FIN_WAIT
  { from: "server", flags: ACK, sequence: 1 + 4, acknowledges: 2 + 4 }, // CLOSE_WAIT
  { from: "server", flags: FIN | ACK, sequence: 1 + 4, acknowledges: 2 + 4 }, // LAST_ACK
  { from: "client", flags: ACK, sequence: 2 + 4, acknowledges: 2 + 4 }, // TIME_WAIT
];

const IP_BYTES = 20;
const TCP_BYTES = 20;
const DATA_BYTES = 4;
const PACKET_BYTES = IP_BYTES + TCP_BYTES + DATA_BYTES;
const IPPROTO_TCP = 6;
const IPPROTO_RAW = 255;
const SERVER = 0x0a4d8001;
const SERVER_PORT = 443;
const FIRST_CLIENT = 0x0a4d4000;
const CLIENTS = 1 << 12;
const FIRST_CLIENT_PORT = 1024;
const INITIAL_SEQUENCE = 100_000;
/** Between two segments of a connection. */
const GAP_SECONDS = 0.02;
const MAX_AT_ONCE = 64;

export function runConnections({ count, first, pool, rate }: Connections): LoadReport {
  const fd = socket(c.AF_INET, c.SOCK_RAW, IPPROTO_RAW);
  if (fd < 0) throw new Error(`cannot open a raw socket: ${errnoText(-fd)}`);
  const batch = new PacketBatch(MAX_AT_ONCE * SEGMENTS.length, PACKET_BYTES);
  const lag = Math.max(1, Math.ceil(rate * GAP_SECONDS));
  const steps = count + lag * (SEGMENTS.length - 1);
  const report = paced({ count: steps, rate, atOnce: MAX_AT_ONCE }, (done, size) => {
    let slot = 0;
    for (let step = done; step < done + size; step += 1) {
      for (const [index, segment] of SEGMENTS.entries()) {
        const connection = step - index * lag;
        if (connection < 0 || connection >= count) continue;
        write(batch, slot, (first + connection) % pool, segment);
        slot += 1;
      }
    }
    batch.send(fd, slot);
  });
  close(fd);
  return report;
}

function write(batch: PacketBatch, slot: number, connection: number, segment: Segment): void {
  const { packets } = batch;
  const client = FIRST_CLIENT + (connection % CLIENTS);
  const port = FIRST_CLIENT_PORT + Math.floor(connection / CLIENTS);
  const isClient = segment.from === "client";
  const ip = slot * PACKET_BYTES;
  const tcp = ip + IP_BYTES;
  batch.length(slot, PACKET_BYTES - ((segment.flags & PSH) === 0 ? DATA_BYTES : 0));
  packets.setUint16(ip, 0x4500); // The kernel fills in the length.
  packets.setUint16(ip + 8, (64 << 8) | IPPROTO_TCP);
  packets.setUint32(ip + 12, isClient ? client : SERVER);
  packets.setUint32(ip + 16, isClient ? SERVER : client);
  packets.setUint16(tcp, isClient ? port : SERVER_PORT);
  packets.setUint16(tcp + 2, isClient ? SERVER_PORT : port);
  packets.setUint32(tcp + 4, INITIAL_SEQUENCE + segment.sequence);
  const acknowledges = segment.acknowledges === 0 ? 0 : INITIAL_SEQUENCE + segment.acknowledges;
  packets.setUint32(tcp + 8, acknowledges);
  packets.setUint16(tcp + 12, 0x5000 | segment.flags);
  packets.setUint16(tcp + 14, 0xffff); // The window. Checksums of what leaves are not looked at.
  batch.address(slot, isClient ? SERVER : client, 0);
}
