import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { afterMessage, afterNews, GONE, isUsable, type LinkState } from "./links.ts";

const RUNNING: LinkState = { isUp: true, isRunning: true };
const CUT: LinkState = { isUp: true, isRunning: false };

const anyState = fc.record({ isUp: fc.boolean(), isRunning: fc.boolean() });
const anyStates = fc
  .array(anyState, { minLength: 1, maxLength: 4 })
  .chain((states) => fc.tuple(fc.constant(states), fc.nat(states.length - 1)));

describe("the link to send on, after news of an interface", () => {
  it("stays while it is up and running", () => {
    expect(afterNews([RUNNING, RUNNING], 1)).toBe(1);
  });

  it("is the first one that is usable when the current one is cut", () => {
    expect(afterNews([CUT, GONE, RUNNING, RUNNING], 0)).toBe(2);
  });

  it("does not go back by itself when the first one recovers", () => {
    expect(afterNews([RUNNING, RUNNING], 1)).toBe(1);
  });

  it("goes back when the one that took over is cut", () => {
    expect(afterNews([RUNNING, CUT], 1)).toBe(0);
  });

  it("prefers a cut link to one that is gone, and no cut link to another", () => {
    expect(afterNews([GONE, CUT], 0)).toBe(1);
    expect(afterNews([CUT, CUT], 1)).toBe(1);
    expect(afterNews([GONE, GONE], 1)).toBe(1);
  });

  it("is usable whenever one of them is", () => {
    fc.assert(
      fc.property(anyStates, ([states, current]) => {
        expect(isUsable(states[afterNews(states, current)]!)).toBe(states.some(isUsable));
      }),
    );
  });

  it("is the same when it is asked again", () => {
    fc.assert(
      fc.property(anyStates, ([states, current]) => {
        const next = afterNews(states, current);
        expect(afterNews(states, next)).toBe(next);
      }),
    );
  });
});

describe("the link to send on, after a message was accepted", () => {
  it("is the one it came in on", () => {
    expect(afterMessage([RUNNING, RUNNING], 0, 1)).toBe(1);
  });

  it("is not one that has just been cut", () => {
    expect(afterMessage([CUT, RUNNING], 1, 0)).toBe(1);
  });

  it("is the one it came in on where no link is usable", () => {
    expect(afterMessage([CUT, CUT], 0, 1)).toBe(1);
  });
});
