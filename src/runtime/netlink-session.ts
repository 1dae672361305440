/**
 * A conversation with the kernel for a program that waits for the answer: single requests, dumps, and
 * batches of requests, one after the other.
 *
 * The kernel works through a request before `send` returns, and makes the next part of a dump while the
 * last one is read: so nothing here ever waits. Events are for `EventSource`, loops are for the daemon.
 */
import { NETLINK_CAP_ACK, SOL_NETLINK } from "../../native/constants.ts";
import * as native from "../../native/index.ts";
import {
  type MessageWriter,
  NLMSG_DONE,
  NLMSG_ERROR,
  NLMSG_HEADER_BYTES,
  readI32,
  readU16,
} from "../netlink/message.ts";
import {
  DumpReader,
  EAGAIN,
  ENOBUFS,
  growReceiveBuffer,
  MessageReader,
  type MessageVisitor,
  type NetlinkSocket,
  openNetlink,
  setIntOption,
} from "./netlink-socket.ts";

/** The answers of a batch must fit. */
const REPLY_BUFFER_BYTES = 1 << 20;
const REPLY_SLOT_BYTES = 8192;
const REPLY_SLOTS = 64;
/** The kernel fills a datagram of a dump up to 32 KiB when the buffer is large enough. */
const DUMP_SLOT_BYTES = 32768;
const DUMP_SLOTS = 8;
const NLM_F_DUMP_INTR = 0x10;
const EINTR = 4;
const EPROTO = 71;

export class NetlinkSession {
  readonly #socket: NetlinkSocket;
  #replies: MessageReader | undefined;
  #dumps: DumpReader | undefined;
  /** Gets what answers the requests of a batch, beside errors. */
  onMessage: MessageVisitor | undefined;

  /** @throws SystemError when the kernel gives no socket */
  constructor() {
    this.#socket = openNetlink();
  }

  /** Send one request and visit what answers it. 0, or the positive errno that refused it. */
  request(w: MessageWriter, visit: MessageVisitor): number {
    const sent = native.send(this.#socket.fd, w.bytes, 0, w.length);
    if (sent < 0) return -sent;
    let refusal = 0;
    const failure = this.#collect(visit, (_sequence, errno) => {
      refusal ||= errno;
    });
    return refusal || failure;
  }

  /** Ask for a dump and visit its entries. 0, or the positive errno that broke it off. */
  dump(w: MessageWriter, visit: MessageVisitor): number {
    const refused = this.beginDump(w);
    if (refused !== 0) return refused;
    for (;;) {
      const ended = this.continueDump(visit);
      if (ended !== undefined) return ended;
    }
  }

  /** Ask for a dump that is read in pieces of `slots` datagrams. 0, or the positive errno. */
  beginDump(w: MessageWriter, slots = DUMP_SLOTS): number {
    if (this.#dumps?.slots !== slots) {
      this.#dumps?.close();
      this.#dumps = new DumpReader(this.#socket.fd, DUMP_SLOT_BYTES, slots);
    }
    const sent = native.send(this.#socket.fd, w.bytes, 0, w.length);
    return sent < 0 ? -sent : 0;
  }

  /** Visit the entries of one system call. Undefined while there are more; then what `dump` answers. */
  continueDump(visit: MessageVisitor): number | undefined {
    let ended = -1;
    const take: MessageVisitor = (bytes, at, end, type) => {
      if (ended >= 0) return;
      if (type === NLMSG_DONE || type === NLMSG_ERROR) {
        ended = Math.abs(readI32(bytes, at + NLMSG_HEADER_BYTES));
      } else if ((readU16(bytes, at + 6) & NLM_F_DUMP_INTR) !== 0) {
        ended = EINTR;
      } else {
        visit(bytes, at, end, type);
      }
    };
    const count = this.#dumps?.read(take) ?? 0;
    if (ended >= 0) {
      this.#dumps?.settle();
      return ended;
    }
    if (count === 0 || count === EAGAIN) return EPROTO;
    return count < 0 ? -count : undefined;
  }

  /** As `KernelPort.transact`: the errors of a batch, by sequence number. */
  transact(
    _handle: string,
    bytes: Uint8Array,
    length: number,
    onError: (sequence: number, errno: number) => void,
  ): number {
    const sent = native.send(this.#socket.fd, bytes, 0, length);
    return sent < 0 ? -sent : this.#collect(this.onMessage ?? nothing, onError);
  }

  /** As `KernelPort.dispatch`: the batch travels on another thread. */
  dispatch(
    _handle: string,
    bytes: Uint8Array,
    length: number,
    onError: (sequence: number, errno: number) => void,
    onReturn: (errno: number) => void,
  ): void {
    const finish = (sent: number) =>
      onReturn(sent < 0 ? -sent : this.#collect(this.onMessage ?? nothing, onError));
    const refused = native.sendInBackground(this.#socket.fd, bytes, length, finish);
    if (refused < 0) setImmediate(finish, refused);
  }

  close(): void {
    this.#dumps?.close();
    native.close(this.#socket.fd);
  }

  /** Everything that has come in answer. 0, or the positive errno of a read that failed. */
  #collect(visit: MessageVisitor, onError: (sequence: number, errno: number) => void): number {
    const reader = this.#openReplies();
    for (;;) {
      const count = reader.read((reply, at, end, type) => {
        if (type !== NLMSG_ERROR) {
          visit(reply, at, end, type);
          return;
        }
        const errno = -readI32(reply, at + NLMSG_HEADER_BYTES);
        if (errno > 0) onError(readI32(reply, at + 8), errno);
      });
      if (count === EAGAIN || count === 0) return 0;
      if (count < 0 && count !== ENOBUFS) return -count;
    }
  }

  #openReplies(): MessageReader {
    if (this.#replies === undefined) {
      const { fd } = this.#socket;
      growReceiveBuffer(fd, REPLY_BUFFER_BYTES);
      // Errors come without the request they refuse.
      setIntOption(fd, SOL_NETLINK, NETLINK_CAP_ACK, 1);
      this.#replies = new MessageReader(fd, REPLY_SLOT_BYTES, REPLY_SLOTS);
    }
    return this.#replies;
  }
}

function nothing(): void {}
