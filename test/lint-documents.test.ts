/**
 * What config-lint says about the files that the documentation shows, and the shape in which it says it
 * to code-review tools.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { comparePair, judge, readFile, sarifReport } from "../src/config/lint/index.ts";

const root = join(import.meta.dirname, "..");
const examples = readdirSync(join(root, "doc"), { recursive: true, encoding: "utf8" }).filter(
  (name) => /(conntrackd|links\/[\w-]+)\.conf$/.test(name),
);
const textOf = (name: string) => readFileSync(join(root, "doc", name), "latin1");
const read = (text: string, file = "c.conf") => readFile(Buffer.from(text, "latin1"), { file });

/** The other node's file: the addresses of each link exchanged, as the comments of the files say. */
function mirrored(text: string): string {
  return text
    .split(/^(?= {4}(?:UDP|TCP|Multicast)\b)/m)
    .map((part) => {
      if (!/^ {4}(?:UDP|TCP|Multicast)/.test(part)) return part;
      const [own] = /(?<=IPv[46]_address )\S+/.exec(part) ?? [];
      const [peer] = /(?<=Destination_Address )\S+/.exec(part) ?? [];
      if (own === undefined || peer === undefined)
        return part.replace(/(IPv4_interface \S+\.)1\b/, "$12");
      return part
        .replace(/(IPv[46]_address )\S+/, `$1${peer}`)
        .replace(/(Destination_Address )\S+/, `$1${own}`);
    })
    .join("");
}

describe("the example files", () => {
  it("are there", () => expect(examples.length).toBeGreaterThanOrEqual(7));
  it.each(examples)("%s: no error and no warning", (name) => {
    const { findings } = judge(read(textOf(name)));
    expect(findings.filter(({ severity }) => severity !== "note")).toEqual([]);
  });
  it.each(examples)("%s: fits the other node's", (name) => {
    const [a, b] = [read(textOf(name)), read(mirrored(textOf(name)))];
    const found = comparePair(a.subject, b.subject).flat();
    expect(found.map(({ rule, found: { message } }) => [rule.id, message])).toEqual([]);
  });
});

/** What SARIF 2.1.0 requires of the objects that are written, and no property it does not have. */
const message = z.strictObject({ text: z.string().min(1) });
const artifact = z.strictObject({ uri: z.string().regex(/^[\w.~!$&'()*+,;=:@/%-]+$/) });
const region = z.strictObject({
  ...{ startLine: z.int().min(1), startColumn: z.int().min(1) },
  ...{ endLine: z.int().min(1), endColumn: z.int().min(1) },
});
const place = { physicalLocation: z.strictObject({ artifactLocation: artifact, region }) };
const level = z.enum(["none", "note", "warning", "error"]);
const rule = z.strictObject({
  ...{ id: z.string(), shortDescription: message, fullDescription: message, help: message },
  defaultConfiguration: z.strictObject({ level }),
});
const replacement = z.strictObject({
  deletedRegion: region,
  insertedContent: z.strictObject({ text: z.string() }),
});
const change = z.strictObject({
  artifactLocation: artifact,
  replacements: z.array(replacement).min(1),
});
const result = z.strictObject({
  ...{ ruleId: z.string(), ruleIndex: z.int().min(0), level, message },
  locations: z.array(z.strictObject(place)).min(1),
  relatedLocations: z.array(z.strictObject({ ...place, message })).optional(),
  fixes: z
    .array(z.strictObject({ description: message, artifactChanges: z.array(change).min(1) }))
    .optional(),
});
const driver = z.strictObject({ name: z.string(), version: z.string(), rules: z.array(rule) });
const sarif = z.strictObject({
  ...{ $schema: z.url(), version: z.literal("2.1.0") },
  runs: z.array(
    z.strictObject({
      tool: z.strictObject({ driver }),
      columnKind: z.enum(["utf16CodeUnits", "unicodeCodePoints"]),
      results: z.array(result),
    }),
  ),
});

describe("SARIF", () => {
  const folder = join(root, "test/fixtures/config");
  it("has what the standard requires and nothing else, for every fixture and for a pair", () => {
    const names = readdirSync(folder).filter((name) => name.endsWith(".conf"));
    const reports = names.map((name) =>
      judge(read(readFileSync(join(folder, name), "latin1"), `/a b/ü#${name}`)),
    );
    sarif.parse(sarifReport(reports, "0.0.0"));
    const [a, b] = [
      read(textOf("sync/ftfw/conntrackd.conf"), "a"),
      read(textOf("sync/alarm/conntrackd.conf"), "b"),
    ];
    const [ofA, ofB] = comparePair(a.subject, b.subject);
    const pair = sarif.parse(sarifReport([judge(a, ofA), judge(b, ofB)], "0.0.0"));
    expect(pair.runs[0]?.results.length).toBeGreaterThan(0);
  });
});
