/**
 * Asks a daemon for a short report, again and again, and notes the longest wait for an answer: how long its loop has
 * been elsewhere. A look from outside, the same for every kind.
 *
 * One request at a time, at most one a millisecond, until standard input ends.
 */
import { once } from "node:events";
import { connect } from "node:net";

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
/** So many answers are the warm-up of this process. */
const WARM_UP = 200;

export async function probe({ socketPath }: Probe): Promise<ProbeReport> {
  let isOver = false;
  process.stdin.resume().once("end", () => {
    isOver = true;
  });
  let answers = -WARM_UP;
  let longestMs = 0;
  while (!isOver) {
    const started = performance.now();
    await ask(socketPath);
    answers += 1;
    if (answers === 0) process.stdout.write("ready\n");
    if (answers > 0) longestMs = Math.max(longestMs, performance.now() - started);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  return { answers, longestMs };
}

async function ask(path: string): Promise<void> {
  const socket = connect(path);
  socket.resume();
  socket.write(REQUEST);
  await once(socket, "close");
}
