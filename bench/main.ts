/**
 * `npm run bench`: the reference and ours in turn, on the same flows, in one run; prints one table.
 *
 * Needs root (it raises a limit of the kernel and puts it back), the reference, and a machine with nothing else to do.
 * `inside` is the part that runs inside a namespace.
 */
import { Command, InvalidArgumentError } from "commander";
import { type DaemonKind, findDaemon } from "../lab/conntrackd.ts";
import { type JobName, runInside } from "./inside/index.ts";
import { KernelTable } from "./kernel-table.ts";
import { readingFigures } from "./reading.ts";
import { coldFigures } from "./reading-cold.ts";
import { record } from "./record.ts";
import { facts, type Results, type Samples, tableText } from "./report.ts";
import { type RowName, rows } from "./rows.ts";
import { works } from "./works/index.ts";
import { BUCKETS, type Readings, type Sizes, type Work } from "./works/work.ts";

interface Options {
  readonly rounds: number;
  readonly flows: number;
  readonly only?: readonly string[];
  readonly quick?: true;
  readonly markdown?: true;
  readonly record?: true;
}

const DEFAULT_ROUNDS = 5;
const DEFAULT_FLOWS = 400_000;
const QUICK_FLOWS = 40_000;
const MAX_FLOWS = 1_000_000;
const TABLE_LIMIT = 10_000_000;

const program = new Command("bench")
  .description("Measure the reference and this project side by side.")
  .option("--rounds <n>", "measure each work this often", integer(1, 100), DEFAULT_ROUNDS)
  .option("--flows <n>", "size of the table", integer(1000, MAX_FLOWS), DEFAULT_FLOWS)
  .option("--only <names...>", `of ${works.map(({ name }) => name).join(", ")}`)
  .option("--quick", "one small round: for a look, not for the record")
  .option("--markdown", "print a table in Markdown")
  .option("--record", "write bench/results.md, and doc/growth.svg")
  .action((options: Options) => bench(options));

program
  .command("reading")
  .description("Measure how long configuration files take, hostile ones too.")
  .action(() => say([...readingFigures(), ...coldFigures()].join("\n"), process.stdout));

program
  .command("inside <job> <settings>", { hidden: true })
  .action(async (job: JobName, settings: string) => {
    process.stdout.write(await runInside(job, settings));
  });

async function bench(options: Options): Promise<void> {
  const missing = (["reference", "ours"] as const).filter((kind) => !findDaemon(kind));
  if (missing.length > 0) throw new Error(`conntrackd is not there: ${missing.join(", ")}`);
  if (process.getuid?.() !== 0) throw new Error("the benchmarks need root");
  const flows = options.quick === true ? QUICK_FLOWS : options.flows;
  const rounds = options.quick === true ? 1 : options.rounds;
  const sizes = sizesFor(flows);
  const kernelTable = new KernelTable();
  try {
    say(facts(sizes, rounds).join("\n"), process.stderr);
    const results = await measure(chosenWorks(options), sizes, rounds, kernelTable);
    const lines = facts(sizes, rounds);
    const head = options.markdown === true ? lines.map((line) => `- ${line}`) : lines;
    say(`${head.join("\n")}\n\n${tableText(results, options.markdown === true)}`, process.stdout);
    if (options.record !== true) return;
    if (process.exitCode === 1) throw new Error("a work of ours has failed: nothing is recorded");
    record(results, lines);
  } finally {
    kernelTable.restore();
  }
}

/** All sizes follow from that of the table. */
function sizesFor(flows: number): Sizes {
  return {
    flows,
    many: flows * 2.5,
    events: Math.max(20_000, flows / 4),
    commandLine: flows / 2,
    burst: flows / 2,
    connections: Math.max(5000, flows / 20),
    largest: flows * 10,
    traced: Math.max(200_000, flows * 2.5),
  };
}

function chosenWorks({ only }: Options): readonly Work[] {
  if (only === undefined) return works;
  const unknown = only.filter((name) => works.every((work) => work.name !== name));
  if (unknown.length > 0) throw new Error(`no such work: ${unknown.join(", ")}`);
  return works.filter(({ name }) => only.includes(name));
}

async function measure(
  chosen: readonly Work[],
  sizes: Sizes,
  rounds: number,
  kernelTable: KernelTable,
): Promise<Results> {
  const results: Results = { reference: new Map(), ours: new Map() };
  for (const work of chosen) {
    for (let round = 0; round < Math.min(rounds, work.rounds ?? rounds); round += 1) {
      // Who is first alternates, so that a machine that warms up favours nobody.
      const order: readonly DaemonKind[] = ["reference", "ours"];
      for (const kind of round % 2 === 0 ? order : order.toReversed()) {
        kernelTable.set({ entries: TABLE_LIMIT, buckets: work.buckets ?? BUCKETS });
        const title = `${work.name} ${round + 1} ${kind}`;
        try {
          const readings = await work.run(kind, sizes);
          collect(results[kind], readings);
          say(`${title}: ${summary(readings)}`, process.stderr);
        } catch (error) {
          // A long run goes on, with a row less. What the reference cannot do is a result; what we cannot is a failure.
          say(`${title} FAILED: ${error instanceof Error ? error.message : error}`, process.stderr);
          if (kind === "ours") process.exitCode = 1;
        }
      }
    }
  }
  return results;
}

function collect(samples: Samples, readings: Readings): void {
  for (const [name, value] of entries(readings)) {
    samples.set(name, [...(samples.get(name) ?? []), value]);
  }
}

function summary(readings: Readings): string {
  return entries(readings)
    .map(([name, value]) => `${name} ${value.toFixed(rows[name].digits)}`)
    .join(", ");
}

function entries(readings: Readings): [RowName, number][] {
  return Object.entries(readings) as [RowName, number][];
}

function integer(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`from ${least} to ${most}`);
  };
}

function say(text: string, to: NodeJS.WriteStream): void {
  to.write(`${text}\n`);
}

try {
  await program.parseAsync();
} catch (error) {
  say(error instanceof Error ? error.message : String(error), process.stderr);
  process.exitCode = 1;
}
