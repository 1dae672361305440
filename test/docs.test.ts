/**
 * The documentation is true where a program can tell: links and sections, commands, example
 * configurations, tables that repeat a table of the code, and the pages that code refers to.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { readConfig, unsupported } from "../src/config/index.ts";
import { X } from "../src/flow/expectation.ts";
import { expectationWireTable } from "../src/flow/expectation-wire.ts";
import { W } from "../src/flow/register.ts";
import { wireTable } from "../src/flow/wire-table.ts";
import { RequestCode } from "../src/kit/request-code.ts";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const top = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"];
const sourceFolders = ["src", "native", "grammar", "lab", "bench", "scripts"];

function filesUnder(folder: string, pattern: RegExp): string[] {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && pattern.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .filter((file) => !file.startsWith(join("native", "build")));
}

const read = (file: string) => readFileSync(join(root, file), "utf8");
const pages = [...top, ...filesUnder("doc", /\.md$/)];

/** Headings of a page, without the markup of code. */
function headings(page: string): string[] {
  const lines = withoutBlocks(read(page)).split("\n");
  return lines.flatMap((line) => /^#+ (.*)$/.exec(line)?.[1]?.replaceAll("`", "") ?? []);
}

/** Headings, and paragraphs that begin with a title in bold. */
function sections(page: string): string[] {
  const bold = [...read(page).matchAll(/^\*\*(.+?)\.?\*\*/gm)].map((match) => match[1]!);
  return [...headings(page), ...bold];
}

function withoutBlocks(text: string): string {
  return text.replace(/^```[\s\S]*?^```$/gm, "");
}

function blocks(page: string, language: string): string[] {
  const fence = new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, "gm");
  return [...read(page).matchAll(fence)].map((match) => match[1]!);
}

/** The rows of the first table behind a marker, as cells. */
function table(page: string, marker: string): string[][] {
  const text = read(page);
  const at = text.indexOf(`<!-- ${marker}:`);
  expect(at, `marker ${marker} in ${page}`).toBeGreaterThan(-1);
  const [, body = ""] = /\n\n(\|[\s\S]*?)\n\n/.exec(text.slice(at)) ?? [];
  const rows = body.split("\n").map((line) => line.split(/(?<!\\)\|/).slice(1, -1));
  return rows.slice(2).map((cells) => cells.map((cell) => cell.trim()));
}

