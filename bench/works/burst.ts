/** As many flows as the generator can make, into a buffer that does not grow. */
import type { DaemonKind } from "../../lab/conntrackd.ts";
import { waitFor } from "../../lab/wait.ts";
import { type BenchPair, withPair } from "../pair.ts";
import { EVENT_RATE, type Readings, type Sizes, WARM_UP, type Work } from "./work.ts";

const QUIET_MS = 1500;

export const burstWorks: readonly Work[] = [{ name: "burst", run: burst }];

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
