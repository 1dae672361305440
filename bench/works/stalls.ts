/**
 * How long a daemon lets others wait while it works through a large table: the longest wait for an answer.
 */
import type { DaemonKind } from "../../lab/conntrackd.ts";
import { withPair } from "../pair.ts";
import { failOver, resync, startWith } from "./steps.ts";
import type { Readings, Sizes, Work } from "./work.ts";

const IDLE_MS = 3000;

export const stallWorks: readonly Work[] = [{ name: "stalls", rounds: 3, run: stalls }];

async function stalls(kind: DaemonKind, { many }: Sizes): Promise<Readings> {
  return withPair({ a: kind, b: kind }, async (pair) => {
    const { a, b } = pair;
    await startWith(pair, many);
    const idle = await a.longestWait(() => new Promise((resolve) => setTimeout(resolve, IDLE_MS)));
    const dump = await a.longestWait(() => a.seconds("-i"));
    await b.conntrackd.commandOk("-f", "external");
    await b.waitForCached("external", 0);
    let backup = 0;
    const active = await pair.apart(() =>
      a.longestWait(async () => {
        backup = await b.longestWait(() => resync(pair, many));
      }),
    );
    const commit = await b.longestWait(() => failOver(pair, many));
    return {
      "stall-idle": idle,
      "stall-dump": dump,
      "stall-resync-active": active,
      "stall-resync-backup": backup,
      "stall-commit": commit,
    };
  });
}
