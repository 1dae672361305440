/** Findings as SARIF 2.1.0 (OASIS), for code-review tools. Columns are UTF-16 units, as they expect. */

import { type CatalogueRow, catalogue } from "./catalogue.ts";
import type { Finding } from "./finding.ts";
import type { FileReport } from "./lint.ts";
import { decode, unitsBefore } from "./place.ts";
import type { Span } from "./rule.ts";

export function sarifReport(reports: readonly FileReport[], version: string): unknown {
  const used = new Set(reports.flatMap(({ findings }) => findings.map(({ rule }) => rule)));
  const rules = [...catalogue.values()].filter(({ id }) => used.has(id));
  const indexOf = new Map(rules.map(({ id }, index) => [id, index]));
  const results = reports.flatMap((report, order) =>
    report.findings.map((finding) =>
      result(finding, report, reports[1 - order], indexOf.get(finding.rule)),
    ),
  );
  return {
    $schema: "https://json.schemastore.org/sarif-2.1.0.json",
    version: "2.1.0",
    runs: [
      {
        tool: { driver: { name: "conntrackd-lint", version, rules: rules.map(descriptor) } },
        columnKind: "utf16CodeUnits",
        results,
      },
    ],
  };
}

function descriptor({ id, severity, summary, reason, fix }: CatalogueRow) {
  return {
    id,
    shortDescription: { text: summary },
    fullDescription: { text: reason },
    help: { text: fix },
    defaultConfiguration: { level: severity },
  };
}

function result(
  finding: Finding,
  report: FileReport,
  partner: FileReport | undefined,
  ruleIndex: number | undefined,
) {
  const { rule, severity, message, advice, fix, related } = finding;
  const other = related?.isPartners ? partner : report;
  return {
    ruleId: rule,
    ...(ruleIndex === undefined ? {} : { ruleIndex }),
    level: severity,
    message: { text: `${message}. ${advice}`.trim() },
    locations: [location(report, finding)],
    ...(related && other
      ? { relatedLocations: [{ ...location(other, related), message: { text: related.message } }] }
      : {}),
    ...(fix
      ? {
          fixes: [
            {
              description: { text: fix.title },
              artifactChanges: [
                {
                  artifactLocation: { uri: uriOf(report) },
                  replacements: fix.edits.map((edit) => ({
                    deletedRegion: region(report, edit),
                    insertedContent: { text: decode(edit.text) },
                  })),
                },
              ],
            },
          ],
        }
      : {}),
  };
}

function location(report: FileReport, at: Span) {
  return {
    physicalLocation: {
      artifactLocation: { uri: uriOf(report) },
      region: region(report, at),
    },
  };
}

function region({ inspection }: FileReport, { offset, end }: Span) {
  return {
    startLine: inspection.place(offset).line,
    startColumn: unitsBefore(inspection, offset) + 1,
    endLine: inspection.place(Math.max(offset, end)).line,
    endColumn: unitsBefore(inspection, Math.max(offset, end)) + 1,
  };
}

function uriOf({ inspection: { file } }: FileReport): string {
  const path = file.split("/").map(encodeURIComponent).join("/");
  return file.startsWith("/") ? `file://${path}` : path;
}
