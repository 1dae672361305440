/**
 * The client's side of the control socket: send the number of a request, print what comes back.
 *
 * It starts with every `conntrackd -s`, so it loads nothing but the socket.
 *
 * Described in: doc/control.md.
 */
import { connect } from "node:net";

export const CANNOT_CONNECT = "can't connect: is conntrackd running? appropriate permissions?";

/** Standard output, or what a test lends. */
export interface ClientOutput {
  write(bytes: Uint8Array): boolean;
  once(event: "drain", listener: () => void): unknown;
  once(event: "error", listener: (error: Error) => void): unknown;
}

export interface ClientResult {
  /** 0 once the request was handed over, whatever the daemon did with it; else 1. */
  readonly exitCode: 0 | 1;
  /** For standard error, at level ERROR. */
  readonly message?: string;
}

/** Never rejects. */
export function requestDaemon(
  path: string,
  code: number,
  output: ClientOutput,
): Promise<ClientResult> {
  return new Promise((resolve) => {
    if (path === "") {
      resolve({ exitCode: 1, message: CANNOT_CONNECT });
      return;
    }
    let isSent = false;
    const request = Buffer.alloc(4);
    request.writeInt32LE(code);
    const socket = connect(path);
    socket.once("connect", () => {
      socket.write(request, (error) => {
        isSent = error == null;
      });
    });
    socket.on("data", (bytes) => {
      if (output.write(bytes)) return;
      socket.pause();
      output.once("drain", () => socket.resume());
    });
    // The reader of our output has gone (`| head`): nothing is left to do, and nothing is wrong.
    output.once("error", () => socket.destroy());
    socket.once("error", () => {
      // The end is told by "close".
    });
    socket.once("close", () => {
      resolve(isSent ? { exitCode: 0 } : { exitCode: 1, message: CANNOT_CONNECT });
    });
  });
}