describe("pages", () => {
  it.each(pages)("%s links to files and sections that exist", (page) => {
    const text = withoutBlocks(read(page));
    for (const [, target = "", section] of text.matchAll(/\]\(([^)\s]+)\)(?:,\s+"([^"]+)")?/g)) {
      if (/^https?:/.test(target)) continue;
      const file = join(dirname(page), target.replace(/#.*/, ""));
      expect(existsSync(join(root, file)), `${page}: ${target}`).toBe(true);
      if (section !== undefined) expect(sections(file)).toContain(section.replace(/\s+/g, " "));
    }
  });

  it.each(pages)("%s names commands and files that exist", (page) => {
    const scripts = Object.keys(JSON.parse(read("package.json")).scripts);
    const text = read(page);
    for (const [, name] of text.matchAll(/\bnpm run ([\w:-]+)/g)) expect(scripts).toContain(name);
    for (const [, name] of text.matchAll(/\bnpm (start|test)\b/g)) expect(scripts).toContain(name);
    for (const [, file = ""] of text.matchAll(
      /`((?:src|native|grammar|lab|test|scripts)\/[\w./-]+\.\w+)`/g,
    )) {
      expect(existsSync(join(root, file)), `${page}: ${file}`).toBe(true);
    }
  });

  it("reach every page from the README", () => {
    const seen = new Set<string>();
    const visit = (page: string) => {
      if (seen.has(page) || !existsSync(join(root, page))) return;
      seen.add(page);
      for (const [, target = ""] of read(page).matchAll(/\]\(([^)\s#]+\.md)\)/g)) {
        visit(join(dirname(page), target));
      }
    };
    visit("README.md");
    expect(pages.filter((page) => !seen.has(page) && !page.endsWith("README.md"))).toEqual([]);
  });
});

describe("example configurations", () => {
  const examples = [
    ...filesUnder("doc", /^conntrackd.*\.conf$/).map((file) => [file, read(file)] as const),
    ...pages.flatMap((page) =>
      blocks(page, "conntrackd").map((text, i) => [`${page}, block ${i + 1}`, text] as const),
    ),
  ];
  it("are there", () => expect(examples.length).toBeGreaterThan(2));
  it.each(examples)("%s is read without a warning and can run", (file, text) => {
    const result = readConfig(new TextEncoder().encode(text), { file });
    expect(result.warnings).toEqual([]);
    if (!result.ok) throw new Error(result.error.text);
    expect(unsupported(result.config)).toEqual([]);
  });

  it.each(["Helper { Type ftp inet tcp { QueueNum 0 } }"])(
    "doc/config.md lists what is refused in %s",
    (text) => {
      const result = readConfig(new TextEncoder().encode(text), { file: "f" });
      if (!result.ok) throw new Error(result.error.text);
      const sentences = unsupported(result.config).map((line) =>
        line.replace(/^f(:\d+)*: /, "").replace("Type ftp'", "Type <name>'"),
      );
      expect(sentences.length).toBeGreaterThan(0);
      for (const sentence of sentences) expect(read("doc/config.md")).toContain(sentence);
    },
  );
});

describe("tables that repeat the code", () => {
  it.each([
    ["wire-table", wireTable],
    ["expectation-wire-table", expectationWireTable],
  ] as const)("doc/sync/wire.md has the rows of the %s, in their order", (marker, codeRows) => {
    const rows = table("doc/sync/wire.md", marker).map((cells) => cells.slice(0, 3));
    const expected = codeRows.map(({ id, name, length, varies }) => [
      `${id}`,
      name,
      varies ? `up to ${length}` : `${length}`,
    ]);
    expect(rows).toEqual(expected);
  });

  it.each([
    ["register", W],
    ["expectation-register", X],
  ] as const)("doc/flow.md has every field of the %s", (marker, codeFields) => {
    const rows = table("doc/flow.md", marker);
    const fields = rows.flatMap(([cell = ""]) =>
      [...cell.matchAll(/`(\w+)`/g)].map((match) => match[1]!),
    );
    expect(fields.sort()).toEqual(Object.keys(codeFields).sort());
  });

  it("doc/control.md has every request", () => {
    const numbers = table("doc/control.md", "requests").map(([cell]) => Number(cell));
    expect(numbers).toEqual(Object.values(RequestCode).sort((a, b) => a - b));
  });
});

describe("doc/logs.md", () => {
  const code = filesUnder("src", /(?<!\.test)\.ts$/).map(read);
  // What reads a configuration names a rule before the words.
  const call =
    /(?:\.(?:notice|warning|error|warn|fail)|\b(?:say|gone|deprecated))\(\s*(?:reading,\s*)?(?:"[a-z-]+",\s*)?(?:"([^"]+)"|`((?:[^`\\]|\\.)+)`)/g;
  /** What the log is told, without the places of values; long texts by their beginning. */
  const lines = [...code.join("\n").matchAll(call)].flatMap(([, plain, template = ""]) => {
    const parts = template.replaceAll("\\`", "`").split(/\$\{[^}]*\}/);
    const said = plain !== undefined ? [plain] : parts.filter((part) => part.trim().length > 7);
    return said.filter((part) => part.trim().includes(" ")); // A single word names a rule.
  });
  it("knows the calls of the log", () => expect(lines.length).toBeGreaterThan(20));
  it.each(lines)("has: %s", (line) => {
    const words = line.replace("\\n", "").trim();
    expect(read("doc/logs.md")).toContain(words.slice(0, 60));
  });
});

describe("references in the code", () => {
  const files = sourceFolders.flatMap((folder) => filesUnder(folder, /\.(ts|mjs|cc|h)$/));
  // Pages are named in comments, whose lines begin with a star or slashes; a list of sections may follow.
  const reference = /((?:doc\/[\w./-]+|[A-Z]+)\.md)((?:(?:,| and)\s+"[^"]+")*)/g;
  const references = files.flatMap((file) => {
    const text = read(file).replace(/\n\s*(?:\*|\/\/)\s+/g, " ");
    return [...text.matchAll(reference)].flatMap(([, page = "", list = ""]) => {
      const quoted = [...list.matchAll(/"([^"]+)"/g)].map((match) => match[1]!);
      return [undefined, ...quoted].map((section) => ({ file, page, section }));
    });
  });
  it("are there", () => expect(references.length).toBeGreaterThan(20));
  it.each(references)("$file: $page $section", ({ page, section }) => {
    expect(existsSync(join(root, page))).toBe(true);
    if (section !== undefined) expect(sections(page)).toContain(section);
  });
});
