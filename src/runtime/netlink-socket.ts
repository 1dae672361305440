/**
 * A netlink socket: opening, buffers, and reading batches of messages.
 *
 * Messages that do not come from the kernel (sender port other than 0) are dropped here.
 */
import {
  AF_NETLINK,
  NETLINK_NETFILTER,
  SO_RCVBUF,
  SO_RCVBUFFORCE,
  SOCK_RAW,
  SOL_SOCKET,
} from "../../native/constants.ts";
import * as native from "../../native/index.ts";
import { NLMSG_HEADER_BYTES, readI32, readU16 } from "../netlink/message.ts";
import { SystemError } from "./system-error.ts";

/** `struct sockaddr_nl`. */
const ADDRESS_BYTES = 12;
const EPERM = -1;
export const EAGAIN = -11;
export const ENOBUFS = -105;

export interface NetlinkSocket {
  readonly fd: number;
  /** By this number the kernel tells who caused an event. */
  readonly portId: number;
}

/** Open a netlink socket that hears the groups of `groupMask` (bit n-1 is group n). */
export function openNetlink(groupMask = 0, protocol = NETLINK_NETFILTER): NetlinkSocket {
  const fd = native.socket(AF_NETLINK, SOCK_RAW, protocol);
  if (fd < 0) throw new SystemError("socket", fd);
  const address = new Uint8Array(ADDRESS_BYTES);
  const view = new DataView(address.buffer);
  view.setUint16(0, AF_NETLINK, true);
  view.setUint32(8, groupMask, true);
  const bound = native.bind(fd, address);
  if (bound < 0) {
    native.close(fd);
    throw new SystemError("bind", bound);
  }
  native.getsockname(fd, address);
  return { fd, portId: view.getUint32(4, true) };
}

const word = new Uint8Array(4);
const wordView = new DataView(word.buffer);

/** Set an integer socket option; a negative errno when the kernel refuses. */
export function setIntOption(fd: number, level: number, name: number, value: number): number {
  wordView.setInt32(0, value, true);
  return native.setOption(fd, level, name, word);
}

/**
 * Ask for a receive buffer of `bytes` (the kernel doubles it), by force where that is allowed.
 * Returns the size obtained and whether the limit of the system had to be respected.
 */
export function growReceiveBuffer(fd: number, bytes: number): { size: number; limited: boolean } {
  const forced = setIntOption(fd, SOL_SOCKET, SO_RCVBUFFORCE, bytes);
  const limited = forced === EPERM;
  if (limited) setIntOption(fd, SOL_SOCKET, SO_RCVBUF, bytes);
  return { size: receiveBufferSize(fd), limited };
}

export function receiveBufferSize(fd: number): number {
  const value = new Uint8Array(4);
  native.getOption(fd, SOL_SOCKET, SO_RCVBUF, value);
  return new DataView(value.buffer).getInt32(0, true);
}

/** One message: it starts at `at` and ends before `end`; its type is at `at + 4`. */
export type MessageVisitor = (bytes: Uint8Array, at: number, end: number, type: number) => void;

/** Memory for a batch of datagrams. */
class Slots {
  readonly bytes: number;
  readonly count: number;
  readonly arena: Uint8Array;
  readonly lengths: Int32Array;
  readonly senders: Uint8Array;

  constructor(bytes: number, count: number) {
    this.bytes = bytes;
    this.count = count;
    this.arena = new Uint8Array(bytes * count);
    this.lengths = new Int32Array(count);
    this.senders = new Uint8Array(count * ADDRESS_BYTES);
  }

  /** Visit the messages of the `count` datagrams from `first` on, as far as the kernel has sent them. */
  visit(first: number, count: number, visit: MessageVisitor): void {
    for (let i = first; i < first + count; i++) {
      if (readI32(this.senders, i * ADDRESS_BYTES + 4) !== 0) continue;
      const start = i * this.bytes;
      const length = this.lengths[i]!;
      // A datagram that was cut cannot be told apart from a whole one by its messages: skip it.
      if (length <= this.bytes) visitMessages(this.arena, start, start + length, visit);
    }
  }
}

/** Reads datagrams in batches into memory of its own, and takes them apart. */
export class MessageReader {
  readonly #fd: number;
  readonly #slots: Slots;

  constructor(fd: number, slotBytes: number, slots: number) {
    this.#fd = fd;
    this.#slots = new Slots(slotBytes, slots);
  }

  get slots(): number {
    return this.#slots.count;
  }

  /** Read one batch and visit its messages. Datagrams read, or a negative errno. */
  read(visit: MessageVisitor): number {
    const { arena, bytes, count: slots, lengths, senders } = this.#slots;
    const count = native.receiveBatchFrom(
      this.#fd,
      arena,
      bytes,
      slots,
      lengths,
      senders,
      ADDRESS_BYTES,
    );
    this.#slots.visit(0, count, visit);
    return count;
  }
}

/** So many parts of a dump are there: one is visited, the others are filled meanwhile. */
const DUMP_PARTS = 4;

/**
 * As `MessageReader`, for dumps: the kernel writes the next parts while this one is visited. Nothing else may be asked
 * through the socket before the dump has ended and `settle` was called.
 */
export class DumpReader {
  /** Datagrams of a part. */
  readonly slots: number;
  readonly #memory: Slots;
  readonly #ahead: native.ReceiveAhead;
  #isAhead = false;
  #part = 0;

  constructor(fd: number, slotBytes: number, slots: number) {
    this.slots = slots;
    this.#memory = new Slots(slotBytes, slots * DUMP_PARTS);
    const { arena, lengths, senders } = this.#memory;
    this.#ahead = new native.ReceiveAhead(
      fd,
      arena,
      slotBytes,
      slots,
      lengths,
      senders,
      ADDRESS_BYTES,
      DUMP_PARTS,
    );
  }

  /** As `MessageReader.read`. */
  read(visit: MessageVisitor): number {
    const count = this.#ahead.next();
    this.#part = this.#isAhead ? (this.#part + 1) % DUMP_PARTS : 0;
    // A part that is not full is the last one, also where the dump broke off. A short dump is worth no thread.
    if (count !== this.slots) {
      this.settle();
    } else if (!this.#isAhead) {
      this.#ahead.start();
      this.#isAhead = true;
    }
    this.#memory.visit(this.#part * this.slots, count, visit);
    return count;
  }

  /** The dump has ended: what is still being received is nothing. */
  settle(): void {
    this.#ahead.stop();
    this.#isAhead = false;
  }

  close(): void {
    this.#ahead.close();
  }
}

/** Walk the messages of a datagram; one that claims more than there is ends the walk. */
export function visitMessages(
  bytes: Uint8Array,
  start: number,
  stop: number,
  visit: MessageVisitor,
): void {
  let at = start;
  while (at + NLMSG_HEADER_BYTES <= stop) {
    const length = readI32(bytes, at) >>> 0;
    if (length < NLMSG_HEADER_BYTES || length > stop - at) return;
    visit(bytes, at, at + length, readU16(bytes, at + 4));
    at += (length + 3) & ~3;
  }
}
