/**
 * A dedicated link over UDP: one socket receives, another sends, as the reference does it, so that the
 * source port is ephemeral and the receiver takes datagrams from any address.
 */
import {
  AF_INET,
  AF_INET6,
  SO_NO_CHECK,
  SO_RCVBUF,
  SO_RCVBUFFORCE,
  SO_REUSEADDR,
  SO_SNDBUF,
  SO_SNDBUFFORCE,
  SOCK_DGRAM,
  SOL_SOCKET,
} from "../../native/constants.ts";
import * as native from "../../native/index.ts";
import type { Outbox } from "../sync/outbox.ts";
import { DATAGRAM_MAX_BYTES } from "../sync/receiver.ts";
import { EAGAIN, setIntOption } from "./netlink-socket.ts";
import { SystemError } from "./system-error.ts";

/** IP and UDP headers; the reference counts the same for IPv6 and has its datagrams fragmented. */
const HEADERS_V4 = 28;
const HEADERS_V6 = 48;
const SLOTS = 32;
/** Room behind a datagram, so that its last padding may be read as a word. */
const SLOT_BYTES = DATAGRAM_MAX_BYTES + 4;
const EPERM = -1;
const ENOPROTOOPT = -92;
const IFF_UP = 0x1;
const IFF_RUNNING = 0x40;
const ENODEV = 19;

export interface UdpLinkOptions {
  readonly interfaceName: string;
  /** 4 or 16 bytes; empty: any. */
  readonly address: Uint8Array;
  readonly peer: Uint8Array;
  readonly port: number;
  readonly checksum: boolean;
  /** Bytes; 0: what the system gives. */
  readonly sendBuffer: number;
  readonly receiveBuffer: number;
  /** A datagram: its bytes start at a multiple of four. */
  readonly onDatagram: (words: Int32Array, bytes: Uint8Array, at: number, length: number) => void;
  /** A batch of datagrams was taken. */
  readonly onTurn: () => void;
  /** There is room again for what could not be sent. */
  readonly onWritable: () => void;
  /** Batches of datagrams of one turn. */
  readonly iterationLimit: number;
  /** The system refused to force a buffer and gave what its limit allows. */
  readonly onLimitedBuffer: (clause: string, bytes: number) => void;
}

export interface LinkTraffic {
  bytesSent: number;
  bytesReceived: number;
  datagramsSent: number;
  datagramsReceived: number;
  sendErrors: number;
  receiveErrors: number;
}

export class UdpLink {
  readonly interfaceName: string;
  /** Bytes a datagram must stay below. */
  readonly datagramLimit: number;
  readonly traffic: LinkTraffic = {
    bytesSent: 0,
    bytesReceived: 0,
    datagramsSent: 0,
    datagramsReceived: 0,
    sendErrors: 0,
    receiveErrors: 0,
  };
  readonly #options: UdpLinkOptions;
  readonly #receive: native.Poll;
  readonly #send: native.Poll;
  readonly #receiveFd: number;
  readonly #sendFd: number;
  readonly #peer: Uint8Array;
  readonly #words = new Int32Array((SLOT_BYTES * SLOTS) / 4);
  readonly #bytes = new Uint8Array(this.#words.buffer);
  readonly #lengths = new Int32Array(SLOTS);
  readonly #slots: number;

