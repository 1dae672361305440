/**
 * The engine's kernel port on real sockets: batches of requests, and dumps of the table.
 *
 * Each purpose has a socket of its own, because the kernel names the socket in the events that follow,
 * and because one socket carries one dump at a time.
 */
import * as native from "../../native/index.ts";
import type { DumpHandler, DumpPurpose, KernelHandle, KernelPort } from "../netlink/kernel-port.ts";
import {
  IPCTNL_MSG_CT_GET,
  type IPCTNL_MSG_EXP_GET,
  MessageWriter,
  NFGEN_BYTES,
  NLM_F_DUMP,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
  NLMSG_HEADER_BYTES,
  readI32,
} from "../netlink/message.ts";
import {
  DumpReader,
  EAGAIN,
  ENOBUFS,
  growReceiveBuffer,
  MessageReader,
  type NetlinkSocket,
  openNetlink,
} from "./netlink-socket.ts";
import { SystemError } from "./system-error.ts";

/** The errors of a batch, each with the request it refuses, must fit. */
const REPLY_BUFFER_BYTES = 1 << 20;
/** The kernel fills a datagram of a dump up to 32 KiB when the buffer is large enough. */
const DUMP_SLOT_BYTES = 65536;
const DUMP_SLOTS = 4;
/** Beside other work: a datagram is a millisecond, and whoever asks something waits for two or three of them. */
const DUMP_SLOTS_OF_TURN = 1;
const REPLY_SLOT_BYTES = 4096;
const REPLY_SLOTS = 64;

interface Channel {
  readonly socket: NetlinkSocket;
  readonly reader: MessageReader;
}

export class Kernel implements KernelPort {
  readonly #channels: Record<KernelHandle, Channel>;
  readonly #dumps = new Map<string, native.Poll>();
  #isClosed = false;
  #onTurn: () => void = () => {};
  #onHearNew: (on: boolean) => void = () => {};
  #onDumpFailed: (reason: string) => void = () => {};

