/**
 * A dedicated link over UDP or multicast: one socket receives, another sends, as the reference does it, so
 * that the source port is ephemeral and the receiver takes datagrams from any address.
 */
import {
  EAGAIN,
  EINVAL,
  EIO,
  EMSGSIZE,
  IP_ADD_MEMBERSHIP,
  IP_MULTICAST_ALL,
  IP_MULTICAST_IF,
  IP_MULTICAST_LOOP,
  IP_MULTICAST_TTL,
  IPV6_ADD_MEMBERSHIP,
  IPV6_MULTICAST_ALL,
  IPV6_MULTICAST_HOPS,
  IPV6_MULTICAST_IF,
  IPV6_MULTICAST_LOOP,
  SOCK_DGRAM,
  SOL_IP,
  SOL_IPV6,
  SOL_UDP,
  UDP_GRO,
  UDP_SEGMENT,
} from "../../../native/constants.ts";
import * as native from "../../../native/index.ts";
import type { Outbox } from "../../sync/outbox.ts";
import { DATAGRAM_MAX_BYTES } from "../../sync/receiver.ts";
import { receiveBufferSize, setIntOption } from "../netlink-socket.ts";
import { MORE, PacedPoll } from "../paced-poll.ts";
import { TURN_MICROSECONDS } from "../turn.ts";
import { type Link, type LinkEvents, type LinkKind, type LinkOptions, newTraffic } from "./link.ts";
import {
  check,
  interfaceIndex,
  interfaceMtu,
  openSocket,
  option,
  prepareReceiver,
  prepareSender,
  socketAddress,
} from "./socket.ts";

/** IP and UDP headers; the reference counts the same for IPv6 and has its datagrams fragmented. */
const HEADERS_V4 = 28;
const HEADERS_V6 = 48;
const SLOTS = 32;
/** A turn begins with so many: each may hold the datagrams of 64 KiB, or a single small one. */
const FIRST_SLOTS = 4;
/** Room behind a datagram, so that its last padding may be read as a word. */
const SLOT_BYTES = DATAGRAM_MAX_BYTES + 4;
/** Kernels differ in what they say where segments do not fit the way. */
const CANNOT_SEGMENT: readonly number[] = [-EINVAL, -EIO, -EMSGSIZE];
/** The link is a cable: what it carries does not pass a router. */
const HOPS = 1;

interface Sockets {
  readonly receiveFd: number;
  readonly sendFd: number;
  readonly receive: PacedPoll;
  readonly send: native.Poll;
  readonly peer: Uint8Array;
}

export class DatagramLink implements Link {
  readonly kind: LinkKind;
  readonly interfaceName: string;
  readonly datagramLimit: number;
  readonly traffic = newTraffic();
  readonly #options: LinkOptions;
  readonly #events: LinkEvents;
  readonly #words = new Int32Array((SLOT_BYTES * SLOTS) / 4);
  readonly #bytes = new Uint8Array(this.#words.buffer);
  readonly #lengths = new Int32Array(SLOTS);
  readonly #segments = new Int32Array(SLOTS);
  readonly #slots: number;
  /** Datagrams of one size pass the kernel as one: where it can, and as long as it does. */
  #sendsSegments = false;
  #sockets: Sockets | undefined;

  /** @throws SystemError */
  constructor(options: LinkOptions, events: LinkEvents) {
    this.#options = options;
    this.#events = events;
    this.kind = options.kind;
    this.interfaceName = options.interfaceName;
    interfaceIndex(options.interfaceName);
    const headers = options.family === 6 ? HEADERS_V6 : HEADERS_V4;
    this.datagramLimit = interfaceMtu(options.interfaceName) - headers;
    this.#slots = Math.min(SLOTS, options.iterationLimit);
    this.#sockets = this.#open();
  }

  start(): void {
    this.#sockets?.receive.start();
  }

  close(): void {
    this.#sockets?.receive.close();
    this.#sockets?.send.close();
    this.#sockets = undefined;
  }

  reopen(): void {
    this.close();
    this.#sockets = this.#open();
    this.start();
  }

  send(outbox: Outbox, first: number): number {
    const { traffic } = this;
    let next = first;
    while (next < outbox.count) {
      const sent = this.#sendSome(outbox, next);
      if (sent === -EAGAIN) {
        this.#sockets?.send.start(native.WRITABLE);
        return next;
      }
      if (sent < 0) {
        traffic.sendErrors += 1;
        if (this.#events.onSendError()) return next;
        // The datagram is lost: the protocol finds out and asks for it again.
        next += 1;
        continue;
      }
      for (let i = next; i < next + sent; i++) traffic.bytesSent += outbox.lengths[i]!;
      traffic.datagramsSent += sent;
      next += sent;
    }
    return next;
  }

  #sendSome(outbox: Outbox, first: number): number {
    const sockets = this.#sockets;
    if (sockets === undefined) return -1;
    const { sendFd, peer } = sockets;
    const { bytes, offsets, lengths } = outbox;
    const count = outbox.count - first;
    if (this.#sendsSegments) {
      const sent = native.sendSegments(sendFd, bytes, offsets, lengths, first, count, peer);
      if (!CANNOT_SEGMENT.includes(sent)) return sent;
      // Not on this way, as when the interface's MTU has become smaller: one by one they may be fragmented.
      this.#sendsSegments = false;
    }
    return native.sendBatch(sendFd, bytes, offsets, lengths, first, count, peer);
  }

