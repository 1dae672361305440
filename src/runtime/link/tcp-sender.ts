/**
 * The sending half of a TCP link: our own connection to the peer. It is written to and never read from.
 *
 *     waiting ──timer──▶ connecting ──▶ connected
 *        ▲                   │              │
 *        └──── refused ──────┴─── broken ───┘
 *
 * Nothing given to it is lost while there is no connection: it waits in a bounded queue, and what finds no
 * room there is left to the caller.
 *
 * Described in: doc/sync/machines.md, "TCP links".
 */
import {
  EAGAIN,
  EINPROGRESS,
  IPPROTO_TCP,
  SO_ERROR,
  SO_KEEPALIVE,
  SOCK_STREAM,
  SOL_SOCKET,
  TCP_KEEPCNT,
  TCP_KEEPIDLE,
  TCP_KEEPINTVL,
  TCP_NODELAY,
  TCP_RTO_MAX_MS,
  TCP_USER_TIMEOUT,
} from "../../../native/constants.ts";
import * as native from "../../../native/index.ts";
import type { Outbox } from "../../sync/outbox.ts";
import { setIntOption } from "../netlink-socket.ts";
import { SystemError } from "../system-error.ts";
import type { LinkEvents, LinkOptions, LinkTraffic } from "./link.ts";
import type { SendQueue } from "./send-queue.ts";
import { intOption, openSocket, option, prepareSender, socketAddress } from "./socket.ts";

/** Wait before the second attempt to connect; each further wait is twice as long, up to the longest. */
const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 1000;
/** An attempt that nobody answers is given up: the kernel would repeat it at ever longer intervals. */
const CONNECT_TIMEOUT_MS = 3000;
/** A peer that takes nothing and acknowledges nothing for so long is gone. */
const USER_TIMEOUT_MS = 10_000;
/** What is not acknowledged is sent again at least this often; kernels before 6.15 wait ever longer. */
const LONGEST_RETRANSMIT_MS = 1000;
/** A silent connection is asked after this time, then at this interval, this often. */
const KEEPALIVE = { idleSeconds: 5, intervalSeconds: 2, probes: 3 } as const;
/** What a peer writes here is of no interest, only whether it has closed. */
const SCRATCH_BYTES = 4096;

interface Connection {
  readonly fd: number;
  readonly poll: native.Poll;
  isConnected: boolean;
  /** When it was made, in milliseconds. */
  since: number;
  /** The kernel took no more: it will say when it does. */
  isFull: boolean;
}

export class TcpSender {
  readonly #options: LinkOptions;
  readonly #events: LinkEvents;
  readonly #traffic: LinkTraffic;
  readonly #queue: SendQueue;
  readonly #scratch = new Uint8Array(SCRATCH_BYTES);
  #connection: Connection | undefined;
  #timer: NodeJS.Timeout | undefined;
  #wait = FIRST_WAIT_MS;
  /** Someone waits for room in the queue. */
  #isAwaited = false;
  #isClosed = false;

  constructor(options: LinkOptions, events: LinkEvents, traffic: LinkTraffic, queue: SendQueue) {
    this.#options = options;
    this.#events = events;
    this.#traffic = traffic;
    this.#queue = queue;
  }

  get isConnected(): boolean {
    return this.#connection?.isConnected ?? false;
  }

