/**
 * Every cell of doc/compatibility.md, on real kernels: a pair of nodes for each transport and partner; there each mode goes
 * through all of its events. Several pairs run at a time; each cell is then a test of its own.
 */
import { beforeAll, expect, it } from "vitest";
import { ask } from "../../lab/control.ts";
import { waitForExit } from "../../lab/netns.ts";
import { createPair, type Pair, type PairNode } from "../../lab/pair.ts";
import { RequestCode } from "../../src/kit/request-code.ts";
import { prepareExpectations } from "../support/expectation-maker.ts";
import {
  type Combination,
  configOf,
  eventsOf,
  modes,
  type Place,
  places,
  titleOf,
} from "../support/matrix.ts";
import { conntrack } from "../support/pairs.ts";
import { describeOnKernel } from "../support/requirements.ts";

const PAIRS_AT_A_TIME = 6;
const LIMIT_MS = 400_000;

/** By cell; no entry: nothing came so far. */
const verdicts = new Map<string, "shown" | Error>();
const cellOf = (combination: Combination, event: string) => `${titleOf(combination)}: ${event}`;

/** All modes, one after the other, in one place. */
async function goThrough(place: Place): Promise<void> {
  const [a, b] = place.sides;
  const pair = await createPair({ a, b, links: [place.link] });
  try {
    await prepareExpectations(pair.a.namespace);
    for (const mode of modes) {
      const combination = { ...place, mode };
      const configured = pair.reconfigure(configOf(mode));
      await goThroughEvents(configured, combination);
      await Promise.all([configured.a, configured.b].map(clear));
    }
  } finally {
    pair.destroy();
  }
}

/** What comes after a failure has nothing to stand on, and is not tried. */
async function goThroughEvents(pair: Pair, combination: Combination): Promise<void> {
  let cell = "";
  try {
    for (const event of eventsOf(combination.mode)) {
      const isFirst = cell === "";
      cell = cellOf(combination, event.name);
      if (isFirst) await Promise.all([pair.a, pair.b].map((node) => node.conntrackd.start()));
      await event.run(pair);
      verdicts.set(cell, "shown");
    }
  } catch (error) {
    verdicts.set(cell, error as Error);
  }
}

/** Nothing of a mode is left for the next one. */
async function clear(node: PairNode): Promise<void> {
  const { conntrackd } = node;
  const pids = conntrackd.pids();
  await ask(conntrackd.socketPath, RequestCode.kill).catch(() => conntrackd.kill());
  await Promise.all(pids.map((pid) => waitForExit(pid)));
  await conntrack(node, "-F");
}

describeOnKernel("the matrix", ["ours", "reference"], () => {
  beforeAll(async () => {
    const waiting = places();
    const work = async () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        await goThrough(next);
      }
    };
    await Promise.all(Array.from({ length: PAIRS_AT_A_TIME }, work));
  }, LIMIT_MS);

  for (const mode of modes) {
    for (const place of places()) {
      for (const event of eventsOf(mode)) {
        const cell = cellOf({ ...place, mode }, event.name);
        it(cell, () => {
          const verdict = verdicts.get(cell) ?? new Error("an event before this one has failed");
          if (verdict instanceof Error) throw verdict;
          expect(verdict).toBe("shown");
        });
      }
    }
  }
});
