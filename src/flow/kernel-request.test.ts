import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { anyFlowSeed, buildFlow } from "../../test/support/flows.ts";
import { flowKey, plainFlow } from "../../test/support/kernel-flows.ts";
import { MessageWriter, readU16 } from "../netlink/message.ts";
import { KERNEL_FLOW_MAX_BYTES } from "./kernel-encode.ts";
import { isRelated, KernelRequests } from "./kernel-request.ts";
import { decodeKernelFlow } from "./kernel-table.ts";
import { FlowRegister, Has0, Has1, hasPorts, IPPROTO_TCP, isIcmp, Status, W } from "./register.ts";

type Write = (requests: KernelRequests, w: MessageWriter) => void;

/** What the kernel reads in a request, and its type and flags. */
function request(write: Write, windowTracking = false) {
  const w = new MessageWriter(KERNEL_FLOW_MAX_BYTES);
  write(new KernelRequests({ windowTracking }), w);
  const flow = new FlowRegister();
  expect(decodeKernelFlow(flow, w.bytes, 20, w.length)).toBe(true);
  return { flow, type: readU16(w.bytes, 4), flags: readU16(w.bytes, 6), family: w.bytes[16] };
}

const TRANSLATION = Has0.snat | Has0.dnat | Has0.snatPort | Has0.dnatPort;

describe("a request to create", () => {
  it("names the identity, mirrors the reply, and asks for a new entry", () => {
    fc.assert(
      fc.property(anyFlowSeed, (seed) => {
        const from = buildFlow(seed);
        const { flow, type, flags, family } = request((r, w) => r.create(w, from, 77, 1));
        expect([type, flags, family]).toEqual([0x100, 0x601, from.words[W.family]]);
        expect(flow.words[W.timeout]).toBe(77);
        expect(Array.from(flow.words.subarray(W.origSrc, W.origL4Dst + 1))).toEqual(
          Array.from(from.words.subarray(W.origSrc, W.origL4Dst + 1)),
        );
        const size = seed.v6 ? 4 : 1;
        for (let i = 0; i < size; i++) {
          expect(flow.words[W.replySrc + i]).toBe(from.words[W.origDst + i]);
          expect(flow.words[W.replyDst + i]).toBe(from.words[W.origSrc + i]);
        }
        if (hasPorts(flow.words[W.protocol]!)) {
          expect(flow.words[W.replyL4Src]).toBe(from.words[W.origL4Dst]);
        } else if (isIcmp(flow.words[W.protocol]!)) {
          expect(flow.words[W.replyL4Src]).toBe(from.words[W.origL4Src]);
        }
        if (flow.has0(Has0.status)) {
          expect(flow.words[W.status]! & (Status.EXPECTED | Status.CONFIRMED)).toBe(
            Status.CONFIRMED,
          );
        }
        expect(flow.words[W.has1]).toBe(from.words[W.has1]! & Has1.helperInfo);
      }),
      { numRuns: 500 },
    );
  });

  it("makes a TCP flow liberal, or passes its scales on where windows are tracked", () => {
    const from = plainFlow({ tcpState: 3 });
    const flags = (windowTracking: boolean) => {
      const { flow } = request((r, w) => r.create(w, from, 1, 1), windowTracking);
      return flow.has0(Has0.tcpFlagsOrig) ? flow.words[W.tcpFlagsOrig] : undefined;
    };
    expect([flags(false), flags(true)]).toEqual([0x0808, undefined]);
    from.words[W.wscaleOrig] = from.words[W.wscaleReply] = 7;
    from.words[W.has0]! |= Has0.wscaleOrig | Has0.wscaleReply;
    expect([flags(false), flags(true)]).toEqual([0x0909, 0x0101]);
  });

  it.each([IPPROTO_TCP, 17, 132, 33])("states a translated port of protocol %i", (protocol) => {
    const from = plainFlow({ protocol });
    from.words[W.snatPort] = 5000;
    from.words[W.has0]! |= Has0.snatPort;
    const { flow } = request((r, w) => r.create(w, from, 1, 1));
    expect([flow.has0(Has0.snatPort), flow.words[W.snatPort]]).toEqual([true, 5000]);
  });

  it("states no port for a ping with phantom ports", () => {
    const from = plainFlow({ protocol: 1 });
    from.words[W.snatPort] = from.words[W.dnatPort] = 0;
    from.words[W.has0]! |= Has0.snatPort | Has0.dnatPort;
    expect(request((r, w) => r.create(w, from, 1, 1)).flow.has0(TRANSLATION)).toBe(false);
  });
});

describe("a request to update", () => {
  it("leaves out what the kernel does not let change", () => {
    fc.assert(
      fc.property(anyFlowSeed, (seed) => {
        const from = buildFlow(seed);
        from.words[W.has0]! |= TRANSLATION;
        const { flow, flags } = request((r, w) => r.update(w, from, 1));
        expect(flags).toBe(1);
        expect(flow.has0(TRANSLATION | Has0.helper | Has0.master | Has0.reply)).toBe(false);
        expect(flow.words[W.status]! & (Status.SRC_NAT | Status.DST_NAT)).toBe(
          flow.has0(Has0.status) ? 0 : flow.words[W.status]! & (Status.SRC_NAT | Status.DST_NAT),
        );
        expect(flowKey(flow).split(" zone")[0]).toBe(flowKey(from).split(" zone")[0]);
      }),
      { numRuns: 300 },
    );
  });
});

describe("requests by tuple", () => {
  it("name the tuple and the zone, never nothing", () => {
    const from = plainFlow({ zone: 9, mark: 1 });
    const gone = request((r, w) => r.delete(w, from, 1));
    const asked = request((r, w) => r.get(w, from, 1));
    expect([gone.type, asked.type]).toEqual([0x102, 0x101]);
    for (const { flow, flags } of [gone, asked]) {
      expect(flags).toBe(1);
      expect(flowKey(flow)).toBe(flowKey(from));
      expect(flow.has0(Has0.mark | Has0.reply | Has0.timeout)).toBe(false);
    }
    expect(request((r, w) => r.delete(w, from, 1, true)).flags).toBe(5);
  });
});

describe("a related flow", () => {
  it("has a master with ports", () => {
    const flow = plainFlow({ master: {} });
    expect(isRelated(flow)).toBe(true);
    flow.words[W.has0]! &= ~Has0.masterL4;
    expect([isRelated(flow), isRelated(plainFlow())]).toEqual([false, false]);
  });
});
