import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { anyFlowSeed, buildFlow } from "../../test/support/flows.ts";
import { runFilter } from "../../test/support/kernel-bpf.ts";
import { addressBytes, eventMessage, plainFlow } from "../../test/support/kernel-flows.ts";
import { type FilterOptions, flowFilter, type Network } from "./filter.ts";
import { kernelFilter } from "./kernel-filter.ts";
import { type FlowRegister, IPPROTO_TCP, W } from "./register.ts";

const ESTABLISHED = 3;
const SYN_SENT = 1;
const net = (text: string, prefix?: number): Network => {
  const address = addressBytes(text);
  return { address, prefix: prefix ?? address.length * 8 };
};
const V6_A = "2001:db8:0:0:0:0:0:1";
const V6_B = "2001:db8:0:0:0:0:0:2";

const FLOWS: readonly (readonly [number, FlowRegister])[] = [
  [2, plainFlow({ source: "10.1.1.1", target: "10.2.2.2", tcpState: ESTABLISHED })],
  [3, plainFlow({ source: "10.3.3.3", target: "10.4.4.4", tcpState: SYN_SENT })],
  [4, plainFlow({ protocol: 17, source: "10.1.1.1", target: "10.2.2.2" })],
  [
    5,
    plainFlow({
      source: "10.5.5.5",
      target: "10.6.6.6",
      replySource: "10.9.9.9",
      tcpState: ESTABLISHED,
    }),
  ],
  [6, plainFlow({ protocol: 17, source: V6_A, target: V6_B })],
];

const tcp = { protocols: { accept: true, list: [IPPROTO_TCP] } };
const established = { states: { accept: true, list: [ESTABLISHED] } };
const addresses = (accept: boolean, ...list: Network[]) => ({ addresses: { accept, list } });

/** The verified matrix: which of the five flows reach the cache. */
const MATRIX: readonly (readonly [string, FilterOptions, readonly number[]])[] = [
  ["nothing", {}, [2, 3, 4, 5, 6]],
  ["Protocol Accept TCP", tcp, [2, 3, 5]],
  ["Protocol Ignore TCP", { protocols: { accept: false, list: [IPPROTO_TCP] } }, [4, 6]],
  ["Protocol Accept of nothing", { protocols: { accept: true, list: [] } }, []],
  ["Protocol Ignore of nothing", { protocols: { accept: false, list: [] } }, [2, 3, 4, 5, 6]],
  ["Protocol Ignore TCP and UDP", { protocols: { accept: false, list: [6, 17] } }, []],
  ["Address Ignore 10.1.1.1", addresses(false, net("10.1.1.1")), [3, 5, 6]],
  ["Address Ignore 10.6.6.6", addresses(false, net("10.6.6.6")), [2, 3, 4, 5, 6]],
  ["Address Ignore 10.9.9.9", addresses(false, net("10.9.9.9")), [2, 3, 4, 6]],
  ["Address Ignore 10.4.0.0/16", addresses(false, net("10.4.0.0", 16)), [2, 4, 5, 6]],
  [
    "Address Accept 10.4.0.0/16 and 10.1.1.1",
    addresses(true, net("10.4.0.0", 16), net("10.1.1.1")),
    [2, 3, 4],
  ],
  ["Address Accept both ends", addresses(true, net("10.1.1.1"), net("10.2.2.2")), [2, 4]],
  ["Address Accept of one IPv6 network", addresses(true, net("2001:db8:0:0:0:0:0:0", 64)), [6]],
  ["Address Ignore of one IPv6 host", addresses(false, net(V6_B)), [2, 3, 4, 5]],
  ["Address Ignore 10.0.0.0/0", addresses(false, net("10.0.0.0", 0)), [6]],
  ["State Accept ESTABLISHED", established, [2, 4, 5, 6]],
  ["State Ignore ESTABLISHED", { states: { accept: false, list: [ESTABLISHED] } }, [3, 4, 6]],
  ["State Accept of nothing", { states: { accept: true, list: [] } }, [4, 6]],
  ["all three sections", { ...tcp, ...established, ...addresses(false, net("10.1.1.1")) }, [5]],
];

describe("the filter", () => {
  it.each(MATRIX)("%s", (_name, options, passing) => {
    const filter = flowFilter(options);
    expect(FLOWS.filter(([, flow]) => filter(flow)).map(([name]) => name)).toEqual(passing);
  });

  it.each(MATRIX)("%s, in the kernel", (_name, options, passing) => {
    const program = kernelFilter(options);
    const passes = (flow: FlowRegister) => runFilter(program, eventMessage("new", flow));
    expect(FLOWS.filter(([, flow]) => passes(flow)).map(([name]) => name)).toEqual(passing);
  });
});

const anyNetwork = fc
  .tuple(
    fc.boolean(),
    fc.array(fc.integer({ min: 0, max: 255 }), { minLength: 16, maxLength: 16 }),
    fc.nat(),
  )
  .map(([v4, bytes, prefix]): Network => {
    const address = Uint8Array.from(bytes.slice(0, v4 ? 4 : 16));
    return { address, prefix: prefix % (address.length * 8 + 1) };
  });
const anySection = <T>(item: fc.Arbitrary<T>) =>
  fc.option(fc.record({ accept: fc.boolean(), list: fc.array(item, { maxLength: 6 }) }), {
    nil: undefined,
  });

describe("the kernel's program", () => {
  it("decides as user space does, for generated flows and filters", () => {
    const both = { accept: 0, reject: 0 };
    fc.assert(
      fc.property(
        anyFlowSeed,
        anySection(fc.constantFrom(1, 6, 17, 33, 47, 58, 132)),
        anySection(anyNetwork),
        anySection(fc.integer({ min: 0, max: 9 })),
        fc.integer({ min: 0, max: 3 }),
        (seed, protocols, generated, states, aim) => {
          const flow = buildFlow(seed);
          if (flow.words[W.tcpState]! > 9) flow.words[W.tcpState] = flow.words[W.tcpState]! % 10;
          const size = flow.words[W.family] === 2 ? 4 : 16;
          // Random networks seldom contain random addresses: aim one at the flow.
          const at = (aim === 1 ? W.origSrc : aim === 2 ? W.replySrc : W.origDst) * 4;
          const aimed = {
            address: flow.bytes.slice(at, at + size),
            prefix: seed.has1 & (size * 8 - 1),
          };
          const list = generated?.list ?? [];
          const options: FilterOptions = {
            protocols,
            states,
            addresses: generated && { ...generated, list: aim === 0 ? list : [...list, aimed] },
          };
          const wanted = flowFilter(options)(flow);
          both[wanted ? "accept" : "reject"] += 1;
          expect(runFilter(kernelFilter(options), eventMessage("update", flow))).toBe(wanted);
        },
      ),
      { numRuns: 1500 },
    );
    expect(both.accept).toBeGreaterThan(100);
    expect(both.reject).toBeGreaterThan(100);
  });

  it("lets messages of other subsystems pass", () => {
    const bytes = eventMessage("new", plainFlow());
    bytes[5] = 2;
    expect(runFilter(kernelFilter({ protocols: { accept: true, list: [] } }), bytes)).toBe(true);
  });

  it("is empty where nothing is filtered, and says when it is too long", () => {
    expect(kernelFilter({})).toHaveLength(0);
    const list = Array.from({ length: 2000 }, (_, i) => net(`10.0.${i >> 8}.${i & 255}`));
    expect(() => kernelFilter(addresses(true, ...list))).toThrow(RangeError);
  });
});
