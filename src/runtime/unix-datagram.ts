/**
 * One datagram to a local socket: what syslog and systemd listen on and Node cannot reach.
 *
 * Nothing is retried and nothing waits: a listener that is gone or slow loses the datagram, and the
 * caller learns it from the negative errno.
 */

import { AF_UNIX } from "../../native/constants.ts";
import { unixAddress } from "./unix-address.ts";

/** The calls of the native addon that are needed here; a test lends its own. */
export interface DatagramCalls {
  socket(domain: number, type: number, protocol: number): number;
  sendTo(fd: number, bytes: Uint8Array, address: Uint8Array): number;
  close(fd: number): number;
}

const SOCK_DGRAM = 2;
const EINVAL = 22;

export class UnixDatagram {
  readonly #calls: DatagramCalls;
  readonly #address: Uint8Array | undefined;
  #fd = -1;

  constructor(calls: DatagramCalls, path: string) {
    this.#calls = calls;
    this.#address = unixAddress(path);
  }

  /** The bytes sent, or a negative errno. */
  send(bytes: Uint8Array): number {
    if (this.#address === undefined) return -EINVAL;
    if (this.#fd < 0) this.#fd = this.#calls.socket(AF_UNIX, SOCK_DGRAM, 0);
    return this.#fd < 0 ? this.#fd : this.#calls.sendTo(this.#fd, bytes, this.#address);
  }

  close(): void {
    if (this.#fd >= 0) this.#calls.close(this.#fd);
    this.#fd = -1;
  }
}
