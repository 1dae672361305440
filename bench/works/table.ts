/**
 * What is done to a whole table: start with it, send it, print it, commit it.
 */
import type { DaemonKind } from "../../lab/conntrackd.ts";
import { waitFor } from "../../lab/wait.ts";
import { cpuMicroseconds } from "../measure.ts";
import { type BenchPair, withPair } from "../nodes.ts";
import type { Readings, Sizes, Work } from "./work.ts";

export const tableWorks: readonly Work[] = [
  { name: "table", run: table },
  { name: "commit-many", run: commitMany },
];

async function table(kind: DaemonKind, { flows }: Sizes): Promise<Readings> {
  return withPair({ a: kind, b: kind }, async (pair) => {
    const { a, b } = pair;
    const start = await startWith(pair, flows);
    await b.conntrackd.commandOk("-f", "external");
    await b.waitForCached("external", 0);
    const resync = await pair.costOf(async () => {
      await b.seconds("-n");
      await pair.settle(flows);
    });
    const dump = await a.seconds("-i");
    const { commit, microseconds } = await failOver(pair, flows);
    return {
      start,
      "resync-active": resync.a / flows,
      "resync-backup": resync.b / flows,
      dump,
      commit: flows / commit.seconds,
      "commit-cpu": microseconds / flows,
    };
  });
}

async function commitMany(kind: DaemonKind, { many }: Sizes): Promise<Readings> {
  return withPair({ a: kind, b: kind }, async (pair) => {
    await startWith(pair, many);
    const { commit, microseconds } = await failOver(pair, many);
    return { "commit-many": many / commit.seconds, "commit-many-cpu": microseconds / many };
  });
}

/** Starts both daemons, node a with a full kernel; answers the seconds until that has read it. Then b has all, too. */
async function startWith(pair: BenchPair, flows: number): Promise<number> {
  const { a, b } = pair;
  await pair.open(flows);
  const started = performance.now();
  const start = await a.seconds("-d");
  const atReturn = await a.cached("internal");
  await a.waitForCached("internal", flows);
  const ready = (performance.now() - started) / 1000;
  await b.conntrackd.start();
  await b.seconds("-n");
  await pair.settle(flows);
  return atReturn === flows ? start : ready;
}

/** Node a dies, node b commits its external cache; tells what its log says, and the CPU it took with all that follows. */
async function failOver({ a, b }: BenchPair, flows: number) {
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