  /** Takes what is there, as much as a turn may take; answers how many datagrams, or `MORE`. */
  #receive(fd: number): number {
    const { traffic } = this;
    const before = traffic.datagramsReceived;
    let accepted = false;
    let isFull: boolean;
    let wanted = Math.min(this.#slots, FIRST_SLOTS);
    let now = native.turnTime();
    do {
      const began = now;
      const count = native.receiveSegments(
        fd,
        this.#bytes,
        SLOT_BYTES,
        wanted,
        this.#lengths,
        this.#segments,
      );
      if (count < 0 && count !== -EAGAIN) traffic.receiveErrors += 1;
      if (count > 0 && this.#take(count)) accepted = true;
      isFull = count === wanted;
      now = native.turnTime();
      // The next ones may take as long as these did.
      const fitting = Math.ceil(((TURN_MICROSECONDS - now) * count) / Math.max(1, now - began));
      wanted = Math.min(this.#slots, fitting);
    } while (isFull && wanted > 0);
    const taken = traffic.datagramsReceived - before;
    if (taken > 0) this.#events.onTurn(accepted);
    return isFull ? MORE : taken;
  }

  /** Whether any of the datagrams in the first `count` slots was what this link is for. */
  #take(count: number): boolean {
    let accepted = false;
    let bytes = 0;
    for (let i = 0; i < count; i++) {
      const length = Math.min(this.#lengths[i]!, DATAGRAM_MAX_BYTES);
      const segment = this.#segments[i]! || length;
      bytes += length;
      let at = 0;
      do {
        const size = Math.min(segment, length - at);
        this.traffic.datagramsReceived += 1;
        if (this.#events.onMessages(this.#words, this.#bytes, i * SLOT_BYTES + at, size)) {
          accepted = true;
        }
        at += segment;
      } while (at < length);
    }
    this.traffic.bytesReceived += bytes;
    return accepted;
  }

  #open(): Sockets {
    const options = this.#options;
    const isMulticast = options.kind === "multicast";
    const own = socketAddress(options, options.address);
    const peer = isMulticast ? own : socketAddress(options, options.peer);
    const sendFd = openSocket(options, SOCK_DGRAM, (fd) => {
      prepareSender(fd, options, this.#events);
      if (isMulticast) sendToGroup(fd, options);
    });
    // The kernel segments no datagrams without a checksum; before 4.18 it would send them as one.
    this.#sendsSegments = options.checksum && setIntOption(sendFd, SOL_UDP, UDP_SEGMENT, 0) === 0;
    let receiveFd: number;
    try {
      receiveFd = openSocket(options, SOCK_DGRAM, (fd) => {
        prepareReceiver(fd, options, this.#events);
        // Before 5.0 there is no such option: datagrams come one by one.
        setIntOption(fd, SOL_UDP, UDP_GRO, 1);
        check("bind", native.bind(fd, own));
        if (isMulticast) joinGroup(fd, options);
      });
    } catch (error) {
      native.close(sendFd);
      throw error;
    }
    const receive = new PacedPoll({
      fd: receiveFd,
      look: () => this.#receive(receiveFd),
    });
    receive.bufferBytes = receiveBufferSize(receiveFd);
    const send = new native.Poll(sendFd, () => {
      send.stop();
      this.#events.onWritable();
    });
    return { receiveFd, sendFd, receive, send, peer };
  }
}

/** Only what this interface receives: another link may have the same group on another interface. */
function joinGroup(fd: number, options: LinkOptions): void {
  if (options.family === 6) {
    const membership = new Uint8Array(20);
    membership.set(options.address);
    const index = interfaceIndex(options.interfaceName);
    new DataView(membership.buffer).setInt32(16, index, true);
    option(fd, SOL_IPV6, IPV6_MULTICAST_ALL, 0);
    check("membership", native.setOption(fd, SOL_IPV6, IPV6_ADD_MEMBERSHIP, membership));
    return;
  }
  option(fd, SOL_IP, IP_MULTICAST_ALL, 0);
  check("membership", native.setOption(fd, SOL_IP, IP_ADD_MEMBERSHIP, memberRequest(options)));
}

function sendToGroup(fd: number, options: LinkOptions): void {
  if (options.family === 6) {
    option(fd, SOL_IPV6, IPV6_MULTICAST_LOOP, 0);
    option(fd, SOL_IPV6, IPV6_MULTICAST_HOPS, HOPS);
    option(fd, SOL_IPV6, IPV6_MULTICAST_IF, interfaceIndex(options.interfaceName));
    return;
  }
  option(fd, SOL_IP, IP_MULTICAST_LOOP, 0);
  option(fd, SOL_IP, IP_MULTICAST_TTL, HOPS);
  check("option", native.setOption(fd, SOL_IP, IP_MULTICAST_IF, memberRequest(options)));
}

/** `struct ip_mreqn`. `IPv4_interface` names the interface by its address; without it, `Interface` does. */
function memberRequest({ address, memberAddress, interfaceName }: LinkOptions): Uint8Array {
  const request = new Uint8Array(12);
  request.set(address);
  if (memberAddress.length === 4) request.set(memberAddress, 4);
  else new DataView(request.buffer).setInt32(8, interfaceIndex(interfaceName), true);
  return request;
}
