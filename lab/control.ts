/** Requests to a daemon's control socket without a client program: for who asks often. */
import { connect } from "node:net";
import type { RequestCode } from "../src/kit/request-code.ts";

/** The whole answer. Rejects where nobody listens. */
export function ask(socketPath: string, code: RequestCode): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(socketPath);
    const parts: Buffer[] = [];
    const request = Buffer.alloc(4);
    request.writeInt32LE(code);
    socket.on("data", (bytes) => parts.push(bytes));
    socket.on("error", reject);
    socket.on("close", () => resolve(Buffer.concat(parts).toString("latin1")));
    socket.write(request);
  });
}
