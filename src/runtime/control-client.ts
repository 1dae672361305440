/**
 * The client's side of the control socket: send the number of a request, print what comes back.
 *
 * It starts with every `conntrackd -s`. `node:net` is not used: it costs milliseconds of start-up.
 *
 * Described in: doc/control.md.
 */
import { AF_UNIX, EAGAIN, SOCK_STREAM } from "../../native/constants.ts";
import * as native from "../../native/index.ts";
import { unixFileAddress } from "./unix-address.ts";

export const CANNOT_CONNECT = "can't connect: is conntrackd running? appropriate permissions?";

const REQUEST_BYTES = 4;
const PIECE_BYTES = 65_536;

export interface ClientResult {
  /** 0 once the request was handed over, whatever the daemon did with it; else 1. */
  readonly exitCode: 0 | 1;
  /** For standard error, at level ERROR. */
  readonly message?: string;
}

/** `write` gets the answer piece by piece, each in the same memory, and takes its time. Never rejects. */
export function requestDaemon(
  path: string,
  code: number,
  write: (bytes: Uint8Array) => void,
): Promise<ClientResult> {
  const fd = handOver(path, code);
  if (fd < 0) return Promise.resolve({ exitCode: 1, message: CANNOT_CONNECT });
  return new Promise((resolve) => {
    const bytes = new Uint8Array(PIECE_BYTES);
    const poll = new native.Poll(fd, () => {
      const count = native.receive(fd, bytes, 0, bytes.length);
      if (count === -EAGAIN) return;
      if (count > 0) {
        write(bytes.subarray(0, count));
        return;
      }
      // The end of the answer; a connection that broke off is one, too.
      poll.close();
      resolve({ exitCode: 0 });
    });
    poll.start(native.READABLE);
  });
}

/** A connection on which the daemon has got the request, or a negative number. */
function handOver(path: string, code: number): number {
  const address = unixFileAddress(path);
  if (address === undefined) return -1;
  const fd = native.socket(AF_UNIX, SOCK_STREAM, 0);
  if (fd < 0) return fd;
  const request = new Uint8Array(REQUEST_BYTES);
  new DataView(request.buffer).setInt32(0, code, true);
  if (native.connect(fd, address) === 0 && native.send(fd, request, 0, REQUEST_BYTES) > 0)
    return fd;
  native.close(fd);
  return -1;
}
