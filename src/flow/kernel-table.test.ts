import { describe, expect, it } from "vitest";
import { eventMessage, plainFlow } from "../../test/support/kernel-flows.ts";
import { MessageWriter } from "../netlink/message.ts";
import { encodeKernelFlow } from "./kernel-encode.ts";
import { decodeKernelFlow } from "./kernel-table.ts";
import { FlowRegister, Has0, W } from "./register.ts";

const HEADERS = 20;
const read = (bytes: Uint8Array, end = bytes.length) => {
  const flow = new FlowRegister();
  return decodeKernelFlow(flow, bytes, HEADERS, end) ? flow : undefined;
};

describe("a kernel message", () => {
  it("cut anywhere is refused or read as far as whole attributes go", () => {
    const whole = eventMessage("new", plainFlow({ tcpState: 3, mark: 5, zone: 2 }));
    for (let end = HEADERS; end < whole.length; end++) {
      const flow = read(whole, end);
      if (flow === undefined) continue;
      expect(flow.words[W.origL4Src]).toBe(1024);
    }
    expect(read(whole)!.words[W.tcpState]).toBe(3);
  });

  it("without an original tuple is refused", () => {
    const w = new MessageWriter(64);
    w.begin(0x100, 0, 0, 2);
    w.be32(8, 1);
    w.end();
    expect(read(w.bytes, w.length)).toBeUndefined();
    expect(read(w.bytes, HEADERS)).toBeUndefined();
  });

  it("may hold attributes that a newer kernel has", () => {
    const w = new MessageWriter(512);
    w.begin(0x100, 0, 0, 2);
    w.be32(99, 1);
    encodeKernelFlow(w, plainFlow({ mark: 3 }));
    w.raw(1000, new Uint8Array(7), 0, 7);
    w.end();
    expect(read(w.bytes, w.length)!.words[W.mark]).toBe(3);
  });

  it("leaves nothing of the flow before it", () => {
    const flow = new FlowRegister();
    const first = eventMessage("new", plainFlow({ mark: 3, tcpState: 1, zone: 7, master: {} }));
    const second = eventMessage("new", plainFlow({ protocol: 17 }));
    decodeKernelFlow(flow, first, HEADERS, first.length);
    decodeKernelFlow(flow, second, HEADERS, second.length);
    expect(flow.has0(Has0.mark | Has0.tcpState | Has0.zone | Has0.master)).toBe(false);
    expect(flow.words[W.zone]).toBe(0);
  });

  it("of a protocol without ports has none, whatever its tuple says", () => {
    const bytes = eventMessage("new", plainFlow());
    // The protocol number of both tuples, from TCP to one without ports.
    for (let at = HEADERS; at < bytes.length - 8; at++) {
      if (bytes[at] === 5 && bytes[at + 2] === 1 && bytes[at + 4] === 6) bytes[at + 4] = 253;
    }
    const flow = read(bytes)!;
    expect(flow.words[W.protocol]).toBe(253);
    expect([flow.words[W.origL4Src], flow.has0(Has0.origL4 | Has0.replyL4)]).toEqual([0, false]);
  });
});
