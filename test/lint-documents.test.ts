/**
 * What config-lint says about the files that the documentation shows, and the shape in which it says it
 * to code-review tools.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { comparePair, jsonReport, judge, readFile, sarifReport } from "../src/config/lint/index.ts";
import { findingsMistakes, sarifMistakes } from "./support/json-schemas.ts";

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

describe("what programs read, beside the published schemas", () => {
  const folder = join(root, "test/fixtures/config");
  const names = readdirSync(folder).filter((name) => name.endsWith(".conf"));
  const reports = names.map((name) =>
    judge(read(readFileSync(join(folder, name), "latin1"), `/a b/ü#${name}`)),
  );
  const [a, b] = [
    read(textOf("sync/ftfw/conntrackd.conf"), "a"),
    read(textOf("sync/alarm/conntrackd.conf"), "b"),
  ];
  const [ofA, ofB] = comparePair(a.subject, b.subject);
  const pair = [judge(a, ofA), judge(b, ofB)];
  /** As a program gets it. */
  const sent = (value: unknown) => JSON.parse(JSON.stringify(value));

  it("finds something to say, in every part that a report has", () => {
    const findings = reports.flatMap((report) => report.findings);
    expect(findings.some(({ fix }) => fix !== undefined)).toBe(true);
    expect(findings.some(({ related }) => related !== undefined)).toBe(true);
    expect(pair.some((report) => report.findings.length > 0)).toBe(true);
  });
  it.each([
    ["every fixture", reports],
    ["a pair", pair],
    ["no file", []],
  ])("SARIF is valid by the official schema of 2.1.0: %s", (_name, given) => {
    expect(sarifMistakes(sent(sarifReport(given, "0.0.0")))).toEqual([]);
  });
  it.each([
    ["every fixture", reports],
    ["a pair", pair],
    ["no file", []],
  ])("JSON is valid by the schema that we publish: %s", (_name, given) => {
    expect(findingsMistakes(sent(jsonReport(given, "0.0.0")))).toEqual([]);
  });
  it("is refused where it is wrong", () => {
    const wrongSarif = sent(sarifReport(reports, "0.0.0"));
    wrongSarif.runs[0].results[0].level = "fatal";
    wrongSarif.runs[0].results[0].locations[0].physicalLocation.region.startLine = 0;
    wrongSarif.runs[0].results[0].colour = "red";
    expect(sarifMistakes(wrongSarif)).toHaveLength(3);
    const wrongFindings = sent(jsonReport(reports, "0.0.0"));
    wrongFindings.findings[0].severity = "fatal";
    delete wrongFindings.findings[1].line;
    wrongFindings.findings[2].colour = "red";
    expect(findingsMistakes(wrongFindings)).toHaveLength(3);
  });
});
