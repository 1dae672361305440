/** Real connections on the loopback device: what a kernel does to them is no work for a fake. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { waitFor } from "../../../lab/wait.ts";
import { AF_INET, EAGAIN, SOCK_STREAM } from "../../../native/constants.ts";
import * as native from "../../../native/index.ts";
import { Outbox } from "../../sync/outbox.ts";
import type { LinkEvents, LinkOptions } from "./link.ts";
import { TcpLink } from "./tcp-link.ts";

/** Both ends use the same port; the network is this process's own. */
const PORT = 3780;
let hosts = 0;
const host = () => Uint8Array.of(127, 77, process.pid & 0xff, ++hosts);
let A: Uint8Array;
let B: Uint8Array;
const none = new Uint8Array(0);

const open: { close(): void }[] = [];
beforeEach(() => {
  // A port is free again in the next turn of the loop only.
  A = host();
  B = host();
});
afterEach(() => {
  for (const each of open.splice(0)) each.close();
});

class Side {
  readonly link: TcpLink;
  /** Numbers of the messages that arrived. */
  readonly heard: number[] = [];
  wakeUps = 0;

  constructor(own: Uint8Array, peer: Uint8Array, more: Partial<LinkOptions> = {}) {
    const events: LinkEvents = {
      onMessages: (_, bytes, at, length) => {
        this.heard.push(...numbers(bytes.subarray(at, at + length)));
        return true;
      },
      onTurn: () => {},
      onWritable: () => {
        this.wakeUps += 1;
      },
      onSendError: () => false,
      onLimitedBuffer: () => {},
    };
    const options: LinkOptions = {
      kind: "TCP",
      interfaceName: "lo",
      family: 4,
      address: own,
      peer,
      memberAddress: none,
      port: PORT,
      checksum: true,
      sendBuffer: 0,
      receiveBuffer: 0,
      queueLength: 128,
      iterationLimit: 100,
      ...more,
    };
    this.link = new TcpLink(options, events);
    open.push(this.link);
    this.link.start();
  }

  /** What must have been heard, all of it, in order and once. */
  async hears(wanted: readonly number[]): Promise<void> {
    await waitFor(() => this.heard.length >= wanted.length, { what: "messages", everyMs: 2 });
    expect(this.heard).toEqual(wanted);
  }
}

function message(sequence: number, bytes = 8): Buffer {
  const out = Buffer.alloc(bytes);
  out[0] = 0x10;
  out.writeUInt16BE(bytes, 2);
  out.writeUInt32BE(sequence, 4);
  return out;
}

/** Of whole messages; the noise of a broken stream has none. */
function numbers(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const out: number[] = [];
  for (let at = 0; at + 8 <= bytes.length && view.getUint16(at + 2) >= 8; ) {
    out.push(view.getUint32(at + 4));
    at += view.getUint16(at + 2);
  }
  return out;
}

/** A batch of datagrams, each of one message. */
function batch(first: number, count: number, bytes = 8): Outbox {
  const outbox = new Outbox(bytes, count);
  for (let i = 0; i < count; i++) {
    const at = outbox.reserve(bytes) * 4;
    outbox.bytes.set(message(first + i, bytes), at);
  }
  return outbox;
}

const range = (first: number, count: number) => Array.from({ length: count }, (_, i) => first + i);

/** A peer of its own kind: a socket that writes what it likes. */
function connect(to: Uint8Array): { send(bytes: Buffer): void; hasEnded(): boolean } {
  const fd = native.socket(AF_INET, SOCK_STREAM, 0);
  const address = new Uint8Array(16);
  address[0] = AF_INET;
  new DataView(address.buffer).setUint16(2, PORT);
  address.set(to, 4);
  native.connect(fd, address);
  open.push({ close: () => native.close(fd) });
  const scratch = new Uint8Array(8);
  return {
    send: (bytes) => expect(native.send(fd, bytes, 0, bytes.length)).toBe(bytes.length),
    hasEnded: () => native.receive(fd, scratch, 0, 8) !== -EAGAIN,
  };
}

