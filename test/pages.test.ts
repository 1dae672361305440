/**
 * The generated pages are up to date. `npm run docs` writes them (UPDATE=1), from the rows of the
 * grammar, from the fixtures, and from what tests declare that they show.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { clauseRows } from "../grammar/index.ts";
import { diagrams } from "../grammar/pages/diagrams.ts";
import { ebnf } from "../grammar/pages/ebnf.ts";
import { manual } from "../grammar/pages/manual.ts";
import { inspectConfig } from "../src/config/index.ts";
import { compatibilityPage, lostRows } from "./support/compatibility.ts";
import { verdictPage } from "./support/verdicts.ts";

const doc = join(import.meta.dirname, "../doc");
const pictures = [...diagrams()].map(([id, svg]) => [`diagrams/${id}.svg`, svg] as const);
const pages: readonly (readonly [string, string])[] = [
  ["conntrackd.conf.5.md", manual()],
  ["grammar.ebnf", ebnf()],
  ["config-verdicts.md", verdictPage()],
  ["compatibility.md", compatibilityPage()],
  ...pictures,
];

if (process.env["UPDATE"]) {
  rmSync(join(doc, "diagrams"), { recursive: true, force: true });
  for (const [name, text] of pages) {
    mkdirSync(dirname(join(doc, name)), { recursive: true });
    writeFileSync(join(doc, name), text);
  }
}

describe("generated pages (npm run docs)", () => {
  it.each(pages)("doc/%s is up to date", (name, text) => {
    const path = join(doc, name);
    expect(existsSync(path) ? readFileSync(path, "utf8") : undefined).toBe(text);
  });
  it("names no test that is gone", () => {
    expect(lostRows()).toEqual([]);
  });
  it("has no picture of a clause that is gone", () => {
    const files = readdirSync(join(doc, "diagrams")).map((name) => `diagrams/${name}`);
    expect(files.sort()).toEqual(pictures.map(([name]) => name).sort());
  });
});

/** Text around what stands in the braces of a clause. */
function within(block: string, text: string): string {
  if (block === "file") return text;
  const row = clauseRows.find(({ id }) => id === block);
  if (row?.keyword === undefined) throw new Error(`${block} has no keyword`);
  const [outer = "file"] = row.in;
  const head = block === "helperType" ? `${row.keyword} ftp inet tcp` : row.keyword;
  if (outer === "mode") return within("sync", `Mode ${head} { ${text} }`);
  return within(outer, `${head}${block === "policy" ? " ftp" : ""} { ${text} }`);
}

describe("defaults of the rows", () => {
  const rows = clauseRows.filter(({ keyword, default: standard, elements }) => {
    const isBlock = elements.some(({ kind }) => kind === "body");
    return keyword !== undefined && standard !== undefined && !isBlock;
  });
  it.each(rows.map((row) => [row.id, row] as const))("%s", (_id, row) => {
    for (const block of row.in.filter((each) => each !== "helper")) {
      const read = (text: string) => inspectConfig(Buffer.from(within(block, text)), { file: "c" });
      // A policy must say something; what it says first is the same in both.
      const first = block === "policy" ? "ExpectMax 0 ExpectTimeout 0 " : "";
      const given = read(`${first}${row.keyword} ${row.default}`);
      expect(given.diagnostics).toEqual([]);
      expect({ ...given.config, source: 0 }).toEqual({ ...read(first).config, source: 0 });
    }
  });
});
