import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { anyFlowSeed, buildFlow, describeFlow } from "../../test/support/flows.ts";
import { mergeFlow } from "./merge.ts";

const TUPLES = [
  "family",
  "protocol",
  "origSrc",
  "origDst",
  "origL4",
  "replySrc",
  "replyDst",
  "replyL4",
  "zone",
  "zoneOrig",
  "zoneReply",
];

describe("an update", () => {
  it("overwrites what it holds, leaves what it lacks, and never touches tuples and zones", () => {
    fc.assert(
      fc.property(anyFlowSeed, anyFlowSeed, (before, change) => {
        const same = { v6: before.v6, protocol: before.protocol };
        const stored = buildFlow(before);
        const update = buildFlow({ ...change, ...same });
        const old = describeFlow(stored);
        const lain = describeFlow(update);
        mergeFlow(stored, update);
        const merged = describeFlow(stored);
        for (const name of TUPLES) expect(merged[name]).toEqual(old[name]);
        for (const name of new Set([...Object.keys(old), ...Object.keys(lain)])) {
          if (TUPLES.includes(name)) continue;
          expect([name, merged[name]]).toEqual([name, name in lain ? lain[name] : old[name]]);
        }
      }),
      { numRuns: 500 },
    );
  });
});
