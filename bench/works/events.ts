/**
 * The price of an event: CPU of both nodes at a steady rate, from the first packet to the last acknowledgement.
 */
import type { DaemonKind } from "../../lab/conntrackd.ts";
import { EVENTS_PER_CONNECTION } from "../inside/tcp.ts";
import { type NodeKinds, withPair } from "../pair.ts";
import { runConnections } from "./steps.ts";
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
    const cost = await pair.costOf(() => pair.open(count, EVENT_RATE));
    await pair.settle(WARM_UP + count);
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

/** The first laps fill the pool and warm up; from the second on, a connection ends another. */
async function connections(kind: DaemonKind, { connections: pool }: Sizes): Promise<Readings> {
  return withPair({ a: kind, b: kind }, async (pair) => {
    await pair.start();
    await runConnections(pair, { count: pool, pool, ended: 0 });
    const cost = await runConnections(pair, { count: pool, pool, ended: pool });
    const events = pool * EVENTS_PER_CONNECTION;
    return { "connection-active": cost.a / events, "connection-backup": cost.b / events };
  });
}
