/**
 * The typed door of the native addon: the only file that loads the binary.
 *
 * The addon moves bytes and never interprets them: addresses, options and filter programs are bytes
 * built by the caller, in the layout of the kernel. Every function answers a count or a descriptor,
 * or a negative errno (`-EINVAL` also for a value out of range); only a wrong argument type throws.
 * Descriptors close on exec and never block. Nothing is retried, nothing is logged.
 *
 * Described in: ARCHITECTURE.md, "The native addon".
 */

import { existsSync } from "node:fs";
import process from "node:process";

/** Called on the loop of the thread that made the poll, with what is ready. */
export type PollCallback = (events: number) => void;

/** Waits for a descriptor, and owns it: nobody else closes it. One poll a descriptor. */
export interface Poll {
  /**
   * Waits for `READABLE`, `WRITABLE` or both, and keeps the loop alive; again changes what is waited
   * for. An error of the descriptor counts as readiness: the next call on it tells the error, and
   * the poll goes on.
   */
  start(events: number): number;
  stop(): number;
  /** Stops, and closes the descriptor. */
  close(): number;
}

/**
 * Receives batches on another thread, as `receiveBatchFrom` does it, into memory that is divided into equal parts, one
 * for each batch, one after the other.
 */
export interface ReceiveAhead {
  /** From now on the thread receives into the parts from the second one on, round and round, until a batch is not full. */
  start(): number;
  /**
   * Gives the last part back and waits for the next one: what `receiveBatchFrom` answered, or -EAGAIN behind a batch that
   * was not full. Without `start`, receives now, into the first part.
   */
  next(): number;
  /** Waits for what is being received, and forgets what nobody asked for: the state before `start`. */
  stop(): number;
  /** As `stop`. The object is of no use any more. */
  close(): number;
}

interface Native {
  socket(domain: number, type: number, protocol: number): number;
  bind(fd: number, address: Uint8Array): number;
  connect(fd: number, address: Uint8Array): number;
  listen(fd: number, backlog: number): number;
  accept(fd: number): number;
  shutdown(fd: number, how: number): number;
  close(fd: number): number;
  getsockname(fd: number, out: Uint8Array): number;
  setOption(fd: number, level: number, name: number, value: Uint8Array): number;
  getOption(fd: number, level: number, name: number, out: Uint8Array): number;
  attachFilter(fd: number, program: Uint8Array): number;
  receiveBatch(
    fd: number,
    arena: Uint8Array,
    slotBytes: number,
    slots: number,
    lengths: Int32Array,
  ): number;
  receiveSegments(...batch: [...Parameters<Native["receiveBatch"]>, segments: Int32Array]): number;
  receiveBatchFrom(
    fd: number,
    arena: Uint8Array,
    slotBytes: number,
    slots: number,
    lengths: Int32Array,
    addresses: Uint8Array,
    addressStride: number,
  ): number;
  sendBatch(
    fd: number,
    arena: Uint8Array,
    offsets: Int32Array,
    lengths: Int32Array,
    first: number,
    count: number,
    address: Uint8Array | null,
  ): number;
  sendSegments(...datagrams: Parameters<Native["sendBatch"]>): number;
  sendBatchTo(
    fd: number,
    arena: Uint8Array,
    offsets: Int32Array,
    lengths: Int32Array,
    addresses: Uint8Array,
    addressBytes: number,
    count: number,
  ): number;
  send(fd: number, bytes: Uint8Array, offset: number, length: number): number;
  sendTo(fd: number, bytes: Uint8Array, address: Uint8Array): number;
  sendInBackground(
    fd: number,
    bytes: Uint8Array,
    length: number,
    callback: (result: number) => void,
  ): number;
  readonly ReceiveAhead: new (
    ...batch: [...Parameters<Native["receiveBatchFrom"]>, parts: number]
  ) => ReceiveAhead;
  receive(fd: number, bytes: Uint8Array, offset: number, length: number): number;
  read(fd: number, bytes: Uint8Array, offset: number, length: number): number;
  readonly Poll: new (fd: number, callback: PollCallback) => Poll;
  loopTime(): number;
  turnTime(): number;
  timerCreate(): number;
  timerArm(fd: number, microseconds: number): number;
  restAfter(firstMicroseconds: number, workMicroseconds: number, restMicroseconds: number): number;
  hasRoom(fd: number): number;
  interfaceIndex(name: string): number;
  interfaceMtu(name: string): number;
  interfaceFlags(name: string): number;
  dup2(fd: number, fd2: number): number;
  setScheduler(policy: number, priority: number): number;
  errnoName(errno: number): string;
  errnoText(errno: number): string;
}

/** Beside a bundle, the binary lies beside the file; in the source tree, where the build leaves it. */
const places = ["flowkeeper.node", "build/Release/flowkeeper.node"];

/** The file that was loaded. */
export const binaryPath = findBinary();

const native = loadBinary(binaryPath);

