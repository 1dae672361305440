/**
 * What our daemon allocates for an event, read from the trace of its garbage collector: every kind of event, of TCP
 * connections that are opened, used and closed.
 *
 * A collection is forced before and after, so that the trace accounts for every byte between. Nobody asks the daemons
 * for anything meanwhile: an answer is text, and text is allocated.
 */
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type DaemonKind, projectRoot } from "../../lab/conntrackd.ts";
import { waitFor } from "../../lab/wait.ts";
import { EVENTS_PER_CONNECTION } from "../inside/tcp.ts";
import { cpuMicroseconds } from "../measure.ts";
import type { BenchNode } from "../node.ts";
import { withPair } from "../pair.ts";
import { EVENT_RATE, type Readings, type Sizes, type Work } from "./work.ts";

const POOL = 20_000;
/** The daemon counts as idle when it has used less than this in a second. */
const IDLE_MICROSECONDS = 20_000;
/** Loaded before the daemon, which knows nothing of it. */
const COLLECT_ON_SIGNAL = 'data:text/javascript,process.on("SIGUSR2",()=>gc())';

/** Node 20 calls it `mc`, later ones `ms`. */
const FULL_COLLECTION = / gc=m[cs] /;

export const allocationWorks: readonly Work[] = [
  { name: "allocation", rounds: 1, run: allocation },
];

async function allocation(kind: DaemonKind, { traced }: Sizes): Promise<Readings> {
  if (kind === "reference") return {};
  return withPair({ a: kind, b: kind }, async (pair) => {
    const nodes = [pair.a, pair.b] as const;
    for (const node of nodes) await startTraced(node);
    const rate = EVENT_RATE / EVENTS_PER_CONNECTION;
    await pair.connections({ count: POOL * 3, pool: POOL, rate });
    await pair.settle(POOL);
    for (const node of nodes) await collect(node);
    const before = nodes.map(allocatedBytes);
    await pair.connections({ count: traced / EVENTS_PER_CONNECTION, pool: POOL, rate });
    for (const node of nodes) await collect(node);
    const [active = Number.NaN, backup = Number.NaN] = nodes.map(
      (node, i) => (allocatedBytes(node) - (before[i] ?? 0)) / traced,
    );
    if ((await pair.a.overruns()) > 0)
      throw new Error("events were lost: the figure means nothing");
    return { "allocation-active": active, "allocation-backup": backup };
  });
}

/** In the foreground: the launcher of `-d` hands no options of Node on. */
async function startTraced({ conntrackd }: BenchNode): Promise<void> {
  const trace = openSync(traceOf(conntrackd), "w");
  const flags = ["--trace-gc", "--trace-gc-nvp", "--expose-gc", `--import=${COLLECT_ON_SIGNAL}`];
  const program = join(projectRoot, "dist/conntrackd.cjs");
  const words = [process.execPath, ...flags, program, "-C", conntrackd.configPath];
  conntrackd.namespace.spawn(words, { stdio: ["ignore", trace, trace] });
  closeSync(trace);
  await waitFor(async () => (await conntrackd.command("-s")).status === 0, {
    what: "the traced daemon to answer",
  });
}

/** Waits until the daemon has nothing to do, then makes it collect. */
async function collect({ conntrackd }: BenchNode): Promise<void> {
  const pids = conntrackd.pids();
  let before = Number.NEGATIVE_INFINITY;
  const isIdle = () => {
    const now = cpuMicroseconds(pids);
    const spent = now - before;
    before = now;
    return spent < IDLE_MICROSECONDS;
  };
  await waitFor(isIdle, { what: "an idle daemon", timeoutMs: 60_000, everyMs: 1000 });
  const lines = () => readFileSync(traceOf(conntrackd), "utf8").split(FULL_COLLECTION).length;
  const collected = lines();
  for (const pid of pids) process.kill(pid, "SIGUSR2");
  await waitFor(() => lines() > collected, { what: "a collection" });
}

/** All that has been allocated until the last collection. */
function allocatedBytes({ conntrackd }: BenchNode): number {
  const text = readFileSync(traceOf(conntrackd), "utf8");
  // The trace prints a small negative number, where a collection has freed what it did not count, without its sign.
  const signed = (bytes = "0") => Number(BigInt.asIntN(64, BigInt(bytes)));
  return [...text.matchAll(/ allocated=(\d+)/g)].reduce((sum, [, bytes]) => sum + signed(bytes), 0);
}

function traceOf({ logPath }: BenchNode["conntrackd"]): string {
  return `${logPath}.trace`;
}
