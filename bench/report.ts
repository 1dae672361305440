/**
 * The report of a run: facts about the machine, then one line a row with both medians and their ratio.
 */
import { execFileSync } from "node:child_process";
import { cpus, loadavg, release, totalmem } from "node:os";
import { findDaemon } from "../lab/conntrackd.ts";
import { median, spread } from "./measure.ts";
import { BUFFER_BYTES, RESEND_QUEUE } from "./pair.ts";
import { type Goal, type Row, type RowName, rowNames, rows } from "./rows.ts";
import { BUCKETS, type Sizes } from "./works/work.ts";

/** The readings of one kind: all rounds of each row. */
export type Samples = Map<RowName, number[]>;

export interface Results {
  readonly reference: Samples;
  readonly ours: Samples;
}

/** Below, "spread" is the distance of the outermost rounds: of the reference, of ours. */
const HEAD = [
  "work",
  "reference",
  "ours",
  "ours / C",
  "spread",
  "unit",
  "target",
  "stretch",
] as const;

/** What somebody needs to judge or repeat the numbers. */
export function facts(sizes: Sizes, rounds: number): string[] {
  const cores = cpus();
  return [
    `${new Date().toISOString().slice(0, 10)}: ${cores.length} cores (${cores[0]?.model.trim()}), ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}`,
    `Node ${process.versions.node}; reference: ${referenceVersion()}; load average ${loadavg()
      .map((load) => load.toFixed(1))
      .join(", ")}`,
    `${rounds} rounds, medians; ${sizes.flows} flows (many: ${sizes.many}), ${sizes.events} events, ${sizes.connections} connections, bursts of ${sizes.burst}`,
    `FTFW over UDP, event and link buffers ${BUFFER_BYTES} bytes, resend queue ${RESEND_QUEUE}, nf_conntrack_buckets ${BUCKETS}`,
  ];
}

function referenceVersion(): string {
  const text = execFileSync(findDaemon("reference") ?? "conntrackd", ["-v"], { encoding: "utf8" });
  return /v\d+\.\d+\.\d+/.exec(text)?.[0] ?? "unknown";
}

export function tableText(results: Results, isMarkdown: boolean): string {
  const lines = rowNames.flatMap((name) => {
    const ours = results.ours.get(name) ?? [];
    const reference = results.reference.get(name) ?? [];
    return ours.length + reference.length === 0 ? [] : [cells(rows[name], reference, ours)];
  });
  const grid = [[...HEAD], ...lines];
  const widths = HEAD.map((_, i) => Math.max(...grid.map((line) => line[i]?.length ?? 0)));
  const format = (line: readonly string[]) =>
    line.map((cell, i) =>
      i === 0 || i > 4 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0),
    );
  const [head = [], ...body] = grid.map(format);
  if (!isMarkdown) return [head, ...body].map((line) => line.join("  ").trimEnd()).join("\n");
  const rule = widths.map((width, i) =>
    i === 0 || i > 4 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`,
  );
  return [head, rule, ...body].map((line) => `| ${line.join(" | ")} |`).join("\n");
}

function cells(row: Row, reference: readonly number[], ours: readonly number[]): string[] {
  const value = (samples: readonly number[]) =>
    samples.length === 0 ? "–" : grouped(median(samples), row.digits);
  const ratio = median(ours) / median(reference);
  return [
    row.text,
    value(reference),
    value(ours),
    Number.isFinite(ratio) ? ratio.toFixed(2) : "–",
    `${percent(reference)}, ${percent(ours)}`,
    row.unit,
    ...verdicts(row, median(ours), ratio),
  ];
}

/** What is promised and what is hoped for, and whether our median keeps it. */
function verdicts({ target, stretch }: Row, ours: number, ratio: number): [string, string] {
  const verdict = (goal: Goal | undefined) => {
    if (goal === undefined) return "";
    const [sign, limit, value] =
      "oursAtMost" in goal
        ? (["ours ≤", goal.oursAtMost, ours] as const)
        : "atMost" in goal
          ? (["≤", goal.atMost, ratio] as const)
          : (["≥", goal.atLeast, ratio] as const);
    if (!Number.isFinite(value)) return "";
    const isMet = "atLeast" in goal ? value >= limit : value <= limit;
    return `${sign} ${limit}: ${isMet ? "met" : "missed"}`;
  };
  return [verdict(target), verdict(stretch)];
}

function percent(samples: readonly number[]): string {
  return samples.length < 2 ? "–" : `${Math.round(spread(samples) * 100)} %`;
}

function grouped(value: number, digits: number): string {
  return value.toLocaleString("en-US", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}
