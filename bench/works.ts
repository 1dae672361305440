/**
 * The works that are measured. Each takes a fresh pair of nodes of one kind and answers a number for each of its rows.
 *
 * A work knows nothing of rounds or of the other kind: the same steps run for both.
 */
import type { DaemonKind } from "../lab/conntrackd.ts";
import { waitFor } from "../lab/wait.ts";
import { cpuMicroseconds } from "./measure.ts";
import { type BenchPair, type NodeKinds, withPair } from "./nodes.ts";
import type { RowName } from "./rows.ts";

export interface Sizes {
  /** Entries of the table for start, dump, resync and commit; the lower point of the memory slope. */
  readonly flows: number;
  /** Events measured at the paced rate. */
  readonly events: number;
  /** Flows of the burst. */
  readonly burst: number;
}

export type Readings = Partial<Record<RowName, number>>;

export interface Work {
  readonly name: string;
  /** Runs in the first round only: it is slow and hardly varies. */
  readonly isOnce?: true;
  run(kind: DaemonKind, sizes: Sizes): Promise<Readings>;
}

const EVENT_RATE = 20_000;
/** Fast enough not to bore, slow enough for both daemons to follow without loss. */
const FILL_RATE = 30_000;
/** Enough for the compiler of the JavaScript engine to have seen every hot path. */
const WARM_UP = 40_000;
const MEMORY_FACTOR = 5;
const QUIET_MS = 1500;

export const works: readonly Work[] = [
  { name: "events", run: (kind, sizes) => events({ a: kind, b: kind }, sizes) },
  { name: "mixed", run: mixedEvents },
  { name: "burst", run: burst },
  { name: "table", run: table },
  { name: "memory", isOnce: true, run: memory },
];

/** CPU of both nodes for each new flow, at a steady rate, from the first packet to the last acknowledgement. */
async function events(kinds: NodeKinds, { events: count }: Sizes): Promise<Readings> {
  return withPair(kinds, async (pair) => {
    await pair.start();
    await pair.open(WARM_UP, EVENT_RATE);
    await pair.settle(WARM_UP);
    const cost = await pair.costOf(async () => {
      await pair.open(count, EVENT_RATE);
      await pair.settle(WARM_UP + count);
    });
    const backup = cost.b / count;
    const perPartner = { [`event-backup-of-${kinds.a}`]: backup };
    if (kinds.a !== kinds.b) return perPartner;
    return { "event-active": cost.a / count, "event-backup": backup, ...perPartner };
  });
}

/** The same in a cluster of both kinds: the kind is that of the backup node. */
function mixedEvents(kind: DaemonKind, sizes: Sizes): Promise<Readings> {
  return events({ a: kind === "ours" ? "reference" : "ours", b: kind }, sizes);
}

/** As many flows as the generator can make, into a buffer that does not grow. */
async function burst(kind: DaemonKind, { burst: count }: Sizes): Promise<Readings> {
  return withPair({ a: kind, b: kind }, async (pair) => {
    await pair.start();
    await pair.open(WARM_UP, EVENT_RATE);
    await pair.settle(WARM_UP);
    const started = performance.now();
    const load = await pair.open(count);
    const { lastChange, flows } = await waitUntilQuiet(pair);
    return {
      "burst-rate": count / load.seconds,
      "burst-overruns": await pair.a.overruns(),
      "burst-missing": (await pair.a.kernelEntries()) - flows,
      "burst-drained": (lastChange - started) / 1000,
    };
  });
}

/** Waits until the backup node has learnt nothing for a while; tells when it learnt the last flow. */
async function waitUntilQuiet(pair: BenchPair) {
  let flows = -1;
  let lastChange = 0;
  return waitFor(
    async () => {
      const now = performance.now();
      const seen = await pair.b.cached("external");
      if (seen !== flows) {
        flows = seen;
        lastChange = now;
      }
      return now - lastChange > QUIET_MS && { flows, lastChange };
    },
    { what: "the end of the burst", timeoutMs: 60_000 },
  );
}

/** What is done to a whole table: start with it, send it, print it, commit it. */
async function table(kind: DaemonKind, { flows }: Sizes): Promise<Readings> {
  return withPair({ a: kind, b: kind }, async (pair) => {
    const { a, b } = pair;
    await pair.open(flows);
    const entries = await a.kernelEntries();
    const started = performance.now();
    const start = await a.seconds("-d");
    const atReturn = await a.cached("internal");
    await a.waitForCached("internal", entries);
    const ready = (performance.now() - started) / 1000;
    await b.conntrackd.start();
    await b.seconds("-n");
    await pair.settle(entries);
    await b.conntrackd.commandOk("-f", "external");
    await b.waitForCached("external", 0);
    const resync = await pair.costOf(async () => {
      await b.seconds("-n");
      await pair.settle(entries);
    });
    const dump = await a.seconds("-i");
    const ask = await a.seconds("-s");
    // A commit follows the death of the active node; here its entries share the kernel's buckets, so they go as well.
    await a.conntrackd.kill();
    await a.flushKernel();
    const { commit, microseconds } = await commitAll(pair);
    if (commit.failed > 0 || commit.entries !== entries) {
      throw new Error(`committed ${commit.entries} of ${entries}, ${commit.failed} failed`);
    }
    return {
      start: atReturn === entries ? start : ready,
      "resync-active": resync.a / entries,
      "resync-backup": resync.b / entries,
      dump,
      ask,
      commit: commit.entries / commit.seconds,
      "commit-cpu": microseconds / entries,
    };
  });
}

/** Commits node b's external cache; tells what its log says, and the CPU it took with all that follows. */
async function commitAll({ b }: BenchPair) {
  const pids = b.conntrackd.pids();
  const before = cpuMicroseconds(pids);
  await b.seconds("-c");
  const commit = await waitFor(() => b.conntrackd.lastCommit(), {
    what: "the end of the commit",
    timeoutMs: 60_000,
  });
  await b.waitForCached("internal", commit.entries); // What the commit has caused belongs to its price.
  return { commit, microseconds: cpuMicroseconds(pids) - before };
}

/** The slope of memory between two sizes of the table, once every message is acknowledged. */
async function memory(kind: DaemonKind, { flows }: Sizes): Promise<Readings> {
  return withPair({ a: kind, b: kind }, async (pair) => {
    await pair.start();
    await pair.open(flows, FILL_RATE);
    await pair.settle(flows);
    const low = pair.memory();
    await pair.open(flows * (MEMORY_FACTOR - 1), FILL_RATE);
    await pair.settle(flows * MEMORY_FACTOR);
    const high = pair.memory();
    const more = flows * (MEMORY_FACTOR - 1);
    return { "memory-active": (high.a - low.a) / more, "memory-backup": (high.b - low.b) / more };
  });
}
