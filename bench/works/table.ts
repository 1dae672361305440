/**
 * What is done to a whole table: start with it, send it, print it, commit it.
 */
import type { DaemonKind } from "../../lab/conntrackd.ts";
import { withPair } from "../pair.ts";
import { failOver, startWith } from "./steps.ts";
import { MANY_BUCKETS, type Readings, type Sizes, type Work } from "./work.ts";

export const tableWorks: readonly Work[] = [
  { name: "table", run: table },
  { name: "commit-many", run: (kind, sizes) => commitMany(kind, sizes, "commit-many") },
  {
    name: "commit-many-roomy",
    rounds: 3,
    buckets: MANY_BUCKETS,
    run: (kind, sizes) => commitMany(kind, sizes, "commit-many-roomy"),
  },
];

async function table(kind: DaemonKind, { flows }: Sizes): Promise<Readings> {
  return withPair({ a: kind, b: kind }, async (pair) => {
    const { a, b } = pair;
    const start = await startWith(pair, flows);
    await b.conntrackd.commandOk("-f", "external");
    await b.waitForCached("external", 0);
    const resync = await pair.costOf(() => b.seconds("-n"));
    await pair.settle(flows);
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

async function commitMany(
  kind: DaemonKind,
  { many }: Sizes,
  row: "commit-many" | "commit-many-roomy",
): Promise<Readings> {
  return withPair({ a: kind, b: kind }, async (pair) => {
    await startWith(pair, many);
    const { commit, microseconds } = await failOver(pair, many);
    return { [row]: many / commit.seconds, [`${row}-cpu`]: microseconds / many };
  });
}
