import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Arena, NULL_REF } from "./arena.ts";
import { QueueId, RecordQueue } from "./queue.ts";
import { H, HEADER_WORDS, Meta } from "./record.ts";

function members(queue: RecordQueue): number[] {
  const out: number[] = [];
  for (let ref = queue.head; ref !== NULL_REF; ref = queue.next(ref)) out.push(ref);
  return out;
}

function backwards(arena: Arena, queue: RecordQueue): number[] {
  const out: number[] = [];
  for (let ref = queue.tail; ref !== NULL_REF; ) {
    out.push(ref);
    ref = arena.page(ref)[arena.offset(ref) + H.queuePrevious]!;
  }
  return out;
}

const inQueue = (arena: Arena, ref: number) =>
  (arena.page(ref)[arena.offset(ref) + H.meta]! & Meta.queueMask) >> Meta.queueShift;

describe("a queue of records", () => {
  it("keeps the order of an array, whatever joins, leaves and moves", () => {
    const step = fc.record({
      what: fc.constantFrom("append", "append", "remove", "move"),
      pick: fc.nat(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const arena = new Arena();
        const queue = new RecordQueue(arena, QueueId.resend);
        const model: number[] = [];
        for (const { what, pick } of steps) {
          const at = model.length === 0 ? -1 : pick % model.length;
          if (what === "append") {
            const ref = arena.allocate(HEADER_WORDS);
            arena.page(ref)[arena.offset(ref) + H.meta] = 0xff00;
            queue.append(ref);
            model.push(ref);
          } else if (at < 0) continue;
          else if (what === "remove") {
            queue.remove(model[at]!);
            expect(inQueue(arena, model[at]!)).toBe(QueueId.none);
            model.splice(at, 1);
          } else {
            const from = model[at]!;
            const to = arena.allocate(HEADER_WORDS);
            for (let i = 0; i < HEADER_WORDS; i++) {
              arena.page(to)[arena.offset(to) + i] = arena.page(from)[arena.offset(from) + i]!;
            }
            queue.moved(to);
            model[at] = to;
          }
          expect(queue.length).toBe(model.length);
        }
        expect(members(queue)).toEqual(model);
        expect(backwards(arena, queue)).toEqual([...model].reverse());
        for (const ref of model) {
          expect(inQueue(arena, ref)).toBe(QueueId.resend);
          expect(arena.page(ref)[arena.offset(ref) + H.meta]! & 0xff00).toBe(0xff00);
        }
      }),
      { numRuns: 200 },
    );
  });
});
