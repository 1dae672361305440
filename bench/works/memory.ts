/** The slope of memory between two sizes of the table, once every message is acknowledged. */
import type { DaemonKind } from "../../lab/conntrackd.ts";
import { withPair } from "../pair.ts";
import { FILL_RATE, type Readings, type Sizes, type Work } from "./work.ts";

export const memoryWorks: readonly Work[] = [{ name: "memory", rounds: 1, run: memory }];

async function memory(kind: DaemonKind, { flows, many }: Sizes): Promise<Readings> {
  return withPair({ a: kind, b: kind }, async (pair) => {
    const low = flows / 2;
    await pair.start();
    const empty = pair.memory();
    await pair.open(low, FILL_RATE);
    await pair.settle(low);
    const before = pair.memory();
    await pair.open(many - low, FILL_RATE);
    await pair.settle(many);
    const after = pair.memory();
    return {
      "memory-active": (after.a - before.a) / (many - low),
      "memory-backup": (after.b - before.b) / (many - low),
      "memory-empty": empty.a / 1e6,
    };
  });
}
