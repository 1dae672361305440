/** Every rule about two nodes, on its own pair of files. */
import { describe, expect, it } from "vitest";
import { readFile } from "./lint.ts";
import { comparePair } from "./pair.ts";
import type { PairExample } from "./rule.ts";
import { pairRules } from "./rules-pair.ts";

function compare([a, b]: PairExample): string[] {
  const subject = (text: string, file: string) =>
    readFile(Buffer.from(text, "latin1"), { file }).subject;
  return comparePair(subject(a, "a.conf"), subject(b, "b.conf"))
    .flat()
    .map(({ rule }) => rule.id);
}

describe.each(pairRules.map((rule) => [rule.id, rule] as const))("%s", (id, rule) => {
  it("is found between two nodes that do not fit", () => {
    expect(compare(rule.example)).toContain(id);
  });
  it("is not found between two that do, whichever is named first", () => {
    const [a, b] = rule.better;
    expect(compare([a, b])).not.toContain(id);
    expect(compare([b, a])).not.toContain(id);
  });
  it("is found whichever is named first", () => {
    const [a, b] = rule.example;
    expect(compare([b, a])).toContain(id);
  });
});
