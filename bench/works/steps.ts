/** Steps that several works share. */
import { waitFor } from "../../lab/wait.ts";
import { EVENTS_PER_CONNECTION, UPDATES_PER_CONNECTION } from "../inside/tcp.ts";
import { cpuMicroseconds } from "../measure.ts";
import { PATIENCE_MS } from "../node.ts";
import type { BenchPair, Cost } from "../pair.ts";
import { EVENT_RATE } from "./work.ts";

/** Starts both daemons, node a with a full kernel; answers the seconds until that has read it. Then b has all, too. */
export async function startWith(pair: BenchPair, flows: number): Promise<number> {
  const { a, b } = pair;
  await pair.open(flows);
  const started = performance.now();
  const start = await a.seconds("-d");
  const atReturn = await a.cached("internal");
  await a.waitForCached("internal", flows);
  const ready = (performance.now() - started) / 1000;
  await b.conntrackd.start();
  await resync(pair, flows);
  return atReturn === flows ? start : ready;
}

/** How long the backup may learn nothing before what it lacks counts as lost. */
const LOST_MS = 3000;
const RESYNCS = 5;

/**
 * Node b asks for everything until it has everything. Of a million flows the reference does not always get all: datagrams
 * overrun its buffers, and what is lost at the end nobody misses.
 */
export async function resync(pair: BenchPair, flows: number): Promise<void> {
  for (let times = 1; ; times += 1) {
    await pair.b.seconds("-n");
    let seen = -1;
    let since = performance.now();
    const isOver = async () => {
      const now = await pair.b.cached("external");
      if (now !== seen) since = performance.now();
      seen = now;
      return now === flows || performance.now() - since > LOST_MS;
    };
    await waitFor(isOver, { what: "the end of a resync", timeoutMs: PATIENCE_MS, everyMs: 100 });
    if (seen === flows) break;
    if (times === RESYNCS) throw new Error(`${seen} of ${flows} flows after ${times} resyncs`);
  }
  await pair.settle(flows);
}

/** Node a dies, node b commits its external cache; tells what its log says, and the CPU it took with all that follows. */
export async function failOver({ a, b }: BenchPair, flows: number) {
  // The entries of the dead node share the kernel's buckets, so they go as well.
  await a.conntrackd.kill();
  await a.flushKernel();
  const pids = b.conntrackd.pids();
  const before = cpuMicroseconds(pids);
  await b.seconds("-c");
  const commit = await waitFor(() => b.conntrackd.lastCommit(), {
    what: "the end of the commit",
    timeoutMs: 120_000,
  });
  if (commit.failed > 0 || commit.entries !== flows) {
    throw new Error(`committed ${commit.entries} of ${flows}, ${commit.failed} failed`);
  }
  await b.waitForCached("internal", flows); // What the commit has caused belongs to its price.
  return { commit, microseconds: cpuMicroseconds(pids) - before };
}

/**
 * Opens, uses and closes connections at the usual rate of events, and waits until node a has seen every event and node b
 * what came of it; tells what it cost. `ended` of them open where another has been.
 */
export async function runConnections(
  pair: BenchPair,
  { count, pool, ended }: { count: number; pool: number; ended: number },
): Promise<Cost> {
  const before = await pair.a.changes("internal");
  const rate = EVENT_RATE / EVENTS_PER_CONNECTION;
  const cost = await pair.costOf(() => pair.connections({ count, pool, rate }));
  const wanted = JSON.stringify({
    created: before.created + count,
    updated: before.updated + count * UPDATES_PER_CONNECTION,
    destroyed: before.destroyed + ended,
  });
  let seen = "";
  const areSeen = async () => (seen = JSON.stringify(await pair.a.changes("internal"))) === wanted;
  await waitFor(areSeen, { what: wanted, timeoutMs: 60_000, everyMs: 100 }).catch((error) => {
    throw new Error(`${(error as Error).message}: ${seen}`);
  });
  await pair.settle(await pair.a.kernelEntries());
  return cost;
}
