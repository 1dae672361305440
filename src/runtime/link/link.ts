/**
 * What every kind of dedicated link is to the rest of the daemon.
 *
 * Described in: doc/sync/machines.md, "Dedicated links".
 */
import type { Outbox } from "../../sync/outbox.ts";

export type LinkKind = "UDP" | "multicast" | "TCP";

export interface LinkOptions {
  readonly kind: LinkKind;
  readonly interfaceName: string;
  readonly family: 4 | 6;
  /** To bind, or the multicast group: 4 or 16 bytes; empty: any. */
  readonly address: Uint8Array;
  /** Of the other node; unused by multicast. */
  readonly peer: Uint8Array;
  /** Address of the interface that joins an IPv4 group; empty: the interface itself tells. */
  readonly memberAddress: Uint8Array;
  readonly port: number;
  readonly checksum: boolean;
  /** Bytes; 0: what the system gives. */
  readonly sendBuffer: number;
  readonly receiveBuffer: number;
  /** Most datagrams that wait for a TCP connection. */
  readonly queueLength: number;
  /** Most datagrams of one turn. */
  readonly iterationLimit: number;
}

export interface LinkEvents {
  /** Whole messages arrived, and there is room of four bytes behind them. True: one of them was accepted. */
  readonly onMessages: (
    words: Int32Array,
    bytes: Uint8Array,
    at: number,
    length: number,
  ) => boolean;
  /** What had arrived was taken. */
  readonly onTurn: (accepted: boolean) => void;
  /** There is room again for what could not be sent. */
  readonly onWritable: () => void;
  /** A datagram cannot be sent. True: leave it to another link. */
  readonly onSendError: () => boolean;
  /** The system refused to force a buffer and gave what its limit allows. */
  readonly onLimitedBuffer: (clause: string, bytes: number) => void;
}

export interface LinkTraffic {
  bytesSent: number;
  bytesReceived: number;
  /** Datagrams, or calls on a stream. */
  datagramsSent: number;
  datagramsReceived: number;
  sendErrors: number;
  receiveErrors: number;
}

export interface Link {
  readonly kind: LinkKind;
  readonly interfaceName: string;
  /** Bytes a datagram must stay below. */
  readonly datagramLimit: number;
  readonly traffic: LinkTraffic;
  start(): void;
  /**
   * Send datagrams of the outbox from number `first` on. The number of the first that was not taken: the
   * count when all are; less when there is no room, and then `onWritable` follows.
   */
  send(outbox: Outbox, first: number): number;
  /** The interface came back as another one of the same name: make the sockets anew. @throws SystemError */
  reopen(): void;
  close(): void;
}

export function newTraffic(): LinkTraffic {
  return {
    bytesSent: 0,
    bytesReceived: 0,
    datagramsSent: 0,
    datagramsReceived: 0,
    sendErrors: 0,
    receiveErrors: 0,
  };
}
