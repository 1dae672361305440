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
import {
  AF_UNIX,
  EAGAIN,
  ECONNREFUSED,
  EMFILE,
  ENOENT,
  SOCK_STREAM,
} from "../../native/constants.ts";
import * as native from "../../native/index.ts";
import {
  type ConnectionEvents,
  type ConnectionLimits,
  ControlConnection,
} from "./control-connection.ts";
import type { Reply } from "./control-reply.ts";
import { unixFileAddress } from "./unix-address.ts";

const BACKLOG = 100;
/** So many are let in before others have their turn. */
const CLIENTS_OF_TURN = 16;
/** When nobody can be let in, and nobody be turned away, it is tried again so much later. */
const PAUSE_MS = 100;
/** Takes everything but reading and writing by the owner. */
const SOCKET_UMASK = 0o177;

export interface ControlLimits extends ConnectionLimits {
  /** Connections at a time; more are closed unheard. */
  readonly clients: number;
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

/** The words of the reference; `detail` says why, in a line of its own. */
export class ControlSocketError extends Error {
  override readonly name = "ControlSocketError";
  readonly detail: string;

  constructor(detail: string, cause?: unknown) {
    super("can't open unix socket!", { cause });
    this.detail = detail;
  }
}

export class ControlServer {
  readonly counters: ControlCounters = { localReadFailed: 0, refusedClients: 0 };
  readonly #path: string;
  readonly #fd: number;
  readonly #poll: native.Poll;
  readonly #limits: ControlLimits;
  readonly #events: ConnectionEvents;
  readonly #clients = new Set<ControlConnection>();
  /** Kept for a client that no descriptor is left for: it is turned away, where it would wait for an answer for ever. */
  #spareFd: number;
  #pause: NodeJS.Timeout | undefined;
  #isClosed = false;

  /**
   * Listens at `path`. A dead socket there is removed; a living one, or anything that is not a
   * socket, is left alone and refused. @throws ControlSocketError
   */
  constructor(path: string, onRequest: ControlHandler, limits: ControlLimits = CONTROL_LIMITS) {
    this.#path = path;
    this.#limits = limits;
    this.#events = {
      onRequest,
      onSilence: () => {
        this.counters.localReadFailed += 1;
      },
    };
    this.#fd = listen(path);
    this.#poll = new native.Poll(this.#fd, this.#accept);
    this.#spareFd = openSpare();
    const started = this.#poll.start(native.READABLE);
    if (started >= 0) return;
    this.close();
    succeed("epoll", started);
  }

  /** Takes no more clients and removes the socket; answers in progress go on. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#pause);
    this.#poll.close();
    native.close(this.#spareFd);
    try {
      unlinkSync(this.#path);
    } catch {
      // Somebody has removed it.
    }
  }

  /** Also cuts the answers in progress. */
  destroy(): void {
    this.close();
    for (const client of this.#clients) client.destroy();
  }

  readonly #accept = (): void => {
    for (let i = 0; i < CLIENTS_OF_TURN && !this.#isClosed; i++) {
      const fd = native.accept(this.#fd);
      if (fd >= 0) {
        this.#serve(fd);
      } else if (fd === -EMFILE && this.#spareFd >= 0) {
        this.#turnAway();
      } else {
        // Who stays in the queue would be told again at once, and for ever.
        if (fd !== -EAGAIN) this.#rest();
        return;
      }
    }
  };

  #turnAway(): void {
    native.close(this.#spareFd);
    native.close(native.accept(this.#fd));
    this.#spareFd = openSpare();
  }

  #rest(): void {
    this.#poll.stop();
    this.#pause = setTimeout(() => {
      if (this.#spareFd < 0) this.#spareFd = openSpare();
      this.#poll.start(native.READABLE);
    }, PAUSE_MS);
  }

  #serve(fd: number): void {
    if (this.#clients.size >= this.#limits.clients) {
      this.counters.refusedClients += 1;
      native.close(fd);
      return;
    }
    const client = new ControlConnection(fd, this.#limits, this.#events);
    this.#clients.add(client);
    client.onClose(() => this.#clients.delete(client));
    client.start();
  }
}

/** A descriptor of no use, or a negative number. */
function openSpare(): number {
  return native.socket(AF_UNIX, SOCK_STREAM, 0);
}

/** A descriptor that listens. @throws ControlSocketError */
function listen(path: string): number {
  const address = unixFileAddress(path);
  if (address === undefined) throw new ControlSocketError(`${path} is too long for a socket`);
  makeWay(path, address);
  const fd = succeed("socket", native.socket(AF_UNIX, SOCK_STREAM, 0));
  // The socket is made inside this call, so nobody ever sees it with wider rights.
  const before = process.umask(SOCKET_UMASK);
  try {
    succeed(`bind ${path}`, native.bind(fd, address));
    succeed("listen", native.listen(fd, BACKLOG));
    return fd;
  } catch (error) {
    native.close(fd);
    throw error;
  } finally {
    process.umask(before);
  }
}

/** @throws ControlSocketError */
function succeed(call: string, result: number): number {
  if (result < 0) throw new ControlSocketError(`${call}: ${native.errnoText(result)}`);
  return result;
}

/** Remove what a dead daemon left. @throws ControlSocketError */
function makeWay(path: string, address: Uint8Array): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) throw new ControlSocketError(`${path} exists and is not a socket`);
  const answer = probe(address);
  // A full backlog: somebody listens, and is busy.
  if (answer >= 0 || answer === -EAGAIN) {
    throw new ControlSocketError(`another process listens at ${path}`);
  }
  if (answer !== -ECONNREFUSED && answer !== -ENOENT) {
    throw new ControlSocketError(`${path} cannot be examined: ${native.errnoText(answer)}`);
  }
  try {
    unlinkSync(path);
  } catch (error) {
    throw new ControlSocketError(`${path} cannot be removed: ${(error as Error).message}`, error);
  }
}

/** What a client is told that connects. */
function probe(address: Uint8Array): number {
  const fd = native.socket(AF_UNIX, SOCK_STREAM, 0);
  if (fd < 0) return fd;
  const answer = native.connect(fd, address);
  native.close(fd);
  return answer;
}
