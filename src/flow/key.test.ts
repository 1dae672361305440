import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { anyFlowSeed, buildFlow } from "../../test/support/flows.ts";
import { flowKey, plainFlow } from "../../test/support/kernel-flows.ts";
import { hasExtraKey, hashFlow, sameExtraKey, samePackedTuple } from "./key.ts";
import { newPacked, pack } from "./pack.ts";
import { FlowRegister, Has0, IPPROTO_GRE, W } from "./register.ts";
import { WIRE_EVERYTHING } from "./wire-table.ts";

/** Whether two flows are one entry, as the cache finds out. */
function same(a: FlowRegister, b: FlowRegister): boolean {
  const packed = newPacked();
  pack(b, WIRE_EVERYTHING, packed);
  return (
    hashFlow(a, 3) === hashFlow(b, 3) &&
    samePackedTuple(a, packed.words, 0) &&
    hasExtraKey(a) === hasExtraKey(b) &&
    (!hasExtraKey(a) || sameExtraKey(a, b))
  );
}

/** One part of the identity changed. */
const CHANGES: readonly (readonly [string, (words: Uint32Array) => void])[] = [
  ["a source address", (words) => (words[W.origSrc]! ^= 0x01000000)],
  ["a destination address", (words) => (words[W.origDst]! ^= 1)],
  ["a zone", (words) => (words[W.zone]! ^= 1)],
  ["a zone of the original direction", (words) => (words[W.zoneOrig]! ^= 1)],
  ["a zone of the reply direction", (words) => (words[W.zoneReply]! ^= 1)],
];

describe("an identity", () => {
  it("is the same whatever else a flow has", () => {
    fc.assert(
      fc.property(anyFlowSeed, fc.integer(), fc.boolean(), (seed, has0, mirror) => {
        const zones = Has0.zone | Has0.zoneOrig | Has0.zoneReply;
        const a = buildFlow({ ...seed, has0: seed.has0 & ~zones });
        const b = buildFlow({ ...seed, has0: has0 & ~zones });
        b.words.set(a.words.subarray(W.origSrc, W.origL4Dst + 1), W.origSrc);
        expect(mirror && flowKey(a) !== flowKey(b)).toBe(false);
        expect(same(a, b)).toBe(true);
      }),
    );
  });

  it.each(CHANGES)("differs with %s", (_name, change) => {
    fc.assert(
      fc.property(anyFlowSeed, (seed) => {
        const a = buildFlow(seed);
        const b = new FlowRegister();
        b.copyFrom(a);
        change(b.words);
        expect(same(a, b)).toBe(false);
      }),
    );
  });

  it.each([
    ["tcp ports", plainFlow(), plainFlow({ targetPort: 81 })],
    ["the protocol", plainFlow(), plainFlow({ protocol: 17 })],
    [
      "GRE keys",
      plainFlow({ protocol: IPPROTO_GRE }),
      plainFlow({ protocol: IPPROTO_GRE, sourcePort: 1 }),
    ],
    ["UDP-Lite ports", plainFlow({ protocol: 136 }), plainFlow({ protocol: 136, sourcePort: 1 })],
    [
      "ICMP ids",
      plainFlow({ protocol: 1, sourcePort: 1 }),
      plainFlow({ protocol: 1, sourcePort: 2 }),
    ],
    [
      "the family",
      plainFlow({ source: "0.0.0.1", target: "0.0.0.2" }),
      plainFlow({ source: "0:1:0:0:0:0:0:0", target: "0:2:0:0:0:0:0:0" }),
    ],
  ])("differs with %s", (_name, a, b) => {
    expect([same(a, a), same(b, b), same(a, b)]).toEqual([true, true, false]);
  });

  it("is the same in zone 0 and in no zone", () => {
    expect(same(plainFlow({ zone: 0 }), plainFlow())).toBe(true);
  });

  it("hashes differently with another seed, and spreads neighbours", () => {
    const hashes = new Set<number>();
    for (let port = 0; port < 4096; port++) {
      hashes.add(hashFlow(plainFlow({ sourcePort: port }), 1) & 0xfff);
    }
    expect(hashes.size).toBeGreaterThan(2300);
    expect(hashFlow(plainFlow(), 1)).not.toBe(hashFlow(plainFlow(), 2));
  });
});
