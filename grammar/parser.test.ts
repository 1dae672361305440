import { describe, expect, it } from "vitest";
import { clauseRows, clausesIn } from "./clauses.ts";
import { parseText } from "./parse.ts";
import { createParser } from "./parser.ts";
import { tokenNamed } from "./tokens.ts";

const mistakes = (text: string) =>
  parseText(text).mistakes.map(({ offset, symbol }) => `${offset} ${symbol}`);

describe("the rows", () => {
  it("have ids of their own, and stand in clauses that exist", () => {
    const ids = clauseRows.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    const blocks = new Set(clauseRows.flatMap((row) => row.in));
    expect([...blocks].filter((block) => block !== "file" && !ids.includes(block))).toEqual([]);
  });
  it("never begin two clauses of a block with one keyword", () => {
    for (const block of ["file", ...clauseRows.map(({ id }) => id)]) {
      const keywords = clausesIn(block).flatMap(({ keyword }) => keyword ?? []);
      expect(new Set(keywords).size, block).toBe(keywords.length);
    }
  });
  it("name tokens that exist", () => {
    for (const { elements } of clauseRows) {
      for (const element of elements) {
        const words = "of" in element ? element.of : "instead" in element ? element.instead : [];
        for (const word of words) expect(tokenNamed(word).name).toBe(word);
      }
    }
  });
});

describe("the grammar, which programs load without validating it", () => {
  it("has no ambiguity, no left recursion and no alternative that cannot be reached", () => {
    expect(() => createParser(true)).not.toThrow();
  });
});

describe("mistakes", () => {
  it.each([
    ["a wrong value", "General {\n HashSize -5\n HashLimit x\n}\n", ["20 -5", "34 x"]],
    ["a missing value", "General {\n HashSize\n HashLimit 5\n}\n", ["21 HashLimit"]],
    [
      "an unknown clause with braces",
      "Sync {\n Foo bar {\n x { }\n }\n Bar\n}\n",
      ["8 Foo", "29 Bar"],
    ],
    [
      "a wrong word before braces",
      "Sync {\n UDP Defualt {\n  Port x\n }\n}\n",
      ["12 Defualt", "29 x"],
    ],
    ["a missing brace", "Sync {\n UDP {\n }\nGeneral {\n HashSize x\n}\n", ["17 General", "37 x"]],
    ["a brace too many", "Stats {\n}\n}\nStats {\n x\n}\n", ["10 }", "21 x"]],
    ["an early end", "Sync {\n UDP {\n", ["14 "]],
  ])("%s is found once, and what follows is read", (_name, text, expected) => {
    expect(mistakes(text)).toEqual(expected);
  });
});
