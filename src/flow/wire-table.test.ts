import { describe, expect, it } from "vitest";
import { FlowRegister, Has0, W } from "./register.ts";
import { decodeWireFlow, encodeWireFlow, WIRE_EVERYTHING, wireTable } from "./wire-table.ts";

/** Messages captured from the reference, header of eight bytes included. */
const VECTORS: Record<string, string> = {
  "TCP, established": `1100003c 6b043272 000c0000 0a010002 0a020002 00080005 0000000e
    00050002 06000000 00080003 9c411e61 00050004 03000000 00080006 00069780`,
  UDP: `10000034 6b043276 000c0000 0a010002 0a020002 00080005 00000008
    00050002 11000000 00080003 9c421e62 00080006 0000001e`,
  "ICMP, id in reversed order": `11000044 6b043278 000c0000 0a010002 0a020002 00080005 0000000a
    00050002 01000000 00050016 08000000 00050017 00000000 00060018 34120000 00080006 0000001e`,
  "source NAT to a port": `11000044 6b0432d9 000c0000 0a010002 0a020002 00080005 0000019a
    00050002 11000000 00080003 a0321e62 00080006 0000001e 0008000c 0a020001 0006000e 50c30000`,
  "destination NAT with window scales": `1100005c 6b0432de 000c0000 0a010002 0a010001 00080005
    000001ae 00050002 06000000 00080003 a0331e64 00050004 04000000 00050019 0a000000
    0005001a 0a000000 00080006 00000078 0008000d 0a020002 0006000f 611e0000`,
  "IPv6 with source NAT": `10000068 6b0432e9 00240001 fd010000 00000000 00000000 00000002
    fd020000 00000000 00000000 00000002 00080005 00000198 00050002 11000000
    00080003 a0321e62 00080006 0000001e
    0014001d fd020000 00000000 00000000 00000001 0006000e 50c30000`,
  labels: `10000048 6b0432d2 000c0000 0a010002 0a020002 00080005 00000188
    00050002 11000000 00080003 a02a1e62 00080006 0000001e
    0014001c 00000008 00000020 00000000 00000000`,
  zone: `1000003c 6b0432e1 000c0000 0a010002 0a020002 00080005 00000188
    00050002 11000000 00080003 a0341e6e 00080006 0000001e 00060020 00050000`,
  SCTP: `1000004c 6b0432ed 000c0000 0a010002 0a020002 00080005 00000188
    00050002 84000000 00080003 a038270f 00050011 01000000 00080012 00000000
    00080013 11223344 00080006 0000000a`,
  "SYN proxy with sequence adjustment": `11000078 6b043316 000c0000 0a010002 0a020002 00080005
    000001ce 00050002 06000000 00080003 a04722b8 00050004 03000000 00050019 0a000000
    0005001a 0a000000 00080006 00069780
    001c0010 00000000 00000000 00000000 00000000 44e28c6f 44e28c6f
    0010001f 00112f9a 3de5cb35 95be09fa`,
  "related to a master": `11000068 6b0432f4 000c0000 0a010002 0a020002 00080005 0000018f
    00050002 06000000 00080003 af6aa30b 00050004 03000000 00050019 0a000000
    0005001a 0a000000 00080006 00069780
    000c0008 0a010002 0a020002 0005000a 06000000 0008000b a03c0015`,
};

function payload(hex: string): Int32Array {
  const bytes = Uint8Array.from(hex.replace(/\s/g, "").match(/../g)!, (x) =>
    Number.parseInt(x, 16),
  );
  return new Int32Array(bytes.slice(8).buffer);
}

describe("the flow on the wire", () => {
  for (const [name, hex] of Object.entries(VECTORS)) {
    it(`reads and writes the captured message: ${name}`, () => {
      const words = payload(hex);
      const r = new FlowRegister();
      expect(decodeWireFlow(r, words, 0, words.length * 4)).toBe(true);
      const out = new Int32Array(200);
      const end = encodeWireFlow(r, WIRE_EVERYTHING, out, 0);
      expect(Array.from(out.subarray(0, end))).toEqual(Array.from(words));
    });
  }

  it("reads ports and ids in the byte order of their attribute", () => {
    const r = new FlowRegister();
    const nat = payload(VECTORS["source NAT to a port"]!);
    decodeWireFlow(r, nat, 0, nat.length * 4);
    expect(r.words[W.snatPort]).toBe(50000);
    expect(r.words[W.origL4Src]).toBe(0xa032);
    const icmp = payload(VECTORS["ICMP, id in reversed order"]!);
    decodeWireFlow(r, icmp, 0, icmp.length * 4);
    expect(r.words[W.origL4Src]).toBe(0x1234);
    expect(r.words[W.origL4Dst]).toBe(0x0800);
  });

  it("knows every id exactly once", () => {
    const ids = wireTable.map((each) => each.id).sort((a, b) => a - b);
    expect(ids).toEqual(Array.from({ length: 33 }, (_, i) => i));
  });
});

describe("a message that must not be applied", () => {
  const base = "00000000 00000000 000c0000 0a010002 0a020002 00050002 06000000";
  const verdict = (hex: string, trim = 0) => {
    const words = payload(hex);
    return decodeWireFlow(new FlowRegister(), words, 0, words.length * 4 - trim);
  };

  it("is one with an unknown attribute", () => {
    expect(verdict(`${base} 00050028 00000000`)).toBe(false);
  });
  it("is one whose attribute runs past its end, or is shorter than its own header", () => {
    expect(verdict(`${base} 00080006 00000001`)).toBe(true);
    expect(verdict(`${base} 00080006 00000001`, 3)).toBe(false);
    expect(verdict(`${base} 00030006 00000001`)).toBe(false);
  });
  it("is one with a fixed attribute of another length", () => {
    expect(verdict(`${base} 00070006 00000001`)).toBe(false);
  });
  it("is one without addresses, without a protocol, or with two families", () => {
    expect(verdict("00000000 00000000 00050002 06000000 00080003 00010002")).toBe(false);
    expect(verdict("00000000 00000000 000c0000 0a010002 0a020002 00080003 00010002")).toBe(false);
    const v6 = "00240001 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000";
    expect(verdict(`${base} ${v6}`)).toBe(false);
  });
  it("is one whose helper name has no NUL, is empty, or is too long", () => {
    expect(verdict(`${base} 0008001b 66747000`)).toBe(true);
    expect(verdict(`${base} 0008001b 66747070`)).toBe(false);
    expect(verdict(`${base} 0006001b 00000000`)).toBe(false);
    expect(verdict(`${base} 0014001b 61616161 61616161 61616161 61616100`)).toBe(false);
  });
});

describe("a message that is kept without its labels", () => {
  it("has a label attribute of odd size, or more labels than the kernel can hold", () => {
    const base = "00000000 00000000 000c0000 0a010002 0a020002 00050002 06000000";
    for (const extra of ["0007001c 00000100", `0018001c ${"00000001 ".repeat(5)}`]) {
      const words = payload(`${base} ${extra}`);
      const r = new FlowRegister();
      expect(decodeWireFlow(r, words, 0, words.length * 4)).toBe(true);
      expect(r.has0(Has0.labels)).toBe(false);
    }
  });
});
