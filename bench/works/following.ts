/**
 * `conntrack -E` while new flows come: what an event costs at a steady rate, and how many are lost at a high one with a
 * large buffer.
 */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DaemonKind } from "../../lab/conntrackd.ts";
import { waitFor } from "../../lab/wait.ts";
import { cpuMicroseconds } from "../measure.ts";
import { type BenchPair, withPair } from "../pair.ts";
import { CONNTRACK } from "./command-line.ts";
import { EVENT_RATE, type Readings, type Sizes, WARM_UP, type Work } from "./work.ts";

const HIGH_RATE = 50_000;
const BUFFER_BYTES = 32 << 20;
/** It has nothing to do any more when it has used no CPU for so long. */
const QUIET_MS = 400;

export const followingWorks: readonly Work[] = [{ name: "following", run: following }];

async function following(kind: DaemonKind, { events }: Sizes): Promise<Readings> {
  return withPair({ a: kind, b: kind }, async (pair) => {
    const steady = await follow(kind, pair, events, EVENT_RATE);
    const high = await follow(kind, pair, events, HIGH_RATE);
    return { "cli-event": steady.cpu, "cli-event-lost": high.lost };
  });
}

/** The daemons of the pair are not started: the node is a namespace with somewhere to send packets to. */
async function follow(kind: DaemonKind, pair: BenchPair, events: number, rate: number) {
  const argv = [CONNTRACK[kind], "-E", "-e", "NEW", "-b", `${BUFFER_BYTES}`];
  const output = openReader();
  const child = pair.a.conntrackd.namespace.spawn(argv, { stdio: ["ignore", output, "pipe"] });
  closeSync(output);
  let said = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  await waitFor(() => said.includes("NOTICE"), { what: "the event socket" });
  const pids = [child.pid ?? 0];
  await pair.open(WARM_UP, EVENT_RATE);
  await quiet(pids);
  const before = cpuMicroseconds(pids);
  await pair.open(events, rate);
  await quiet(pids);
  const spent = cpuMicroseconds(pids) - before;
  child.kill("SIGINT");
  await once(child, "close");
  const shown = Number(/: (\d+) flow events/.exec(said)?.[1]);
  const lost = WARM_UP + events - shown;
  // Those that were lost cost nothing.
  return { cpu: spent / (events - lost), lost };
}

/** The end of a pipe that somebody empties, as a script would. */
function openReader(): number {
  const path = join(tmpdir(), `fkbench-${process.pid}`);
  rmSync(path, { force: true });
  execFileSync("mkfifo", [path]);
  spawn("cat", [path], { stdio: "ignore" });
  const output = openSync(path, "w");
  rmSync(path);
  return output;
}

async function quiet(pids: readonly number[]): Promise<void> {
  let spent = -1;
  await waitFor(
    () => {
      const now = cpuMicroseconds(pids);
      const isQuiet = now === spent;
      spent = now;
      return isQuiet;
    },
    { what: "the last event", everyMs: QUIET_MS, timeoutMs: 120_000 },
  );
}
