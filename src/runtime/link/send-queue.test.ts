import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SendQueue } from "./send-queue.ts";

const push = (queue: SendQueue, ...bytes: number[]) =>
  queue.push(Uint8Array.from(bytes), 0, bytes.length);
const waiting = (queue: SendQueue) => [
  ...queue.bytes.subarray(queue.start, queue.start + queue.length),
];

describe("the queue of a TCP link", () => {
  it("gives datagrams in order, one behind the other", () => {
    const queue = new SendQueue(4, 10);
    push(queue, 1, 2);
    push(queue, 3);
    expect(waiting(queue)).toEqual([1, 2, 3]);
    expect(queue.count).toBe(2);
  });

  it("begins a new connection where a datagram begins", () => {
    const queue = new SendQueue(4, 10);
    push(queue, 1, 2);
    push(queue, 3, 4, 5);
    queue.sent(3);
    expect(waiting(queue)).toEqual([4, 5]);
    queue.rewind();
    expect(waiting(queue)).toEqual([3, 4, 5]);
  });

  it("takes no more datagrams and no more bytes than it has room for", () => {
    const queue = new SendQueue(3, 4);
    expect([push(queue, 1), push(queue, 2), push(queue, 3), push(queue, 4)]).toEqual([
      true,
      true,
      true,
      false,
    ]);
    const wide = new SendQueue(1 << 30, 1 << 20);
    expect(wide.bytes.length).toBe(4 << 20);
  });

  it("hands its datagrams over whole, and says how many found no room", () => {
    const queue = new SendQueue(3, 4);
    push(queue, 1, 1);
    push(queue, 2);
    push(queue, 3);
    queue.sent(1);
    const other = new SendQueue(2, 4);
    expect(queue.moveTo(other)).toBe(1);
    expect(waiting(other)).toEqual([1, 1, 2]);
    expect([queue.count, queue.length]).toEqual([0, 0]);
  });

  it("loses and repeats nothing, in whatever pieces the kernel takes it", () => {
    const anyStep = fc.oneof(
      fc.record({ push: fc.integer({ min: 1, max: 9 }) }),
      fc.record({ take: fc.integer({ min: 1, max: 30 }) }),
    );
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 200 }), (steps) => {
        const queue = new SendQueue(5, 9);
        const given: number[] = [];
        const taken: number[] = [];
        for (const step of steps) {
          if ("push" in step) {
            const bytes = Array.from({ length: step.push }, (_, i) => (given.length + i) & 0xff);
            if (push(queue, ...bytes)) given.push(...bytes);
          } else {
            const count = Math.min(step.take, queue.length);
            taken.push(...waiting(queue).slice(0, count));
            queue.sent(count);
          }
        }
        expect([...taken, ...waiting(queue)]).toEqual(given);
      }),
    );
  });
});
