/**
 * Findings for people: place, what is wrong, the line with a mark, why it hurts, what to write. Of a
 * rule that speaks up again, the reason is told once. Nothing of the file reaches the terminal as it is: control
 * characters are shown, long lines cut.
 */

import type { Inspection } from "../index.ts";
import { countOf, type Finding } from "./finding.ts";
import type { FileReport } from "./lint.ts";
import { decode, startOfLine } from "./place.ts";
import type { Severity, Span } from "./rule.ts";

export interface TextOptions {
  readonly isColoured: boolean;
  /** Columns of the terminal. */
  readonly width: number;
  /** The partner's report, where two files were compared. */
  readonly partner?: FileReport;
}

const colours = {
  error: "31",
  warning: "33",
  note: "36",
  bold: "1",
  dim: "2",
  mark: "32",
} as const;
type Paint = (text: string, as: keyof typeof colours) => string;

/** Room for line numbers. */
const margin = "     ";
/** Bytes beside a mark that are looked at: more than a terminal is wide. */
const nearBytes = 1000;

export function formatText(report: FileReport, options: TextOptions): string {
  const paint: Paint = options.isColoured
    ? (text, as) => `\x1b[${colours[as]}m${text}\x1b[0m`
    : (text) => text;
  const told = new Set<string>();
  const blocks = report.findings.map((finding) => {
    const isNew = !told.has(finding.rule);
    told.add(finding.rule);
    return block(report, finding, isNew, paint, options);
  });
  const rest = report.left > 0 ? [`and at least ${report.left} more\n`] : [];
  return [...blocks, ...rest, `${summary(report)}\n`].join("\n");
}

/** One line about a file: what was found, and what can be done. */
export function summary({ inspection: { file }, findings }: FileReport): string {
  const count = countOf(findings);
  const words = (["error", "warning", "note"] as const)
    .filter((severity) => count[severity] > 0)
    .map((severity) => `${count[severity]} ${severity}${count[severity] === 1 ? "" : "s"}`);
  const fixable = findings.filter(({ fix }) => fix?.isSafe === true).length;
  const hint = fixable > 0 ? `; --fix rewrites ${fixable} of them` : "";
  return `${visible(file)}: ${words.length === 0 ? "nothing to complain about" : words.join(", ")}${hint}`;
}

function block(
  report: FileReport,
  finding: Finding,
  isNew: boolean,
  paint: Paint,
  options: TextOptions,
): string {
  const { inspection } = report;
  const { severity, rule, message, reason, related } = finding;
  const head = `${where(report, finding)}: ${paint(`${severity}:`, severity)} ${paint(visible(message), "bold")} ${paint(`[${rule}]`, "dim")}`;
  const lines = [head, ...excerpt(inspection, finding, severity, paint, options.width)];
  const add = (label: string, text: string) => {
    if (text !== "") lines.push(...wrapped(`${label}: `, visible(text), paint, options.width));
  };
  if (related !== undefined) {
    const other = related.isPartners ? options.partner : report;
    if (other) add("see", `${where(other, related)}: ${related.message}`);
  }
  if (finding.suggestions.length === 0) add("expected", oneOf(finding.expected));
  else add("did you mean", `${oneOf(finding.suggestions)}?`);
  if (isNew) add("why", reason);
  add("fix", finding.advice);
  return `${lines.join("\n")}\n`;
}

function where({ inspection }: FileReport, { offset }: Span): string {
  const { line, column } = inspection.place(offset);
  return `${visible(inspection.file)}:${line}:${column}`;
}

function oneOf(words: readonly string[]): string {
  const shown = words.slice(0, 12);
  const more = words.length > shown.length ? ", …" : "";
  const [last] = shown.slice(-1);
  if (last === undefined) return "";
  if (shown.length === 1 || more !== "") return `${shown.join(", ")}${more}`;
  return `${shown.slice(0, -1).join(", ")} or ${last}`;
}

/** The line, and below it a mark; nothing for what stands nowhere in the file. */
function excerpt(
  inspection: Inspection,
  { offset, end }: Span,
  severity: Severity,
  paint: Paint,
  width: number,
): string[] {
  if (end <= offset && offset === 0) return [];
  // A line may be as long as the file: only the neighbourhood of the mark is looked at.
  const { text, place } = inspection;
  const near = Math.max(startOfLine(inspection, offset), offset - nearBytes);
  const [rest = ""] = text.slice(offset, offset + nearBytes).split("\n");
  const before = visible(decode(text.slice(near, offset)));
  const marked = visible(decode(rest.slice(0, Math.max(0, end - offset))));
  const behind = visible(decode(rest.slice(Math.max(0, end - offset))));
  const room = Math.max(40, width - margin.length - 5);
  const cut = Math.max(0, before.length - Math.floor(room / 2));
  const start = cut > 0 ? `…${before.slice(cut + 1)}` : before;
  const shown = `${start}${marked}${behind}`;
  const whole = shown.length > room ? `${shown.slice(0, room - 1)}…` : shown;
  const mark = "^".repeat(Math.max(1, Math.min(marked.length, room - start.length)));
  const number = `${place(offset).line}`.padStart(margin.length);
  return [
    `${paint(`${number} |`, "dim")} ${whole}`,
    `${paint(`${margin} |`, "dim")} ${" ".repeat(start.length)}${paint(mark, severity)}`,
  ];
}

function wrapped(label: string, text: string, paint: Paint, width: number): string[] {
  const room = Math.max(40, width - margin.length - label.length - 2);
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > room) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  lines.push(line);
  const blank = " ".repeat(label.length);
  return lines.map((each, i) => `${margin} ${i === 0 ? paint(label, "dim") : blank}${each}`);
}

/** Control characters as pictures of themselves: a file must not steer the terminal. */
export function visible(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what it is about
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, (character) => {
    if (character === "\t") return " ";
    const code = character.charCodeAt(0);
    return code < 32 ? String.fromCharCode(0x2400 + code) : "\ufffd";
  });
}
