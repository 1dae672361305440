import { describe, expect, it } from "vitest";
import { MESSAGE_MAX_BYTES, Outbox } from "./outbox.ts";

/** Reserve messages of `bytes` until the batch is full; the lengths of the datagrams. */
function fill(limit: number, slots: number, bytes: number, messages: number): number[] {
  const outbox = new Outbox(limit, slots);
  for (let i = 0; i < messages; i++) if (outbox.reserve(bytes) < 0) break;
  return Array.from(outbox.lengths.subarray(0, outbox.count));
}

describe("a batch of datagrams", () => {
  it("puts 28 messages of 52 bytes into a datagram at MTU 1500", () => {
    expect(fill(1500 - 28, 3, 52, 60)).toEqual([28 * 52, 28 * 52, 4 * 52]);
  });

  it("stays strictly below the limit: 9 messages at MTU 548, where 10 would fill it", () => {
    expect(fill(548 - 28, 3, 52, 20)).toEqual([9 * 52, 9 * 52, 2 * 52]);
  });

  it("sends a message as large as the limit alone", () => {
    const outbox = new Outbox(40, 4);
    expect(outbox.reserve(8)).toBe(0);
    outbox.reserve(40);
    outbox.reserve(308);
    outbox.reserve(8);
    expect(Array.from(outbox.lengths)).toEqual([8, 40, 308, 8]);
  });

  it("gives every message room of its own", () => {
    const outbox = new Outbox(100, 2);
    expect([outbox.reserve(16), outbox.reserve(8), outbox.reserve(52)]).toEqual([0, 4, 6]);
    const at = outbox.reserve(MESSAGE_MAX_BYTES);
    expect(at * 4).toBe(outbox.offsets[1]);
    expect(at * 4 + MESSAGE_MAX_BYTES).toBeLessThanOrEqual(outbox.bytes.length);
  });

  it("says when the batch must be sent first, and starts again when it was", () => {
    const outbox = new Outbox(40, 1);
    expect(outbox.reserve(32)).toBe(0);
    expect(outbox.reserve(8)).toBe(-1);
    expect(outbox.reserve(8)).toBe(-1);
    expect(outbox.count).toBe(1);
    outbox.clear();
    expect(outbox.count).toBe(0);
    expect(outbox.reserve(8)).toBe(0);
    expect(outbox.lengths[0]).toBe(8);
  });
});
