import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Arena } from "./arena.ts";
import { QueueId } from "./queue.ts";
import { HEADER_WORDS } from "./record.ts";
import { TimingWheel } from "./timing-wheel.ts";

const setup = (slots = 8) => {
  const arena = new Arena();
  const wheel = new TimingWheel(arena, QueueId.timed, slots);
  const make = () => {
    const ref = arena.allocate(HEADER_WORDS);
    arena.page(ref).fill(0, arena.offset(ref), arena.offset(ref) + HEADER_WORDS);
    return ref;
  };
  const due = (until: number, budget = 1000) => {
    const out: number[] = [];
    const isDone = wheel.advance(until, budget, (ref) => out.push(ref));
    return { out, isDone };
  };
  return { arena, wheel, make, due };
};

describe("a timing wheel", () => {
  it("gives each record at its tick, in the order of the ticks", () => {
    const { wheel, make, due } = setup();
    const [a, b, c] = [make(), make(), make()];
    wheel.add(a, 3);
    wheel.add(b, 2);
    wheel.add(c, 3);
    expect(due(1).out).toEqual([]);
    expect(due(3).out).toEqual([b, a, c]);
    expect(wheel.length).toBe(0);
  });

  it("keeps what is due in a later round", () => {
    const { wheel, make, due } = setup(8);
    const [near, far] = [make(), make()];
    wheel.add(near, 2);
    wheel.add(far, 2 + 16);
    expect(due(2).out).toEqual([near]);
    expect(due(10).out).toEqual([]);
    expect(due(17).out).toEqual([]);
    expect(due(18).out).toEqual([far]);
  });

  it("gives up a record that leaves, and follows one that moves", () => {
    const { arena, wheel, make, due } = setup();
    const [a, b, c] = [make(), make(), make()];
    for (const ref of [a, b, c]) wheel.add(ref, 5);
    wheel.remove(b);
    const moved = make();
    arena
      .page(moved)
      .copyWithin(arena.offset(moved), arena.offset(a), arena.offset(a) + HEADER_WORDS);
    wheel.moved(moved);
    expect(due(5).out).toEqual([moved, c]);
  });

  it("does no more than it is asked for, and goes on where it stopped", () => {
    const { wheel, make, due } = setup();
    for (let i = 0; i < 10; i++) wheel.add(make(), 1 + (i % 3));
    expect(due(3, 4)).toMatchObject({ isDone: false, out: { length: 4 } });
    expect(due(3, 4)).toMatchObject({ isDone: false, out: { length: 4 } });
    expect(due(3, 4)).toMatchObject({ isDone: true, out: { length: 2 } });
    expect(wheel.tick).toBe(3);
  });

  it("finds everything after a pause of many rounds", () => {
    const { wheel, make, due } = setup(4);
    const refs = [1, 2, 3, 9, 30].map((tick) => {
      const ref = make();
      wheel.add(ref, tick);
      return ref;
    });
    expect(due(1000).out.sort()).toEqual(refs.sort());
  });

  it("gives nothing early, nothing late and nothing twice", () => {
    const waits = fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 40 });
    fc.assert(
      fc.property(waits, fc.array(fc.integer({ min: 1, max: 20 })), (ticks, steps) => {
        const { wheel, make, due } = setup(16);
        const dueAt = new Map(ticks.map((tick) => [make(), tick]));
        for (const [ref, tick] of dueAt) wheel.add(ref, tick);
        let now = 0;
        for (const step of [...steps, 60]) {
          const before = now;
          now += step;
          for (const ref of due(now).out) {
            expect(dueAt.get(ref)).toSatisfy((t: number) => t > before && t <= now);
            dueAt.delete(ref);
          }
        }
        for (const tick of dueAt.values()) expect(tick).toBeGreaterThan(now);
      }),
    );
  });
});
