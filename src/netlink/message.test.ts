import { describe, expect, it } from "vitest";
import {
  IPCTNL_MSG_CT_NEW,
  MessageWriter,
  readBe16,
  readBe32,
  readI32,
  readU16,
} from "./message.ts";

describe("a netlink writer", () => {
  it("writes header, netfilter header and attributes, each padded to four", () => {
    const w = new MessageWriter(256);
    w.begin(IPCTNL_MSG_CT_NEW, 0x605, 7, 2);
    const nest = w.beginNest(1);
    w.u8(1, 6);
    w.be16(2, 0x1234);
    w.be32(3, 0xdeadbeef);
    w.endNest(nest);
    w.text(5, Uint8Array.of(0x66, 0x74, 0x70), 0, 3);
    w.pair(4, 8, 8);
    w.be64(6, 1, 2);
    w.raw(7, Uint8Array.of(9, 8, 7, 6, 5), 1, 3);
    w.end();
    expect(Buffer.from(w.bytes.subarray(0, w.length)).toString("hex").match(/.{8}/g)).toEqual([
      "54000000",
      "00010506",
      "07000000",
      "00000000",
      "02000000",
      "1c000180",
      "05000100",
      "06000000",
      "06000200",
      "12340000",
      "08000300",
      "deadbeef",
      "08000500",
      "66747000",
      "06000400",
      "08080000",
      "0c000600",
      "00000002",
      "00000001",
      "07000700",
      "08070600",
    ]);
  });

  it("puts messages one behind the other and starts again after reset", () => {
    const w = new MessageWriter(64);
    for (const sequence of [1, 2]) {
      w.begin(IPCTNL_MSG_CT_NEW, 0, sequence, 2);
      w.end();
    }
    expect([w.length, w.room, readI32(w.bytes, 20 + 8)]).toEqual([40, 24, 2]);
    w.reset();
    expect(w.length).toBe(0);
  });

  it("never writes beyond its end", () => {
    const w = new MessageWriter(24);
    w.begin(IPCTNL_MSG_CT_NEW, 0, 1, 2);
    expect(() => w.be32(1, 1)).toThrow("room for an attribute");
    expect(() => new MessageWriter(16).begin(0, 0, 0, 0)).toThrow("room for a header");
  });
});

describe("readers", () => {
  it("read either order", () => {
    const bytes = Uint8Array.of(0, 0xfe, 0xdc, 0xba, 0x98);
    expect(readU16(bytes, 1)).toBe(0xdcfe);
    expect(readBe16(bytes, 1)).toBe(0xfedc);
    expect(readI32(bytes, 1) >>> 0).toBe(0x98badcfe);
    expect(readBe32(bytes, 1) >>> 0).toBe(0xfedcba98);
  });
});
