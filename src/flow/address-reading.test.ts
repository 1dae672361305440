import { isIPv6 } from "node:net";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readIpv4, readIpv6 } from "./address-reading.ts";
import { ipv6Text } from "./address-text.ts";

describe("IPv4", () => {
  it.each([
    ["10.0.0.1", 0x0a000001],
    ["10.1", 0x0a000001],
    ["1.2.3", 0x01020003],
    ["0x7f.1", 0x7f000001],
    ["2130706433", 0x7f000001],
    ["010.0.0.1", 0x08000001],
    ["1.2.3.4 and more", 0x01020304],
    ["255.255.255.255", 0xffffffff],
    ["0", 0],
    ["", -1],
    ["1.2.3.256", -1],
    ["1.2.3.4.5", -1],
    ["1.2.3.", -1],
    ["08.1.1.1", -1],
    ["0x", -1],
    ["4294967296", -1],
    ["1.2.3.4x", -1],
    ["::1", -1],
  ])("%j is %d", (text, address) => expect(readIpv4(text)).toBe(address));
});

describe("IPv6", () => {
  const text = fc.string({
    unit: fc.constantFrom(":", "0", "f", "1", ".", "10", "::"),
    maxLength: 24,
  });
  const out = new Uint8Array(20);
  it("is what the system takes for one", () => {
    fc.assert(
      fc.property(text, (each) => {
        expect(readIpv6(each, out, 4)).toBe(isIPv6(each));
      }),
      { numRuns: 2000 },
    );
  });
  it("is read as it is written", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
        expect(readIpv6(ipv6Text(bytes, 0), out, 4)).toBe(true);
        expect(out.subarray(4)).toEqual(bytes);
      }),
    );
  });
});