  constructor(options: UdpLinkOptions) {
    this.#options = options;
    this.interfaceName = options.interfaceName;
    const index = native.interfaceIndex(options.interfaceName);
    if (index <= 0) throw new SystemError("interface", ENODEV);
    const mtu = native.interfaceMtu(options.interfaceName);
    if (mtu < 0) throw new SystemError("interface", mtu);
    const v6 = options.peer.length === 16 || options.address.length === 16;
    this.datagramLimit = mtu - (v6 ? HEADERS_V6 : HEADERS_V4);
    this.#peer = socketAddress(options.peer, options.port, v6, index);
    const own = socketAddress(options.address, options.port, v6, index);
    this.#receiveFd = openReceiver(options, own, v6);
    try {
      this.#sendFd = openSender(options, v6);
    } catch (error) {
      native.close(this.#receiveFd);
      throw error;
    }
    this.#slots = Math.min(SLOTS, options.iterationLimit);
    this.#receive = new native.Poll(this.#receiveFd, () => this.#readable());
    this.#send = new native.Poll(this.#sendFd, () => {
      this.#send.stop();
      options.onWritable();
    });
  }

  start(): void {
    this.#receive.start(native.READABLE);
  }

  close(): void {
    this.#receive.close();
    this.#send.close();
  }

  /** `RUNNING`, `NO-CARRIER` or `DOWN`, as `-s link` shows it. */
  status(): "RUNNING" | "NO-CARRIER" | "DOWN" {
    const flags = native.interfaceFlags(this.interfaceName);
    if (flags < 0 || (flags & IFF_UP) === 0) return "DOWN";
    return (flags & IFF_RUNNING) === 0 ? "NO-CARRIER" : "RUNNING";
  }

  /**
   * Send datagrams of the outbox from number `first` on. The number of the first that was not sent: the
   * count when all are gone, less when the socket is full, and then `onWritable` follows.
   */
  send(outbox: Outbox, first: number): number {
    const { traffic } = this;
    let next = first;
    while (next < outbox.count) {
      const sent = native.sendBatch(
        this.#sendFd,
        outbox.bytes,
        outbox.offsets,
        outbox.lengths,
        next,
        outbox.count - next,
        this.#peer,
      );
      if (sent === EAGAIN) {
        this.#send.start(native.WRITABLE);
        return next;
      }
      if (sent < 0) {
        // The datagram is lost: the protocol finds out and asks for it again.
        traffic.sendErrors += 1;
        next += 1;
        continue;
      }
      for (let i = next; i < next + sent; i++) traffic.bytesSent += outbox.lengths[i]!;
      traffic.datagramsSent += sent;
      next += sent;
    }
    return next;
  }

  #readable(): void {
    const count = native.receiveBatch(
      this.#receiveFd,
      this.#bytes,
      SLOT_BYTES,
      this.#slots,
      this.#lengths,
    );
    if (count < 0) {
      if (count !== EAGAIN) this.traffic.receiveErrors += 1;
      return;
    }
    for (let i = 0; i < count; i++) {
      const length = Math.min(this.#lengths[i]!, DATAGRAM_MAX_BYTES);
      this.traffic.bytesReceived += length;
      this.traffic.datagramsReceived += 1;
      this.#options.onDatagram(this.#words, this.#bytes, i * SLOT_BYTES, length);
    }
    this.#options.onTurn();
  }
}

/** `struct sockaddr_in` or `sockaddr_in6`; an empty address is the wildcard. */
function socketAddress(address: Uint8Array, port: number, v6: boolean, scope: number): Uint8Array {
  const out = new Uint8Array(v6 ? 28 : 16);
  const view = new DataView(out.buffer);
  view.setUint16(0, v6 ? AF_INET6 : AF_INET, true);
  view.setUint16(2, port);
  out.set(address, v6 ? 8 : 4);
  if (v6) view.setUint32(24, scope, true);
  return out;
}

function openReceiver(options: UdpLinkOptions, own: Uint8Array, v6: boolean): number {
  const fd = check("socket", native.socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM, 0));
  try {
    check("option", setIntOption(fd, SOL_SOCKET, SO_REUSEADDR, 1));
    if (options.receiveBuffer > 0) {
      setBuffer(fd, SO_RCVBUFFORCE, SO_RCVBUF, options.receiveBuffer, "RcvSocketBuffer", options);
    }
    check("bind", native.bind(fd, own));
    return fd;
  } catch (error) {
    native.close(fd);
    throw error;
  }
}

function openSender(options: UdpLinkOptions, v6: boolean): number {
  const fd = check("socket", native.socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM, 0));
  try {
    check("option", setIntOption(fd, SOL_SOCKET, SO_NO_CHECK, options.checksum ? 0 : 1));
    if (options.sendBuffer > 0) {
      setBuffer(fd, SO_SNDBUFFORCE, SO_SNDBUF, options.sendBuffer, "SndSocketBuffer", options);
    }
    return fd;
  } catch (error) {
    native.close(fd);
    throw error;
  }
}

function setBuffer(
  fd: number,
  force: number,
  plain: number,
  bytes: number,
  clause: string,
  options: UdpLinkOptions,
): void {
  const forced = setIntOption(fd, SOL_SOCKET, force, bytes);
  if (forced === ENOPROTOOPT) return;
  if (forced !== EPERM) {
    check("option", forced);
    return;
  }
  check("option", setIntOption(fd, SOL_SOCKET, plain, bytes));
  const value = new Uint8Array(4);
  native.getOption(fd, SOL_SOCKET, plain, value);
  options.onLimitedBuffer(clause, new DataView(value.buffer).getInt32(0, true));
}

function check(call: string, result: number): number {
  if (result < 0) throw new SystemError(call, result);
  return result;
}
