/**
 * How long a new flow takes from one kernel to the other: the time of birth in the kernel of node b less that in the
 * kernel of node a, by one clock, that of the machine.
 *
 * Node b hands every flow on to its kernel (`DisableExternalCache`) instead of keeping it, so that the kernel's clock
 * can be read afterwards and nobody looks while it runs. What is measured ends one system call later than the cache.
 */
import type { DaemonKind } from "../../lab/conntrackd.ts";
import { waitFor } from "../../lab/wait.ts";
import { quantile } from "../measure.ts";
import { PATIENCE_MS } from "../node.ts";
import { type BenchPair, withPair } from "../pair.ts";
import { EVENT_RATE, type Readings, type Sizes, WARM_UP, type Work } from "./work.ts";

const SLOW_RATE = 100;
const SLOW_FLOWS = 1000;
const NANOSECONDS = 1e6;

export const latencyWorks: readonly Work[] = [{ name: "latency", run: latency }];

async function latency(kind: DaemonKind, { events }: Sizes): Promise<Readings> {
  return withPair(
    { a: kind, b: kind },
    async (pair) => {
      await pair.start();
      const fastFrom = WARM_UP + SLOW_FLOWS;
      await pair.open(WARM_UP, EVENT_RATE);
      await reached(pair, WARM_UP);
      await pair.open(SLOW_FLOWS, SLOW_RATE);
      await reached(pair, fastFrom);
      await pair.open(events, EVENT_RATE);
      await reached(pair, fastFrom + events);
      const waits = await latencies(pair);
      const slow = waits.subarray(WARM_UP, fastFrom).toSorted();
      const fast = waits.subarray(fastFrom).toSorted();
      return {
        "latency-slow-median": quantile(slow, 0.5),
        "latency-slow-tail": quantile(slow, 0.99),
        "latency-fast-median": quantile(fast, 0.5),
        "latency-fast-tail": quantile(fast, 0.99),
      };
    },
    { modeLines: ["DisableExternalCache On"], hasBirths: true },
  );
}

async function reached({ b }: BenchPair, flows: number): Promise<void> {
  const what = `${flows} flows in the kernel of the backup node`;
  const are = async () => (await b.kernelEntries()) === flows;
  await waitFor(are, { what, timeoutMs: PATIENCE_MS, everyMs: 100 });
}

/** Milliseconds for each flow, by its number. */
async function latencies({ a, b }: BenchPair): Promise<Float64Array> {
  const [here, there] = [new Map(await a.births()), await b.births()];
  const waits = new Float64Array(there.length);
  for (const [flow, arrival] of there) {
    const birth = here.get(flow);
    if (birth === undefined) throw new Error(`flow ${flow} has come from nowhere`);
    waits[flow] = Number(BigInt(arrival) - BigInt(birth)) / NANOSECONDS;
  }
  return waits;
}
