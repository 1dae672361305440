import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LineWriter } from "./line-writer.ts";

function written(write: (w: LineWriter) => void): string {
  const w = new LineWriter(1);
  write(w);
  return w.string();
}

describe("a line writer", () => {
  it("writes numbers as everybody does", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.nat(2 ** 32 - 1),
          fc.integer({ min: 0, max: 9 }).map((n) => 10 ** n),
        ),
        (n) => {
          expect(written((w) => w.decimal(n))).toBe(`${n}`);
          expect(written((w) => w.hex(n))).toBe(n.toString(16));
        },
      ),
    );
    expect(written((w) => w.decimal(2 ** 32 - 1))).toBe("4294967295");
  });
  it("writes every octet", () => {
    for (let n = 0; n < 256; n++) {
      expect(written((w) => w.dotted(Uint8Array.of(n, 255 - n, 0, n), 0))).toBe(
        `${n}.${255 - n}.0.${n}`,
      );
    }
  });
  it("grows, and gives back what was written", () => {
    const long = "a line of text ".repeat(1000);
    expect(written((w) => [w.text(long), w.newline(), w.text("\xff")])).toBe(`${long}\n\xff`);
  });
  it("takes a line out of the middle", () => {
    const w = new LineWriter();
    w.text("first second third");
    w.remove(6, 13);
    expect(w.string()).toBe("first third");
  });
  it("takes a line from another, and forgets what is behind", () => {
    const from = new LineWriter();
    from.text("first second third");
    const w = new LineWriter(1);
    w.copy(from, 0, 6);
    w.copy(from, 13, 18);
    expect(w.string()).toBe("first third");
    w.cut(5);
    expect(w.string()).toBe("first");
  });
});
