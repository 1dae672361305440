/**
 * `--record`: keeps a run in bench/results.md, with date and machine, and its growth as a picture in doc/.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { projectRoot } from "../lab/conntrackd.ts";
import { growthPlot } from "./growth-plot.ts";
import { type Results, tableText } from "./report.ts";

const TABLE_FILE = "bench/results.md";
const PLOT_FILE = "doc/growth.svg";

const HEAD = `# Results

Written by \`npm run bench -- --record\`: the C daemon and ours in turn, on the same flows, in one run. "Spread" is the distance
of the outermost rounds as a part of the median: of the reference, of ours. "Many" is the larger table.

What is given in seconds or milliseconds, and rates, is wall-clock time and suffers from whatever else runs; CPU, memory and
allocation hardly do.

- Latency is the birth of a flow in the kernel of the backup node less that in the kernel of the active one, by the clock of the
  machine. For this, the backup hands flows on to its kernel instead of keeping them.
- A wait is the longest of thousands of questions over the control socket, one a millisecond, by a program that runs in real time;
  the row "idle" tells what of it is the machine's. During a resync each daemon has a processor of its own.
- The kernel keeps its entries in lists, and walks along one for each entry that it creates: a commit of many is measured with
  four entries to a list and with one.
- Memory with an empty table is the proportional set size, in millions of bytes.

What helped and what did not is in [lessons.md](lessons.md).
`;

export function record(results: Results, facts: readonly string[]): void {
  const plot = growthPlot(results);
  const picture = plot === undefined ? "" : `\n![growth](../${PLOT_FILE})\n`;
  const list = facts.map((fact) => `- ${fact}\n`).join("");
  const text = `${HEAD}\n${list}\n${tableText(results, true)}\n${picture}`;
  writeFileSync(join(projectRoot, TABLE_FILE), text);
  if (plot !== undefined) writeFileSync(join(projectRoot, PLOT_FILE), plot);
}