  constructor() {
    this.#channels = {
      commit: openChannel(),
      flush: openChannel(),
      inject: openChannel(),
      query: openChannel(),
    };
  }

  portId(handle: KernelHandle): number {
    return this.#channels[handle].socket.portId;
  }

  /** Called after what happens in the background: entries of a dump, the return of a batch. */
  onTurn(callback: () => void): void {
    this.#onTurn = callback;
  }

  /** Told why a dump could not be asked for while the daemon runs: it goes on without. */
  onDumpFailed(callback: (reason: string) => void): void {
    this.#onDumpFailed = callback;
  }

  /** Who owns the event socket, and does what `hearNew` asks for. */
  onHearNew(callback: (on: boolean) => void): void {
    this.#onHearNew = callback;
  }

  hearNew(on: boolean): void {
    this.#onHearNew(on);
  }

  transact(
    handle: KernelHandle,
    bytes: Uint8Array,
    length: number,
    onError: (sequence: number, errno: number) => void,
  ): number {
    const channel = this.#channels[handle];
    const sent = native.send(channel.socket.fd, bytes, 0, length);
    return sent < 0 ? -sent : readErrors(channel, onError);
  }

  dispatch(
    handle: KernelHandle,
    bytes: Uint8Array,
    length: number,
    onError: (sequence: number, errno: number) => void,
    onReturn: (errno: number) => void,
  ): void {
    const channel = this.#channels[handle];
    const finish = (sent: number) => {
      if (this.#isClosed) return;
      onReturn(sent < 0 ? -sent : readErrors(channel, onError));
      this.#onTurn();
    };
    const refused = native.sendInBackground(channel.socket.fd, bytes, length, finish);
    if (refused < 0) setImmediate(finish, refused);
  }

  dump(purpose: DumpPurpose, handler: DumpHandler): boolean {
    if (this.#dumps.has(purpose)) return false;
    const fd = this.#attempt(() => openDump());
    if (fd === undefined) return false;
    const reader = new MessageReader(fd, DUMP_SLOT_BYTES, DUMP_SLOTS_OF_TURN);
    const finish = (errno: number) => {
      this.#dumps.get(purpose)?.close();
      this.#dumps.delete(purpose);
      handler.onDone(errno);
    };
    const poll = new native.Poll(fd, () => {
      const end = readDump(reader, handler.onEntry);
      if (end !== undefined) finish(end);
      this.#onTurn();
    });
    this.#dumps.set(purpose, poll);
    poll.start(native.READABLE);
    return true;
  }

  /** As `dumpNow`, while the daemon runs. */
  tryDumpNow(onEntry: DumpHandler["onEntry"], request?: TableRequest): void {
    this.#attempt(() => this.dumpNow(onEntry, request));
  }

  /** Read the whole table now, entry by entry; for the start, when nothing else waits. @throws SystemError */
  dumpNow(onEntry: DumpHandler["onEntry"], request?: TableRequest): void {
    const reader = new TableReader(request);
    try {
      for (;;) {
        const errno = reader.read(onEntry);
        if (errno === undefined) continue;
        if (errno !== 0) throw new SystemError("dump", errno);
        return;
      }
    } finally {
      reader.close();
    }
  }

  /** The table for somebody who takes it at leisure; undefined, and told, when the kernel refuses. */
  openTable(request: TableRequest): TableReader | undefined {
    return this.#attempt(() => new TableReader(request));
  }

  /** Undefined, and told, when the kernel refuses. */
  #attempt<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      this.#onDumpFailed(error.reason);
      return undefined;
    }
  }

  close(): void {
    this.#isClosed = true;
    for (const poll of this.#dumps.values()) poll.close();
    this.#dumps.clear();
    for (const { socket } of Object.values(this.#channels)) native.close(socket.fd);
  }
}

/** The message that asks for a table: of flows, or of expectations. */
export type TableRequest = typeof IPCTNL_MSG_CT_GET | typeof IPCTNL_MSG_EXP_GET;

/** The whole table, as fast as somebody takes it and no faster. */
export class TableReader {
  readonly #fd: number;
  readonly #reader: DumpReader;

  /** @throws SystemError */
  constructor(request?: TableRequest) {
    this.#fd = openDump(request);
    this.#reader = new DumpReader(this.#fd, DUMP_SLOT_BYTES, DUMP_SLOTS);
  }

  /**
   * The next entries: undefined while there are more, then 0 or the errno that broke the table off.
   * The kernel produces the next part of a dump while the last one is received: this never waits for long.
   */
  read(onEntry: DumpHandler["onEntry"]): number | undefined {
    return readDump(this.#reader, onEntry);
  }

  close(): void {
    this.#reader.close();
    native.close(this.#fd);
  }
}

function openChannel(): Channel {
  const socket = openNetlink();
  growReceiveBuffer(socket.fd, REPLY_BUFFER_BYTES);
  return { socket, reader: new MessageReader(socket.fd, REPLY_SLOT_BYTES, REPLY_SLOTS) };
}

/**
 * The kernel works through a batch before `send` returns: what it refused is waiting then. Returns 0, or
 * the errno of a socket that cannot tell.
 */
function readErrors(
  { reader }: Channel,
  onError: (sequence: number, errno: number) => void,
): number {
  for (;;) {
    const count = reader.read((reply, at, _end, type) => {
      if (type !== NLMSG_ERROR) return;
      const errno = -readI32(reply, at + NLMSG_HEADER_BYTES);
      if (errno > 0) onError(readI32(reply, at + 8), errno);
    });
    if (count === EAGAIN) return 0;
    if (count < 0 && count !== ENOBUFS) return -count;
  }
}

/** A socket that was asked for the whole table. @throws SystemError */
function openDump(request: TableRequest = IPCTNL_MSG_CT_GET): number {
  const { fd } = openNetlink();
  const w = new MessageWriter(64);
  w.begin(request, NLM_F_REQUEST | NLM_F_DUMP, 1, 0);
  w.end();
  const sent = native.send(fd, w.bytes, 0, w.length);
  if (sent >= 0) return fd;
  native.close(fd);
  throw new SystemError("send", sent);
}

/** One batch of a dump: undefined while it goes on, then 0 or the errno that broke it off. */
function readDump(
  reader: Pick<MessageReader, "read">,
  onEntry: DumpHandler["onEntry"],
): number | undefined {
  let ended: number | undefined;
  const count = reader.read((bytes, at, end, type) => {
    if (type === NLMSG_DONE || type === NLMSG_ERROR) {
      ended = Math.abs(readI32(bytes, at + NLMSG_HEADER_BYTES));
    } else {
      onEntry(bytes, at + NLMSG_HEADER_BYTES + NFGEN_BYTES, end);
    }
  });
  if (count < 0 && count !== EAGAIN && ended === undefined) return -count;
  return ended;
}
