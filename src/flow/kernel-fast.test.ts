import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { anyFlowSeed, buildFlow } from "../../test/support/flows.ts";
import { MessageWriter } from "../netlink/message.ts";
import { encodeTuple } from "./kernel-encode.ts";
import { decodeUsualTuple } from "./kernel-fast.ts";
import { decodeAttributes } from "./kernel-rows.ts";
import { tupleTables } from "./kernel-table.ts";
import { FlowRegister, Has0, hasPorts, ORIG_TUPLE, W } from "./register.ts";

const HEADER = 4;

/** The register after each way, and whether the fast one was taken. */
function both(bytes: Uint8Array, end: number) {
  const fast = new FlowRegister();
  const slow = new FlowRegister();
  const taken = decodeUsualTuple(fast, bytes, HEADER, end - HEADER, ORIG_TUPLE);
  const read = decodeAttributes(tupleTables.orig, slow, bytes, HEADER, end);
  return { fast, slow, taken, read };
}

describe("the fast path of a tuple", () => {
  it("reads what the table reads, and is taken for every tuple with ports and no zone", () => {
    fc.assert(
      fc.property(anyFlowSeed, (seed) => {
        const flow = buildFlow(seed);
        const w = new MessageWriter(256);
        encodeTuple(w, flow, ORIG_TUPLE);
        const { fast, slow, taken, read } = both(w.bytes, w.length);
        expect(read).toBe(true);
        const usual = hasPorts(flow.words[W.protocol]!) && !flow.has0(Has0.zoneOrig);
        expect(taken).toBe(usual);
        if (taken) expect(fast.words).toEqual(slow.words);
      }),
    );
  });

  it("never reads otherwise than the table when bytes are changed", () => {
    fc.assert(
      fc.property(anyFlowSeed, fc.nat(75), fc.nat(255), (seed, at, value) => {
        const w = new MessageWriter(256);
        encodeTuple(w, buildFlow(seed), ORIG_TUPLE);
        if (at < HEADER || at >= w.length) return;
        w.bytes[at] = value;
        const { fast, slow, taken, read } = both(w.bytes, w.length);
        if (!taken) return;
        expect(read).toBe(true);
        expect(fast.words).toEqual(slow.words);
      }),
      { numRuns: 2000 },
    );
  });
});