describe("a TCP link, sending", () => {
  it("keeps what it is given while nobody listens, and sends it in order", async () => {
    const a = new Side(A, B);
    expect(a.link.send(batch(1, 100), 0)).toBe(100);
    expect(a.link.queue.count).toBe(100);
    const b = new Side(B, A);
    await b.hears(range(1, 100));
    expect(a.link.isClientConnected && b.link.isServerConnected).toBe(true);
  });

  it("leaves to the caller what has no room, and says when there is", async () => {
    const a = new Side(A, B, { queueLength: 3 });
    const outbox = batch(1, 10);
    expect(a.link.send(outbox, 0)).toBe(3);
    const b = new Side(B, A);
    await waitFor(() => a.wakeUps > 0, { what: "room", everyMs: 2 });
    expect(a.link.send(outbox, 3)).toBe(10);
    await b.hears(range(1, 10));
  });

  it("sends the rest of what the kernel took in part", async () => {
    const a = new Side(A, B, { sendBuffer: 2048, queueLength: 16 });
    const b = new Side(B, A);
    const outbox = batch(1, 3000, 1400);
    let next = 0;
    let seen = -1;
    while (next < outbox.count) {
      await waitFor(() => a.wakeUps > seen, { what: "room", everyMs: 1 });
      seen = a.wakeUps;
      next = a.link.send(outbox, next);
    }
    await b.hears(range(1, 3000));
  });

  it("connects again when the peer is back, and sends what it was given meanwhile", async () => {
    const a = new Side(A, B);
    const first = new Side(B, A);
    a.link.send(batch(1, 2), 0);
    await first.hears([1, 2]);
    first.link.close();
    await waitFor(() => !a.link.isClientConnected, { what: "the end", everyMs: 2 });
    a.link.send(batch(3, 5), 0);
    const second = new Side(B, A);
    await second.hears(range(3, 5));
    a.link.send(batch(8, 1), 0);
    await second.hears(range(3, 6));
  });

  it("gives what it could not send to the link that takes over", async () => {
    const C = host();
    const a = new Side(A, host());
    const other = new Side(C, B);
    a.link.send(batch(1, 20), 0);
    expect(other.link.adopt(a.link)).toBe(0);
    other.link.send(batch(21, 5), 0);
    const b = new Side(B, C);
    await b.hears(range(1, 25));
  });
});

describe("a TCP link, receiving", () => {
  it("takes a new connection for the old one, and forgets what was incomplete there", async () => {
    const b = new Side(B, A);
    const first = connect(B);
    first.send(Buffer.concat([message(1), message(2).subarray(0, 5)]));
    await b.hears([1]);
    const second = connect(B);
    second.send(Buffer.concat([message(3), message(4, 20)]));
    await b.hears([1, 3, 4]);
    await waitFor(() => first.hasEnded(), { what: "the end of the first", everyMs: 2 });
    expect(b.link.isServerConnected).toBe(true);
  });

  it("reads what had arrived on the old connection before it takes the new one", async () => {
    const b = new Side(B, A);
    const first = connect(B);
    await waitFor(() => b.link.isServerConnected, { what: "the first", everyMs: 2 });
    // All in one turn of the loop: the link finds both descriptors ready.
    for (let i = 1; i <= 300; i++) first.send(message(i));
    const second = connect(B);
    second.send(message(301));
    await b.hears(range(1, 301));
  });

  it("ends a connection whose stream is broken, and takes the next", async () => {
    const b = new Side(B, A);
    const first = connect(B);
    first.send(Buffer.concat([message(1), Buffer.alloc(32)]));
    await waitFor(() => first.hasEnded(), { what: "the end", everyMs: 2 });
    expect(b.link.traffic.receiveErrors).toBe(1);
    connect(B).send(message(2));
    await b.hears([1, 2]);
  });
});
