import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { anyFlowSeed, buildFlow, describeFlow } from "../../test/support/flows.ts";
import { MessageWriter } from "../netlink/message.ts";
import { encodeKernelFlow } from "./kernel-encode.ts";
import { decodeKernelFlow } from "./kernel-table.ts";
import { deriveNat } from "./nat.ts";
import { newPacked, pack, unpack } from "./pack.ts";
import { FlowRegister } from "./register.ts";
import { policyMask } from "./wire-table.ts";

describe("a packed flow", () => {
  for (const timeout of [true, false]) {
    for (const windowScale of [true, false]) {
      it(`unpacks to the same flow (timeout on the wire: ${timeout}, scales: ${windowScale})`, () => {
        const mask = policyMask({ timeout, windowScale });
        fc.assert(
          fc.property(anyFlowSeed, (seed) => {
            const flow = buildFlow(seed);
            deriveNat(flow);
            const packed = newPacked();
            pack(flow, mask, packed);
            const back = new FlowRegister();
            expect(unpack(back, packed.words, 0, packed.wireWords, packed.localWords)).toBe(true);
            expect(describeFlow(back)).toEqual(describeFlow(flow));
          }),
          { numRuns: 1000 },
        );
      });
    }
  }
});

describe("a flow in a kernel message", () => {
  it("reads back as it was written", () => {
    fc.assert(
      fc.property(anyFlowSeed, (seed) => {
        const flow = buildFlow(seed);
        const w = new MessageWriter(2048);
        encodeKernelFlow(w, flow);
        const back = new FlowRegister();
        expect(decodeKernelFlow(back, w.bytes, 0, w.length)).toBe(true);
        expect(describeFlow(back)).toEqual(describeFlow(flow));
      }),
      { numRuns: 1000 },
    );
  });

  it("may be any bytes at all", () => {
    const r = new FlowRegister();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        decodeKernelFlow(r, bytes, 0, bytes.length);
      }),
      { numRuns: 2000 },
    );
  });
});
