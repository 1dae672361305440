/**
 * The receiving half of a TCP link: the peer's connection to us. It is read from and never written to.
 *
 * One peer at a time: a new connection takes the place of the old one, because a peer that was restarted
 * does not end the connection of its former life. What had arrived on the old one is read first.
 */
import { EAGAIN, ECONNABORTED, SOCK_STREAM } from "../../../native/constants.ts";
import * as native from "../../../native/index.ts";
import { MessageStream } from "../../sync/stream.ts";
import type { LinkEvents, LinkOptions, LinkTraffic } from "./link.ts";
import { check, openSocket, prepareReceiver, socketAddress } from "./socket.ts";
import { keepWatch } from "./tcp-sender.ts";

/** Connections that wait to be accepted. */
const BACKLOG = 1;
/** Without descriptors nobody can be accepted; the next look comes later, or we would spin. */
const ACCEPT_PAUSE_MS = 1000;
/** Reads of a connection that is being replaced: more than a socket buffer holds would be no end. */
const LAST_READS = 64;

export class TcpReceiver {
  readonly #events: LinkEvents;
  readonly #traffic: LinkTraffic;
  readonly #onPeer: () => void;
  readonly #stream = new MessageStream();
  readonly #listenFd: number;
  readonly #listener: native.Poll;
  #fd = -1;
  #connection: native.Poll | undefined;
  #pause: NodeJS.Timeout | undefined;

  /** `onPeer` is called when a peer has connected. @throws SystemError */
  constructor(options: LinkOptions, events: LinkEvents, traffic: LinkTraffic, onPeer: () => void) {
    this.#events = events;
    this.#traffic = traffic;
    this.#onPeer = onPeer;
    const own = socketAddress(options, options.address);
    this.#listenFd = openSocket(options, SOCK_STREAM, (fd) => {
      prepareReceiver(fd, options, events);
      keepWatch(fd); // What it accepts inherits this.
      check("bind", native.bind(fd, own));
      check("listen", native.listen(fd, BACKLOG));
    });
    this.#listener = new native.Poll(this.#listenFd, () => this.#accept());
  }

  get isConnected(): boolean {
    return this.#connection !== undefined;
  }

  start(): void {
    this.#listener.start(native.READABLE);
  }

  close(): void {
    clearTimeout(this.#pause);
    this.#listener.close();
    this.#disconnect();
  }

  #accept(): void {
    const fd = native.accept(this.#listenFd);
    if (fd < 0) {
      if (fd === -EAGAIN || fd === -ECONNABORTED) return;
      this.#traffic.receiveErrors += 1;
      this.#listener.stop();
      this.#pause = setTimeout(() => this.start(), ACCEPT_PAUSE_MS);
      return;
    }
    for (let i = 0; i < LAST_READS && this.#read(); i++);
    this.#disconnect();
    this.#fd = fd;
    this.#connection = new native.Poll(fd, () => this.#read());
    this.#connection.start(native.READABLE);
    this.#onPeer();
  }

  /** One read. False: there was nothing, or the connection has ended. */
  #read(): boolean {
    if (this.#connection === undefined) return false;
    const stream = this.#stream;
    const traffic = this.#traffic;
    const count = native.receive(this.#fd, stream.bytes, stream.held, stream.room);
    if (count === -EAGAIN) return false;
    if (count <= 0) {
      // The end of the stream counts as something that was received, as the reference counts it.
      if (count === 0) traffic.datagramsReceived += 1;
      else traffic.receiveErrors += 1;
      this.#disconnect();
      return false;
    }
    traffic.bytesReceived += count;
    traffic.datagramsReceived += 1;
    const whole = stream.append(count);
    const accepted = whole > 0 && this.#events.onMessages(stream.words, stream.bytes, 0, whole);
    stream.release(whole);
    if (stream.isBroken) {
      traffic.receiveErrors += 1;
      this.#disconnect();
    }
    this.#events.onTurn(accepted);
    return this.#connection !== undefined;
  }

  /** What is incomplete is forgotten: the next connection begins with a message. */
  #disconnect(): void {
    this.#connection?.close();
    this.#connection = undefined;
    this.#fd = -1;
    this.#stream.reset();
  }
}
