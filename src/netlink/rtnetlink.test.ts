import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RTM_DELLINK, RTM_NEWLINK, readLinkNews } from "./rtnetlink.ts";

interface Message {
  readonly type?: number;
  readonly family?: number;
  readonly index?: number;
  readonly flags?: number;
  readonly attributes?: readonly (readonly [type: number, value: Uint8Array])[];
}

const name = (text: string): [number, Uint8Array] => [3, Buffer.from(`${text}\0`)];

function message({
  type = RTM_NEWLINK,
  family = 0,
  index = 7,
  flags = 0,
  attributes = [],
}: Message) {
  const body = attributes.flatMap(([id, value]) => {
    const attribute = new Uint8Array((4 + value.length + 3) & ~3);
    const view = new DataView(attribute.buffer);
    view.setUint16(0, 4 + value.length, true);
    view.setUint16(2, id, true);
    attribute.set(value, 4);
    return [...attribute];
  });
  const bytes = Uint8Array.from([...new Uint8Array(32), ...body]);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length, true);
  view.setUint16(4, type, true);
  bytes[16] = family;
  view.setInt32(20, index, true);
  view.setUint32(24, flags, true);
  return bytes;
}

const read = (bytes: Uint8Array) => readLinkNews(bytes, 0, bytes.length);

describe("news of an interface", () => {
  it("tells number, flags and name, whatever stands before the name", () => {
    const mtu: [number, Uint8Array] = [4, Uint8Array.of(220, 5, 0, 0)];
    const bytes = message({
      flags: 0x1043,
      attributes: [mtu, [20, new Uint8Array(5)], name("eth7")],
    });
    expect(read(bytes)).toEqual({ index: 7, flags: 0x1043, name: "eth7" });
  });

  it("has no flags when the interface is gone", () => {
    const bytes = message({ type: RTM_DELLINK, flags: 0x1043, attributes: [name("eth7")] });
    expect(read(bytes)).toEqual({ index: 7, flags: 0, name: "eth7" });
  });

  it("is not what another family says: a port that leaves a bridge is still there", () => {
    expect(read(message({ type: RTM_DELLINK, family: 7 }))).toBeUndefined();
  });

  it("is not what another message says, nor one that is too short", () => {
    expect(read(message({ type: 24 }))).toBeUndefined();
    expect(readLinkNews(message({}), 0, 31)).toBeUndefined();
  });

  it("has no name where an attribute claims more than there is, or less than its header", () => {
    const bytes = message({ attributes: [name("eth7")] });
    for (const length of [0, 3, 200]) {
      new DataView(bytes.buffer).setUint16(32, length, true);
      expect(read(bytes)).toMatchObject({ index: 7, name: "" });
    }
  });

  it("has at most 15 characters of name", () => {
    const bytes = message({ attributes: [[3, new Uint8Array(40).fill(65)]] });
    expect(read(bytes)?.name).toBe("A".repeat(15));
  });

  it("stays within its bytes, whatever they are", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), fc.nat(120), (noise, cut) => {
        const bytes = Uint8Array.from([...message({}), ...noise]);
        const end = Math.min(bytes.length, 32 + cut);
        const inside = readLinkNews(bytes.slice(0, end), 0, end);
        expect(readLinkNews(bytes, 0, end)).toEqual(inside);
      }),
    );
  });
});
