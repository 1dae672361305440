import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { anyFlowSeed, buildFlow } from "../../test/support/flows.ts";
import { FlowRegister, Has0, IPPROTO_TCP, IPPROTO_UDP, W } from "./register.ts";
import { decodeUsualHead, encodeUsualHead } from "./wire-fast.ts";
import {
  decodeWireFlow,
  decodeWireRows,
  encodeWireFlow,
  encodeWireRows,
  policyMask,
  WIRE_FLOW_MAX_WORDS,
} from "./wire-table.ts";

const anyMask = fc
  .record({ timeout: fc.boolean(), windowScale: fc.boolean() })
  .map((policy) => policyMask(policy));

function encoded(flow: FlowRegister, mask: number, encode = encodeWireRows): Int32Array {
  const out = new Int32Array(WIRE_FLOW_MAX_WORDS);
  return out.slice(0, encode(flow, mask, out, 0));
}

function decoded(words: Int32Array, bytes: number, decode = decodeWireRows) {
  const register = new FlowRegister();
  const isRead = decode(register, words, 0, bytes);
  return { isRead, words: isRead ? [...register.words] : [] };
}

describe("the fast path of a flow on the wire", () => {
  it("writes what the rows write, and is taken for TCP and UDP", () => {
    fc.assert(
      fc.property(anyFlowSeed, anyMask, (seed, mask) => {
        const flow = buildFlow(seed);
        expect(encoded(flow, mask, encodeWireFlow)).toEqual(encoded(flow, mask));
        const { words } = flow;
        const out = new Int32Array(WIRE_FLOW_MAX_WORDS);
        const isTaken = encodeUsualHead(words, words[W.has0]! & mask, out, 0) > 0;
        const isTcpOrUdp = words[W.protocol] === IPPROTO_TCP || words[W.protocol] === IPPROTO_UDP;
        expect(isTaken).toBe(isTcpOrUdp && !flow.has0(Has0.sctpState | Has0.dccpState));
      }),
      { numRuns: 1000 },
    );
  });

  it("reads what the rows read, and is taken for what the fast path has written", () => {
    fc.assert(
      fc.property(anyFlowSeed, anyMask, (seed, mask) => {
        const flow = buildFlow(seed);
        const words = encoded(flow, mask);
        const bytes = words.length * 4;
        expect(decoded(words, bytes, decodeWireFlow)).toEqual(decoded(words, bytes));
        const isTaken = decodeUsualHead(new FlowRegister(), words, 0, bytes) > 0;
        const out = new Int32Array(WIRE_FLOW_MAX_WORDS);
        const isUsual = encodeUsualHead(flow.words, flow.words[W.has0]! & mask, out, 0) > 0;
        if (isUsual) expect(isTaken).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  it("never reads otherwise than the rows when words are changed and ends are cut off", () => {
    const change = fc.tuple(fc.nat(95), fc.integer());
    fc.assert(
      fc.property(
        anyFlowSeed,
        fc.array(change, { maxLength: 2 }),
        fc.nat(12),
        (seed, changes, cut) => {
          const words = encoded(buildFlow(seed), -1);
          for (const [at, value] of changes) if (at < words.length) words[at] = value;
          const bytes = words.length * 4 - cut;
          expect(decoded(words, bytes, decodeWireFlow)).toEqual(decoded(words, bytes));
        },
      ),
      { numRuns: 3000 },
    );
  });

  it("reads attributes that come twice as the rows do", () => {
    fc.assert(
      fc.property(anyFlowSeed, anyFlowSeed, (one, other) => {
        const words = Int32Array.of(
          ...encoded(buildFlow(one), -1),
          ...encoded(buildFlow(other), -1),
        );
        const bytes = words.length * 4;
        expect(decoded(words, bytes, decodeWireFlow)).toEqual(decoded(words, bytes));
      }),
      { numRuns: 1000 },
    );
  });
});
