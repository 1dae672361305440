import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LineCutter, MAX_LINE_BYTES, splitWords } from "./batch-words.ts";

const words = (line: string) => splitWords(line, "conntrack")?.slice(1);

describe("words of a line", () => {
  it.each([
    ["-A -p udp\n", ["-A", "-p", "udp"]],
    ["-A\t -p  udp", ["-A", "-p", "udp"]],
    ["  \t# comment\n", undefined],
    ["\n", undefined],
    ['"a b" c', ["a b", "c"]],
    ['"5"3', ["5", "3"]],
    ['5"3"', ["53"]],
    ['""', [""]],
    ['"a\\"b" c\\d', ['a"b', "c\\d"]],
    ['"open\n', ["open\n"]],
    ["-D # x\r\n", ["-D", "#", "x\r"]],
  ])("%j: %j", (line, expected) => expect(words(line)).toEqual(expected));
  it("have limits", () => {
    expect(() => words("x".repeat(1024))).toThrow("Parameter too long!");
    expect(words("x".repeat(1023))).toHaveLength(1);
    expect(() => words("x ".repeat(254))).toThrow("too many arguments");
    expect(words("x ".repeat(253))).toHaveLength(253);
  });
});

function cut(text: string, sizes: readonly number[]): [string, number][] {
  const lines: [string, number][] = [];
  const cutter = new LineCutter((bytes, from, end, number) =>
    lines.push([bytes.toString("latin1", from, end), number]),
  );
  let at = 0;
  for (const size of [...sizes, text.length]) {
    // The next piece overwrites it, as when a file is read.
    const piece = Buffer.from(text.slice(at, at + size));
    cutter.take(piece);
    piece.fill("?");
    at += size;
  }
  cutter.end();
  return lines;
}

describe("lines of a file", () => {
  it("are the same however the file is read", () => {
    const texts = fc.string({ unit: fc.constantFrom("a", "\n", "\0", " "), maxLength: 60 });
    fc.assert(
      fc.property(texts, fc.array(fc.nat(9)), (text, sizes) => {
        expect(cut(text, sizes)).toEqual(cut(text, []));
      }),
    );
  });
  it("end at a NUL, and are divided where they are endless", () => {
    expect(cut("a\0b\nc", [])).toEqual([
      ["a", 1],
      ["c", 2],
    ]);
    const long = "x".repeat(MAX_LINE_BYTES * 3);
    expect(cut(`${long}\n`, [1000]).map(([line]) => line.length)).toEqual([
      MAX_LINE_BYTES,
      MAX_LINE_BYTES,
      MAX_LINE_BYTES,
      1,
    ]);
  });
});
