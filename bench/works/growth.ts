/**
 * How the price of a new flow grows with the table: a fresh pair for each size, the same events for all.
 *
 * The kernel's table is filled before the daemons start, which is much faster than to let them watch.
 */
import type { DaemonKind } from "../../lab/conntrackd.ts";
import { withPair } from "../pair.ts";
import { type GrowthSize, growthNodes, growthRow, growthSizes } from "../rows.ts";
import { startWith } from "./steps.ts";
import { EVENT_RATE, MANY_BUCKETS, type Readings, type Sizes, WARM_UP, type Work } from "./work.ts";

const EVENTS = 60_000;

export const growthWorks: readonly Work[] = [
  { name: "growth", rounds: 2, buckets: MANY_BUCKETS, run: growth },
];

async function growth(kind: DaemonKind, { largest }: Sizes): Promise<Readings> {
  const readings: Readings = {};
  for (const size of growthSizes) {
    if (size <= largest) Object.assign(readings, await priceAt(kind, size));
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
    await startWith(pair, size);
    await pair.open(WARM_UP, EVENT_RATE);
    await pair.settle(size + WARM_UP);
    const cost = await pair.costOf(async () => {
      await pair.open(EVENTS, EVENT_RATE);
      await pair.settle(size + WARM_UP + EVENTS);
    });
    return {
      [growthRow("active", size)]: cost.a / EVENTS,
      [growthRow("backup", size)]: cost.b / EVENTS,
    };
  });
}