/** What a poll waits for. */
export const READABLE = 1;
export const WRITABLE = 2;

/** `constructor(fd, callback)`: takes the descriptor over; nothing happens until `start`. */
export const Poll = native.Poll;

export const socket = native.socket;
export const bind = native.bind;
/** Does not wait: a TCP connection answers `-EINPROGRESS`, and is writable when it is settled. */
export const connect = native.connect;
export const listen = native.listen;
export const accept = native.accept;
export const shutdown = native.shutdown;
export const close = native.close;
/** Writes the own address into `out`; answers the bytes written. */
export const getsockname = native.getsockname;
export const setOption = native.setOption;
/** Writes the value into `out`; answers the bytes written. */
export const getOption = native.getOption;
/** Takes a classic socket filter: `struct sock_filter`, 8 bytes each. No bytes detach the filter. */
export const attachFilter = native.attachFilter;

/**
 * One `recvmmsg`: datagram i starts at `i * slotBytes`. `lengths[i]` is its true length, more than
 * `slotBytes` when it was cut. At most 1024 datagrams a call. `-EAGAIN` when there is none.
 */
export const receiveBatch = native.receiveBatch;
/**
 * As `receiveBatch`, on a socket with `UDP_GRO`: what lies in slot i are datagrams of `segments[i]` bytes each, the last one
 * of what is left; or one, where `segments[i]` is 0.
 */
export const receiveSegments = native.receiveSegments;
/** As `receiveBatch`; the sender's address i starts at `i * addressStride`, padded with zeroes. */
export const receiveBatchFrom = native.receiveBatchFrom;
/**
 * Sends `count` messages, message `first` first; to one address, or with null to the connected peer.
 * Answers how many were sent; an error is told when none was.
 */
export const sendBatch = native.sendBatch;
/**
 * As `sendBatch`, for UDP: datagrams of one size after each other pass the kernel as one, which it cuts at the end of the
 * way (`UDP_SEGMENT`). `-EINVAL`, `-EIO` or `-EMSGSIZE` where it cannot do so with this socket, or on this way.
 */
export const sendSegments = native.sendSegments;
/** As `sendBatch`; the address of message i starts at `i * addressBytes`. */
export const sendBatchTo = native.sendBatchTo;
/** Sends `length` bytes from `offset` to the connected peer, or to the kernel on a netlink socket. */
export const send = native.send;
export const sendTo = native.sendTo;
/**
 * As `send`, on another thread: `callback` gets the answer in a later turn of the loop. The bytes stay
 * untouched until then; the descriptor may be closed.
 */
export const sendInBackground = native.sendInBackground;
/** The descriptor may be closed as soon as this has been made. */
export const ReceiveAhead = native.ReceiveAhead;
/** Receives at most `length` bytes to `offset`; 0 is the end of a stream. */
export const receive = native.receive;
/** Reads what is not a socket: a timer gives 8 bytes, the number of times it expired. */
export const read = native.read;

/**
 * Milliseconds since the first call, which answers 1: an integer, by the clock of Node's timers. It stands still until the
 * loop turns, and allocates nothing for 24 days; after that as much as `performance.now()`.
 */
export const loopTime = native.loopTime;
/** Microseconds since this thread has looked which of its polls are ready: so long have they waited. Allocates nothing. */
export const turnTime = native.turnTime;
/** A timer as a descriptor: readable once it has expired. */
export const timerCreate = native.timerCreate;
/** Expires once, in that many microseconds; 0 disarms. */
export const timerArm = native.timerArm;

/**
 * From now on this loop, and the threads of `sendInBackground`, rest: whoever has worked for `firstMicroseconds` (at most
 * a second), and paused less than he would have rested, sleeps for `restMicroseconds`, and again after each
 * `workMicroseconds`. A later call changes the numbers.
 */
export const restAfter = native.restAfter;

/** 1 where a write would not wait, 0 where it would. A pipe with room takes 4096 bytes at once. */
export const hasRoom = native.hasRoom;

/** These three know links that are down, too. */
export const interfaceIndex = native.interfaceIndex;
export const interfaceMtu = native.interfaceMtu;
export const interfaceFlags = native.interfaceFlags;

export const dup2 = native.dup2;
/** Sets policy and priority for every thread of the process; answers how many threads. */
export const setScheduler = native.setScheduler;

/** "EPERM"; takes the number with either sign. */
export const errnoName = native.errnoName;
/** "Operation not permitted", in English whatever the locale; takes the number with either sign. */
export const errnoText = native.errnoText;

function findBinary(): string {
  for (const place of places) {
    const path = `${import.meta.dirname}/${place}`;
    if (existsSync(path)) return path;
  }
  throw new Error("the native addon is not built: run `npm run build`");
}

/** As `require` does, without its search: a program that scripts call in loops starts a millisecond sooner. */
function loadBinary(path: string): Native {
  const loaded: { exports: unknown } = { exports: {} };
  process.dlopen(loaded, path);
  return loaded.exports as Native;
}
