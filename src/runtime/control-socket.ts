/**
 * The control socket: a client connects, sends the number of a request, reads text until the end.
 *
 * No client can hold up the daemon or another client: requests, answers and clients have limits.
 * What a request means is not known here. Whoever can connect may do everything, so the socket is
 * the owner's alone from the moment it exists.
 *
 * Described in: doc/control.md.
 */
import { lstatSync, unlinkSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { type Reply, SocketReply } from "./control-reply.ts";

/** Bytes of a request: a signed 32-bit integer in host byte order. */
const REQUEST_BYTES = 4;
const BACKLOG = 100;
/** Takes everything but reading and writing by the owner. */
const SOCKET_UMASK = 0o177;

export interface ControlLimits {
  /** Connections at a time; more are closed unheard. */
  readonly clients: number;
  /** From connecting to the last byte of the request. */
  readonly requestMilliseconds: number;
  /** How long a client may leave its answer unread. Somebody may be paging through it. */
  readonly idleMilliseconds: number;
}

export const CONTROL_LIMITS: ControlLimits = {
  clients: 100,
  requestMilliseconds: 5_000,
  idleMilliseconds: 300_000,
};

/** Must end the reply, now or later. Unknown codes are answered by ending it. */
export type ControlHandler = (code: number, reply: Reply) => void;

export interface ControlCounters {
  /** Clients that sent nothing. */
  localReadFailed: number;
  /** Clients past the limit. */
  refusedClients: number;
}

export interface ControlServer {
  readonly counters: Readonly<ControlCounters>;
  /** Takes no more clients and removes the socket; answers in progress go on. */
  close(): void;
  /** Also cuts the answers in progress. */
  destroy(): void;
}

/** The words of the reference; `detail` says why, in a line of its own. */
export class ControlSocketError extends Error {
  override readonly name = "ControlSocketError";
  readonly detail: string;

  constructor(detail: string, cause?: unknown) {
    super("can't open unix socket!", { cause });
    this.detail = detail;
  }
}

/**
 * Listens at `path`. A dead socket there is removed; a living one, or anything that is not a
 * socket, is left alone and refused. @throws ControlSocketError
 */
export async function openControlSocket(
  path: string,
  handler: ControlHandler,
  limits: ControlLimits = CONTROL_LIMITS,
): Promise<ControlServer> {
  await makeWay(path);
  const counters: ControlCounters = { localReadFailed: 0, refusedClients: 0 };
  const clients = new Set<Socket>();
  // Half open: a client that says "no more from me" still gets its answer.
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: false }, (socket) => {
    if (clients.size >= limits.clients) {
      counters.refusedClients += 1;
      socket.destroy();
      return;
    }
    clients.add(socket);
    socket.once("close", () => clients.delete(socket));
    serve(socket, handler, limits, counters);
  });
  await listen(server, path);
  return {
    counters,
    close: () => void server.close(),
    destroy() {
      server.close();
      for (const socket of clients) socket.destroy();
    },
  };
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    // Later errors are clients that could not be let in, for want of a descriptor: no reason to stop.
    server.on("error", (error) => reject(new ControlSocketError(error.message, error)));
    // The socket is made inside this call, so nobody ever sees it with wider rights.
    const before = process.umask(SOCKET_UMASK);
    try {
      server.listen({ path, backlog: BACKLOG }, resolve);
    } finally {
      process.umask(before);
    }
  });
}

/** Remove what a dead daemon left. */
async function makeWay(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) throw new ControlSocketError(`${path} exists and is not a socket`);
  const state = await probe(path);
  if (state === "alive") throw new ControlSocketError(`another process listens at ${path}`);
  if (state !== "dead") throw new ControlSocketError(`${path} cannot be examined: ${state}`);
  try {
    unlinkSync(path);
  } catch (error) {
    throw new ControlSocketError(`${path} cannot be removed: ${(error as Error).message}`, error);
  }
}

function probe(path: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve("alive");
    });
    socket.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ECONNREFUSED" || error.code === "ENOENT") resolve("dead");
      // A full backlog: somebody listens, and is busy.
      else resolve(error.code === "EAGAIN" ? "alive" : error.message);
    });
  });
}

function serve(
  socket: Socket,
  handler: ControlHandler,
  limits: ControlLimits,
  counters: ControlCounters,
): void {
  const request = Buffer.alloc(REQUEST_BYTES);
  let have = 0;
  let isSettled = false;
  const settle = (code: number | undefined) => {
    if (isSettled) return;
    isSettled = true;
    clearTimeout(deadline);
    if (code !== undefined) {
      handler(code, new SocketReply(socket, limits.idleMilliseconds));
      return;
    }
    if (have === 0) counters.localReadFailed += 1;
    // One to three bytes are no request anybody knows: answered with nothing, like an unknown one.
    socket.destroySoon();
  };
  const deadline = setTimeout(() => settle(undefined), limits.requestMilliseconds).unref();
  socket.on("data", (bytes) => {
    // What follows the request is thrown away: left unread, it would make the end look like a reset.
    if (isSettled) return;
    have += bytes.copy(request, have);
    if (have === REQUEST_BYTES) settle(request.readInt32LE());
  });
  socket.once("end", () => settle(undefined));
  socket.once("close", () => settle(undefined));
  // A client that vanished: "close" follows, and whoever writes learns it from the reply.
  socket.on("error", () => socket.destroy());
}
