/**
 * The price of an event: CPU of both nodes at a steady rate, from the first packet to the last acknowledgement.
 */
import type { DaemonKind } from "../../lab/conntrackd.ts";
import { waitFor } from "../../lab/wait.ts";
import { EVENTS_PER_CONNECTION, UPDATES_PER_CONNECTION } from "../inside/tcp.ts";
import { type BenchPair, type NodeKinds, withPair } from "../pair.ts";
import { EVENT_RATE, type Readings, type Sizes, WARM_UP, type Work } from "./work.ts";

export const eventWorks: readonly Work[] = [
  { name: "events", run: (kind, sizes) => newFlows({ a: kind, b: kind }, sizes) },
  { name: "mixed", run: inMixedCluster },
  { name: "connections", run: connections },
];

async function newFlows(kinds: NodeKinds, { events: count }: Sizes): Promise<Readings> {
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

/** A cluster of both kinds: the kind is that of the backup node. */
function inMixedCluster(kind: DaemonKind, sizes: Sizes): Promise<Readings> {
  return newFlows({ a: kind === "ours" ? "reference" : "ours", b: kind }, sizes);
}

/** The first lap fills the pool and warms up; from the second on, a connection ends another. */
async function connections(kind: DaemonKind, { connections: pool }: Sizes): Promise<Readings> {
  return withPair({ a: kind, b: kind }, async (pair) => {
    await pair.start();
    const load = { count: pool, pool, rate: EVENT_RATE / EVENTS_PER_CONNECTION };
    await pair.connections(load);
    await closed(pair, { laps: 1, pool });
    const cost = await pair.costOf(async () => {
      await pair.connections(load);
      await closed(pair, { laps: 2, pool });
    });
    const events = pool * EVENTS_PER_CONNECTION;
    return { "connection-active": cost.a / events, "connection-backup": cost.b / events };
  });
}

/** Waits until node a has seen every event of all laps, and node b what came of them. */
async function closed(pair: BenchPair, { laps, pool }: { laps: number; pool: number }) {
  const expected = {
    created: laps * pool,
    updated: laps * pool * UPDATES_PER_CONNECTION,
    destroyed: (laps - 1) * pool,
  };
  const wanted = JSON.stringify(expected);
  let seen = "";
  const areAllSeen = async () =>
    (seen = JSON.stringify(await pair.a.changes("internal"))) === wanted;
  await waitFor(areAllSeen, { what: wanted, timeoutMs: 60_000, everyMs: 100 }).catch((error) => {
    throw new Error(`${(error as Error).message}: ${seen}`);
  });
  await pair.settle(pool);
}
