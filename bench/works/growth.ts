/**
 * How the price of an event grows with the table: a fresh pair for each size, the same TCP connections for all.
 *
 * The kernel's table is filled before the daemons start, which is much faster than to let them watch.
 */
import type { DaemonKind } from "../../lab/conntrackd.ts";
import { EVENTS_PER_CONNECTION } from "../inside/tcp.ts";
import { withPair } from "../pair.ts";
import { type GrowthSize, growthNodes, growthRow, growthSizes } from "../rows.ts";
import { runConnections, startWith } from "./steps.ts";
import { MANY_BUCKETS, type Readings, type Sizes, type Work } from "./work.ts";

/** Connections that come and go, so that the table keeps its size. */
const POOL = 5000;
const WARM_UP_CONNECTIONS = 25_000;
const CONNECTIONS = 10_000;
const EVENTS = CONNECTIONS * EVENTS_PER_CONNECTION;

export const growthWorks: readonly Work[] = [
  { name: "growth", rounds: 2, buckets: MANY_BUCKETS, run: growth },
];

async function growth(kind: DaemonKind, { largest }: Sizes): Promise<Readings> {
  const readings: Readings = {};
  for (const size of growthSizes) {
    if (size > largest) break;
    try {
      Object.assign(readings, await priceAt(kind, size));
    } catch (error) {
      // The reference does not always carry the largest tables over: its line ends before.
      if (kind === "ours") throw error;
      process.stderr.write(`growth, ${size} flows, ${kind}: ${(error as Error).message}\n`);
      break;
    }
  }
  for (const node of growthNodes) {
    const small = readings[growthRow(node, 10_000)];
    const large = readings[growthRow(node, 1_000_000)];
    if (small !== undefined && large !== undefined) readings[`growth-${node}`] = large / small;
  }
  return readings;
}

async function priceAt(kind: DaemonKind, size: GrowthSize): Promise<Readings> {
  return withPair({ a: kind, b: kind }, async (pair) => {
    await startWith(pair, size - POOL);
    await runConnections(pair, { count: POOL, pool: POOL, ended: 0 });
    // As warm as it gets: a small table has warmed up nothing by being read and sent.
    await runConnections(pair, {
      count: WARM_UP_CONNECTIONS,
      pool: POOL,
      ended: WARM_UP_CONNECTIONS,
    });
    const load = { count: CONNECTIONS, pool: POOL, ended: CONNECTIONS };
    const cost = await runConnections(pair, load);
    return {
      [growthRow("active", size)]: cost.a / EVENTS,
      [growthRow("backup", size)]: cost.b / EVENTS,
    };
  });
}
