/** What `--fix` may touch: old spellings, and nothing else of a file that somebody wrote by hand. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { configTexts, mutated } from "../../../test/support/config-files.ts";
import { readConfig } from "../index.ts";
import { applyFixes } from "./fix.ts";
import { lintFile } from "./lint.ts";

const options = { file: "c.conf" };
const bytesOf = (text: string) => Buffer.from(text, "latin1");
const textOf = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1");
const fixed = (text: string) =>
  applyFixes(bytesOf(text), lintFile(bytesOf(text), options).findings);

/** Again and again, until nothing more is offered. */
function settled(text: string): string {
  for (let round = 0, before = text; round < 8; round++) {
    const after = textOf(fixed(before).bytes);
    if (after === before) return after;
    before = after;
  }
  throw new Error(`never settles:\n${text}`);
}

const model = (text: string) => {
  const result = readConfig(bytesOf(text), options);
  if (!result.ok) return result.error.rule;
  const { source: _, ...rest } = result.config;
  return rest;
};

/** Files with old spellings, with comments and odd layout. */
const files = configTexts({ hasLegacy: true }).map((text) =>
  text.replace(/\n/g, (_newline, at: number) => (at % 3 === 0 ? " # why\n" : "\n")),
);

describe("--fix", () => {
  it("changes the bytes of the edits it names, and no others", () => {
    const same = fc.property(files, (text) => {
      const { bytes, applied } = fixed(text);
      const edits = applied.flatMap(({ fix }) => fix?.edits ?? []);
      const ordered = edits.toSorted((a, b) => a.offset - b.offset);
      let expected = "";
      let at = 0;
      for (const { offset, end, text: put } of ordered) {
        expected += text.slice(at, offset) + put;
        at = end;
      }
      expect(textOf(bytes)).toBe(expected + text.slice(at));
    });
    fc.assert(same, { numRuns: 150 });
  });
  it("keeps every comment", () => {
    const same = fc.property(files, (text) => {
      const count = (where: string) => where.split(" # why").length;
      expect(count(settled(text))).toBe(count(text));
    });
    fc.assert(same, { numRuns: 150 });
  });
  it("means the same afterwards, and has nothing left to rewrite", () => {
    const same = fc.property(fc.oneof(files, mutated(files)), (text) => {
      const after = settled(text);
      const before = model(text);
      // What is taken out may have been the mistake: `General StripNAT {`.
      if (typeof before !== "string") expect(model(after)).toEqual(before);
      const left = lintFile(bytesOf(after), options).findings;
      expect(left.filter(({ fix }) => fix?.isSafe)).toEqual([]);
    });
    fc.assert(same, { numRuns: 150 });
  });
});
