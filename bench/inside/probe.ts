/**
 * Asks a daemon for a short report, again and again, and notes the longest wait for an answer: how long its loop has
 * been elsewhere. A look from outside, the same for every kind.
 *
 * One request at a time, at most one a millisecond, until standard input ends. Without Node's loop and sockets, whose own
 * waits would count: nothing here is asynchronous until the answer is there.
 */
import {
  close,
  connect,
  errnoText,
  receive,
  send,
  setScheduler,
  socket,
} from "../../native/index.ts";
import { unixAddress } from "../../src/runtime/unix-address.ts";
import { pause } from "./packets.ts";

export interface Probe {
  readonly socketPath: string;
}

export interface ProbeReport {
  readonly answers: number;
  readonly longestMs: number;
}

/** `-s runtime`: a few lines, whatever the size of the table and of the queues. */
const REQUEST = Buffer.from([30, 0, 0, 0]);
const PAUSE_MS = 1;
/** How often it is looked whether the answer is there. */
const LOOK_MS = 0.1;
const PATIENCE_MS = 60_000;
/** So many answers are the warm-up of this process. */
const WARM_UP = 200;
const AF_UNIX = 1;
const SOCK_STREAM = 1;
const EAGAIN = -11;
const SCHED_FIFO = 1;
const PRIORITY = 50;

export async function probe({ socketPath }: Probe): Promise<ProbeReport> {
  let isOver = false;
  process.stdin.resume().once("end", () => {
    isOver = true;
  });
  // The daemons run in real time, with the lowest priority: the wait of this process for a processor must not count.
  if (setScheduler(SCHED_FIFO, PRIORITY) < 0) throw new Error("the probe cannot run in real time");
  const address = unixAddress(socketPath);
  if (address === undefined) throw new Error(`${socketPath} is too long for a socket`);
  let answers = -WARM_UP;
  let longestMs = 0;
  while (!isOver) {
    const waited = ask(address);
    answers += 1;
    if (answers === 0) process.stdout.write("ready\n");
    if (answers > 0) longestMs = Math.max(longestMs, waited);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  return { answers, longestMs };
}

const answer = Buffer.alloc(1 << 16);

/** Milliseconds until the first bytes of the answer. */
function ask(address: Uint8Array): number {
  const started = performance.now();
  const fd = socket(AF_UNIX, SOCK_STREAM, 0);
  try {
    patiently(started, () => connect(fd, address));
    patiently(started, () => send(fd, REQUEST, 0, REQUEST.length));
    patiently(started, () => receive(fd, answer, 0, answer.length));
    return performance.now() - started;
  } finally {
    close(fd);
  }
}

/** Does it again for as long as it would have to wait. */
function patiently(started: number, call: () => number): void {
  for (;;) {
    const result = call();
    if (result >= 0) return;
    if (result !== EAGAIN || performance.now() - started > PATIENCE_MS) {
      throw new Error(`the daemon does not answer: ${errnoText(-result)}`);
    }
    pause(LOOK_MS);
  }
}
