import { describe, expect, it } from "vitest";
import { addressBytes, plainFlow } from "../../test/support/kernel-flows.ts";
import { icmpReplyType, NO_REPLY_TYPE } from "./icmp.ts";
import { deriveNat, isMirror, mirrorTuple } from "./nat.ts";
import { type FlowRegister, Has0, Status, W } from "./register.ts";

const BOTH = Status.SRC_NAT_DONE | Status.DST_NAT_DONE;

function found(flow: FlowRegister): string[] {
  deriveNat(flow);
  const address = (at: number) => flow.bytes.slice(at * 4, at * 4 + 4).join(".");
  const { words } = flow;
  return [
    ...(flow.has0(Has0.snat) ? [`snat ${address(W.snat)}`] : []),
    ...(flow.has0(Has0.dnat) ? [`dnat ${address(W.dnat)}`] : []),
    ...(flow.has0(Has0.snatPort) ? [`sport ${words[W.snatPort]}`] : []),
    ...(flow.has0(Has0.dnatPort) ? [`dport ${words[W.dnatPort]}`] : []),
  ];
}

describe("the translation of a flow", () => {
  it("is none where the reply mirrors the original", () => {
    expect(found(plainFlow({ status: BOTH }))).toEqual([]);
  });

  it("is none without the bits that say it was looked for", () => {
    expect(found(plainFlow({ replySource: "10.9.9.9" }))).toEqual([]);
  });

  it("is what the reply does not mirror", () => {
    const flow = plainFlow({ status: BOTH, replySource: "10.9.9.9" });
    flow.bytes.set(addressBytes("192.0.2.1"), W.replyDst * 4);
    flow.words[W.replyL4Dst] = 50_000;
    expect(found(flow)).toEqual(["snat 192.0.2.1", "dnat 10.9.9.9", "sport 50000"]);
    flow.words[W.replyL4Src] = 7778;
    expect(found(flow)).toContain("dport 7778");
  });

  it("is taken back when it is no more", () => {
    const flow = plainFlow({ status: BOTH, replySource: "10.9.9.9" });
    expect(found(flow)).toEqual(["dnat 10.9.9.9"]);
    flow.words.copyWithin(W.replySrc, W.origDst, W.origDst + 1);
    expect(found(flow)).toEqual([]);
    flow.words[W.has0]! &= ~Has0.reply;
    flow.words[W.has0]! |= Has0.dnat;
    expect(found(flow)).toEqual([]);
  });

  it.each([
    [0x1234, ["sport 0", "dport 0"]],
    [0x0800, ["sport 0"]],
    [0x0000, ["dport 0"]],
    [0x0008, ["sport 0", "dport 0"]],
  ])("of a ping with id %i has the phantom ports of the reference", (id, ports) => {
    expect(found(plainFlow({ protocol: 1, sourcePort: id, status: BOTH }))).toEqual(ports);
  });
});

describe("a mirrored tuple", () => {
  it.each([
    ["tcp", plainFlow()],
    [
      "tcp over IPv6",
      plainFlow({ source: "2001:db8:0:0:0:0:0:1", target: "2001:db8:0:0:0:0:0:2" }),
    ],
    ["a ping", plainFlow({ protocol: 1, sourcePort: 5 })],
    [
      "a ping over IPv6",
      plainFlow({ protocol: 58, source: "2001:db8:0:0:0:0:0:1", target: "2001:db8:0:0:0:0:0:2" }),
    ],
  ])("of %s is its own mirror", (_name, flow) => {
    const { words } = flow;
    const type = icmpReplyType(words[W.protocol]!, words[W.origL4Dst]! >>> 8);
    expect(isMirror(words, type)).toBe(true);
    words[W.replySrc]! ^= 1;
    words[W.replyL4Src]! ^= 1;
    expect(isMirror(words, type)).toBe(false);
    mirrorTuple(words, type);
    expect(isMirror(words, type)).toBe(true);
  });

  it("knows the answers of ICMP", () => {
    expect([8, 13, 15, 17, 5].map((type) => icmpReplyType(1, type))).toEqual([
      0,
      14,
      16,
      18,
      NO_REPLY_TYPE,
    ]);
    expect([128, 139, 1].map((type) => icmpReplyType(58, type))).toEqual([129, 140, NO_REPLY_TYPE]);
    expect(icmpReplyType(6, 8)).toBe(NO_REPLY_TYPE);
  });
});
