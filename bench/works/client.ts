/** `conntrackd -s` as a client beside the least that Node can do: wall-clock time from start to end, the median of many. */
import type { DaemonKind } from "../../lab/conntrackd.ts";
import { median } from "../measure.ts";
import { withPair } from "../pair.ts";
import type { Readings, Work } from "./work.ts";

const STARTS = 15;
const MILLISECONDS = 1000;

export const clientWorks: readonly Work[] = [{ name: "client", run: client }];

async function client(kind: DaemonKind): Promise<Readings> {
  return withPair({ a: kind, b: kind }, async (pair) => {
    await pair.start();
    const { a } = pair;
    const asks: number[] = [];
    const floors: number[] = [];
    for (let i = 0; i < STARTS; i += 1) {
      asks.push(await a.seconds("-s"));
      floors.push(await a.secondsOf([process.execPath, "-e", "0"]));
    }
    const ask = median(asks) * MILLISECONDS;
    const floor = median(floors) * MILLISECONDS;
    if (kind === "reference") return { ask };
    return { ask, "ask-floor": floor, "ask-above-floor": ask - floor };
  });
}