  /** Connect, or try again at once: the peer has shown that it lives. */
  connect(): void {
    if (this.#connection !== undefined || this.#isClosed) return;
    clearTimeout(this.#timer);
    try {
      this.#connection = this.#open();
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      this.#traffic.sendErrors += 1;
      this.#later();
    }
  }

  /** As `Link.send`. */
  send(outbox: Outbox, first: number): number {
    let next = first;
    while (next < outbox.count) {
      const at = outbox.offsets[next]!;
      if (this.#queue.push(outbox.bytes, at, outbox.lengths[next]!)) {
        next += 1;
        continue;
      }
      const before = this.#queue.count;
      this.#write();
      if (this.#queue.count === before) break;
    }
    this.#write();
    this.#isAwaited = next < outbox.count;
    return next;
  }

  /** Something was put into the queue by others. */
  flush(): void {
    this.#write();
  }

  /** Break the connection, and make a new one with what the interface is now. */
  reconnect(): void {
    this.#disconnect();
    this.connect();
  }

  close(): void {
    this.#isClosed = true;
    this.#disconnect();
    clearTimeout(this.#timer);
  }

  #open(): Connection {
    const options = this.#options;
    const address = socketAddress(options, options.peer);
    const fd = openSocket(options, SOCK_STREAM, (made) => {
      prepareSender(made, options, this.#events);
      keepWatch(made);
      option(made, IPPROTO_TCP, TCP_NODELAY, 1);
      setIntOption(made, IPPROTO_TCP, TCP_RTO_MAX_MS, LONGEST_RETRANSMIT_MS);
      const status = native.connect(made, address);
      if (status < 0 && status !== -EINPROGRESS) throw new SystemError("connect", status);
    });
    const poll = new native.Poll(fd, (events) => this.#ready(events));
    // A connection that is made at once is writable at once.
    poll.start(native.WRITABLE);
    this.#timer = setTimeout(() => this.#broken(), CONNECT_TIMEOUT_MS);
    return { fd, poll, isConnected: false, since: 0, isFull: false };
  }

  #ready(events: number): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    if (!connection.isConnected) {
      this.#settle(connection);
      return;
    }
    if ((events & native.READABLE) !== 0 && this.#hasEnded(connection)) {
      this.#broken();
      return;
    }
    if ((events & native.WRITABLE) !== 0) this.#write();
    this.#tellRoom();
  }

  /** The attempt to connect has come to an end. */
  #settle(connection: Connection): void {
    if (intOption(connection.fd, SOL_SOCKET, SO_ERROR) !== 0) {
      this.#broken();
      return;
    }
    clearTimeout(this.#timer);
    connection.isConnected = true;
    connection.since = performance.now();
    connection.poll.start(native.READABLE);
    this.#write();
    this.#tellRoom();
  }

  #hasEnded({ fd }: Connection): boolean {
    const count = native.receive(fd, this.#scratch, 0, SCRATCH_BYTES);
    return count <= 0 && count !== -EAGAIN;
  }

  #write(): void {
    const queue = this.#queue;
    const traffic = this.#traffic;
    const connection = this.#connection;
    if (connection === undefined || !connection.isConnected) return;
    while (queue.length > 0) {
      const count = native.send(connection.fd, queue.bytes, queue.start, queue.length);
      if (count === -EAGAIN) {
        this.#awaitRoom(connection, true);
        return;
      }
      if (count < 0) {
        this.#broken();
        return;
      }
      traffic.bytesSent += count;
      traffic.datagramsSent += 1;
      queue.sent(count);
    }
    this.#awaitRoom(connection, false);
  }

  #awaitRoom(connection: Connection, isFull: boolean): void {
    if (connection.isFull === isFull) return;
    connection.isFull = isFull;
    connection.poll.start(isFull ? native.READABLE | native.WRITABLE : native.READABLE);
  }

  #tellRoom(): void {
    if (!this.#isAwaited || this.#queue.length > 0) return;
    this.#isAwaited = false;
    this.#events.onWritable();
  }

  /** The connection, or the attempt to make one, has failed. */
  #broken(): void {
    this.#traffic.sendErrors += 1;
    const since = this.#connection?.isConnected ? this.#connection.since : undefined;
    if (since !== undefined && performance.now() - since > LONGEST_WAIT_MS) {
      this.#wait = FIRST_WAIT_MS;
    }
    this.#disconnect();
    this.#later();
  }

  #disconnect(): void {
    clearTimeout(this.#timer);
    this.#connection?.poll.close();
    this.#connection = undefined;
    this.#queue.rewind();
  }

  #later(): void {
    this.#timer = setTimeout(() => this.connect(), this.#wait);
    this.#wait = Math.min(this.#wait * 2, LONGEST_WAIT_MS);
  }
}

/** A peer that vanished without a word is noticed. */
export function keepWatch(fd: number): void {
  option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  option(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE.idleSeconds);
  option(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE.intervalSeconds);
  option(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE.probes);
  option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, USER_TIMEOUT_MS);
}
