/** A local datagram socket that takes down what it is sent: systemd and the system log, as far as a daemon sees them. */
import { rmSync } from "node:fs";
import { bind, close, receive, socket } from "../../native/index.ts";
import { unixAddress } from "../../src/runtime/unix-address.ts";

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const MESSAGE_MAX_BYTES = 16_384;

export class Listener {
  readonly path: string;
  readonly #fd: number;
  readonly #buffer = new Uint8Array(MESSAGE_MAX_BYTES);
  readonly #messages: string[] = [];

  constructor(path: string) {
    const address = unixAddress(path);
    this.path = path;
    this.#fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    if (address === undefined || this.#fd < 0 || bind(this.#fd, address) < 0) {
      throw new Error(`cannot listen at ${path}`);
    }
  }

  /** Everything that has come so far, oldest first. */
  get messages(): readonly string[] {
    for (;;) {
      const length = receive(this.#fd, this.#buffer, 0, MESSAGE_MAX_BYTES);
      if (length < 0) return this.#messages;
      this.#messages.push(Buffer.from(this.#buffer.subarray(0, length)).toString());
    }
  }

  close(): void {
    close(this.#fd);
    rmSync(this.path, { force: true });
  }
}
