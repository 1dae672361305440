/** Findings for programs, in the shape of json-schema.ts. */

import { countOf, type Finding } from "./finding.ts";
import type { JsonReport } from "./json-schema.ts";
import type { FileReport } from "./lint.ts";
import { regionOf } from "./place.ts";
import type { Span } from "./rule.ts";

export function jsonReport(reports: readonly FileReport[], version: string): JsonReport {
  return {
    version: 1,
    tool: { name: "conntrackd-lint", version },
    findings: reports.flatMap((report, index) =>
      report.findings.map((each) => jsonFinding(each, report, reports[1 - index])),
    ),
    files: reports.map(({ inspection: { file }, findings, left }) => {
      const { error: errors, warning: warnings, note: notes } = countOf(findings);
      return { file, errors, warnings, notes, left };
    }),
  };
}

function jsonFinding(each: Finding, report: FileReport, partner: FileReport | undefined) {
  const { rule, severity, message, reason, advice, fix, related } = each;
  const other = related?.isPartners ? partner : report;
  return {
    ...{ rule, severity, ...placeIn(report, each), message, reason, advice },
    ...{ expected: [...each.expected], suggestions: [...each.suggestions] },
    ...(fix ? { fix: { title: fix.title, isSafe: fix.isSafe, edits: [...fix.edits] } } : {}),
    ...(related && other
      ? { related: { ...placeIn(other, related), message: related.message } }
      : {}),
  };
}

function placeIn({ inspection }: FileReport, { offset, end }: Span) {
  return { file: inspection.file, ...regionOf(inspection, { offset, end }), offset, end };
}
