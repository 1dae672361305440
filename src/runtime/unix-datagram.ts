/**
 * One datagram to a local socket: what syslog and systemd listen on and Node cannot reach.
 *
 * Nothing is retried and nothing waits: a listener that is gone or slow loses the datagram, and the
 * caller learns it from the negative errno.
 */

/** The calls of the native addon that are needed here; a test lends its own. */
export interface DatagramCalls {
  socket(domain: number, type: number, protocol: number): number;
  sendTo(fd: number, bytes: Uint8Array, address: Uint8Array): number;
  close(fd: number): number;
}

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const EINVAL = 22;
/** `sun_path`, with its NUL for a path in the file system. */
const PATH_MAX_BYTES = 108;

/** `struct sockaddr_un`. `@name` is an abstract socket. Undefined: empty or too long. */
export function unixAddress(path: string): Uint8Array | undefined {
  const name = new TextEncoder().encode(path);
  const isAbstract = path.startsWith("@");
  const size = isAbstract ? name.length : name.length + 1;
  if (name.length === 0 || size > PATH_MAX_BYTES) return undefined;
  const address = new Uint8Array(2 + size);
  address[0] = AF_UNIX;
  address.set(name, 2);
  if (isAbstract) address[2] = 0;
  return address;
}

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
