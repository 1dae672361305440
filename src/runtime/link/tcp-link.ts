/**
 * A dedicated link over TCP: two connections, one for each direction. Each node connects to the other and
 * only writes there; it accepts the other's connection and only reads there.
 *
 * Described in: doc/sync/machines.md, "TCP links".
 */
import { MESSAGE_MAX_BYTES, type Outbox } from "../../sync/outbox.ts";
import { type Link, type LinkEvents, type LinkOptions, newTraffic } from "./link.ts";
import { SendQueue } from "./send-queue.ts";
import { interfaceIndex, interfaceMtu } from "./socket.ts";
import { TcpReceiver } from "./tcp-receiver.ts";
import { TcpSender } from "./tcp-sender.ts";

/** IP and TCP headers. */
const HEADERS_V4 = 40;
const HEADERS_V6 = 60;

export class TcpLink implements Link {
  readonly kind = "TCP";
  readonly interfaceName: string;
  readonly datagramLimit: number;
  readonly traffic = newTraffic();
  readonly queue: SendQueue;
  readonly #options: LinkOptions;
  readonly #events: LinkEvents;
  readonly #sender: TcpSender;
  #receiver: TcpReceiver | undefined;

  /** @throws SystemError */
  constructor(options: LinkOptions, events: LinkEvents) {
    this.#options = options;
    this.#events = events;
    this.interfaceName = options.interfaceName;
    interfaceIndex(options.interfaceName);
    const headers = options.family === 6 ? HEADERS_V6 : HEADERS_V4;
    this.datagramLimit = interfaceMtu(options.interfaceName) - headers;
    const most = Math.max(this.datagramLimit, MESSAGE_MAX_BYTES);
    this.queue = new SendQueue(options.queueLength, most);
    this.#receiver = this.#listen();
    this.#sender = new TcpSender(options, events, this.traffic, this.queue);
  }

  /** The peer is connected to us. */
  get isServerConnected(): boolean {
    return this.#receiver?.isConnected ?? false;
  }

  /** We are connected to the peer. */
  get isClientConnected(): boolean {
    return this.#sender.isConnected;
  }

  start(): void {
    this.#receiver?.start();
    this.#sender.connect();
  }

  send(outbox: Outbox, first: number): number {
    return this.#sender.send(outbox, first);
  }

  /** Take over what another link could not send. How many datagrams found no room. */
  adopt(other: TcpLink): number {
    const lost = this.queue.count === 0 ? other.queue.moveTo(this.queue) : other.queue.count;
    other.queue.clear();
    this.#sender.flush();
    return lost;
  }

  reopen(): void {
    this.#receiver?.close();
    this.#receiver = undefined;
    this.#receiver = this.#listen();
    this.#receiver.start();
    this.#sender.reconnect();
  }

  close(): void {
    this.#receiver?.close();
    this.#sender.close();
  }

  #listen(): TcpReceiver {
    const onPeer = () => this.#sender.connect();
    return new TcpReceiver(this.#options, this.#events, this.traffic, onPeer);
  }
}
