/**
 * The socket that hears what happens to the connection-tracking table.
 *
 * Where many events come, they gather; few are served at once (`paced-poll.ts`).
 */
import { SOL_NETLINK } from "../../native/constants.ts";
import * as native from "../../native/index.ts";
import {
  EAGAIN,
  ENOBUFS,
  growReceiveBuffer,
  MessageReader,
  type NetlinkSocket,
  openNetlink,
  receiveBufferSize,
  setIntOption,
} from "./netlink-socket.ts";
import { MORE, PacedPoll } from "./paced-poll.ts";
import { SystemError } from "./system-error.ts";

/** Groups NEW, UPDATE and DESTROY. */
const CONNTRACK_GROUPS = 0x07;
/** The same groups, and those of expectations. */
export const EXPECTATION_GROUPS = 0x3f;
/** Group number of NEW. */
const NEW_GROUP = 1;
const NETLINK_ADD_MEMBERSHIP = 1;
const NETLINK_DROP_MEMBERSHIP = 2;
const NETLINK_BROADCAST_ERROR = 4;
const NETLINK_NO_ENOBUFS = 5;
/** No event of today's kernels is larger. */
const EVENT_SLOT_BYTES = 4096;
const MAX_SLOTS = 256;

export interface EventSourceOptions {
  /** Multicast groups, bit n-1 for group n; those of flows where nothing is said. */
  readonly groups?: number;
  /** Most events of one turn (`EventIterationLimit`); one more is taken, as the reference does. */
  readonly iterationLimit: number;
  /** Socket-filter program, 8 bytes an instruction; empty for none. */
  readonly program: Uint8Array;
  readonly reliable: boolean;
  /** `NetlinkBufferSize` and its ceiling, in bytes; 0: what the system gives. */
  readonly bufferBytes: number;
  readonly bufferMaxBytes: number;
  /** Events are about to be taken; `now` is `loopTime`. */
  readonly onWake: (now: number) => void;
  readonly onEvent: (bytes: Uint8Array, at: number, end: number) => void;
  /** Events were taken: send what they caused. */
  readonly onTurn: () => void;
  readonly onOverrun: () => void;
}

export class EventSource {
  readonly #socket: NetlinkSocket;
  readonly #reader: MessageReader;
  readonly #poll: PacedPoll;
  readonly #options: EventSourceOptions;
  #bufferBytes = 0;

  constructor(options: EventSourceOptions) {
    this.#options = options;
    this.#socket = openNetlink(options.groups ?? CONNTRACK_GROUPS);
    const { fd } = this.#socket;
    if (options.program.length > 0) {
      const attached = native.attachFilter(fd, options.program);
      if (attached < 0) throw new SystemError("filter", attached);
    }
    if (options.reliable) {
      setIntOption(fd, SOL_NETLINK, NETLINK_BROADCAST_ERROR, 1);
      setIntOption(fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, 1);
    }
    if (options.bufferBytes > 0) growReceiveBuffer(fd, Math.floor(options.bufferBytes / 2));
    const slots = Math.min(MAX_SLOTS, options.iterationLimit + 1);
    this.#reader = new MessageReader(fd, EVENT_SLOT_BYTES, slots);
    const look = (now: number) => this.#look(now);
    this.#poll = new PacedPoll({ fd, look });
    this.#measureBuffer();
  }

  /** Size of the receive buffer as the kernel counts it. */
  get bufferBytes(): number {
    return this.#bufferBytes;
  }

  /** Listen, or go on listening. */
  start(): void {
    this.#poll.start();
  }

  /** Stop listening; what happens meanwhile waits in the socket as far as it has room. */
  pause(): void {
    this.#poll.pause();
  }

  /** Take what is there now. Answers whether there may be more. */
  drain(): boolean {
    return this.#reader.read(this.#options.onEvent) === this.#reader.slots;
  }

  /** Ask for a receive buffer of `bytes`, which the kernel doubles; the size obtained. */
  resize(bytes: number): number {
    growReceiveBuffer(this.#socket.fd, bytes);
    return this.#measureBuffer();
  }

  /** Join or leave the group of new flows. */
  hearNew(on: boolean): void {
    const option = on ? NETLINK_ADD_MEMBERSHIP : NETLINK_DROP_MEMBERSHIP;
    const result = setIntOption(this.#socket.fd, SOL_NETLINK, option, NEW_GROUP);
    if (result < 0) throw new SystemError("membership", result);
  }

  close(): void {
    this.#poll.close();
  }

  /** Double the buffer; undefined when the ceiling forbids it. */
  grow(): number | undefined {
    if (this.#bufferBytes * 2 > this.#options.bufferMaxBytes) return undefined;
    growReceiveBuffer(this.#socket.fd, this.#bufferBytes);
    return this.#measureBuffer();
  }

  #measureBuffer(): number {
    this.#bufferBytes = receiveBufferSize(this.#socket.fd);
    this.#poll.bufferBytes = this.#bufferBytes;
    return this.#bufferBytes;
  }

  #look(now: number): number {
    this.#options.onWake(now);
    const count = this.#reader.read(this.#options.onEvent);
    if (count === ENOBUFS) this.#options.onOverrun();
    else if (count < 0 && count !== EAGAIN) throw new SystemError("receive", count);
    if (count > 0) this.#options.onTurn();
    return count === this.#reader.slots || count === ENOBUFS ? MORE : Math.max(0, count);
  }
}
