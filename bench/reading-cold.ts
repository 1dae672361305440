/**
 * The cold part of `bench reading`: `conntrackd-lint` as a process of its own, as a hook or a hand starts it. What a file
 * costs is what its process takes more than one that reads a file of a few lines; they run in turn.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { projectRoot } from "../lab/conntrackd.ts";
import { median } from "./measure.ts";

const LINES = 2000;
const ROUNDS = 15;
const program = join(projectRoot, "bin/conntrackd-lint");

const lines = (text: (n: number) => string) =>
  Array.from({ length: LINES }, (_, n) => `${text(n)}\n`).join("");
const filter = (entries: string) =>
  `General {\n    Filter From Userspace {\n        Address Ignore {\n${entries}        }\n    }\n}\n`;
const few = "General {\n    HashSize 65536\n    HashLimit 262144\n}\n";
const addresses = lines((n) => `            IPv4_address 10.${n >> 8}.${n & 255}.1`);

const shapes: Readonly<Record<string, string>> = {
  "a few lines": few,
  "IPv4 addresses": filter(addresses),
  "IPv6 addresses": filter(lines((n) => `            IPv6_address 2001:db8::${n.toString(16)}`)),
  networks: filter(lines((n) => `            IPv4_address 10.${n >> 8}.${n & 255}.0/24`)),
  comments: `${lines((n) => `# ${n}: what the next line is for`)}${few}`,
  "clauses that repeat": `General {\n${lines((n) => `    HashLimit ${n + 1}`)}}\n`,
  "addresses, and one mistake": filter(addresses).replace("General {", "General {\n    Hashsize 1"),
  "a mistake in each": `General {\n${lines((n) => `    HashSise ${n}`)}}\n`,
};

/** The shell counts what its children took. */
const timed = `"$0" "$1" > /dev/null; times`;

interface Run {
  /** Milliseconds. */
  readonly wall: number;
  readonly cpu: number;
}

function run(file: string): Run {
  const start = performance.now();
  const { stdout } = spawnSync("sh", ["-c", timed, program, file], { encoding: "utf8" });
  const wall = performance.now() - start;
  const [, children = ""] = stdout.split("\n");
  const spans = [...children.matchAll(/(\d+)m([\d.]+)s/g)].map(
    ([, minutes, seconds]) => Number(minutes) * 60_000 + Number(seconds) * 1000,
  );
  return { wall, cpu: spans.reduce((sum, span) => sum + span, 0) };
}

/** One line a figure. */
export function coldFigures(): string[] {
  const folder = mkdtempSync(join(tmpdir(), "bench-reading-"));
  try {
    const files = Object.entries(shapes).map(([name, text], index) => {
      const path = join(folder, `${index}.conf`);
      writeFileSync(path, text);
      return { name, path, runs: [] as Run[] };
    });
    for (let round = 0; round < ROUNDS; round++) {
      for (const { path, runs } of files) runs.push(run(path));
    }
    const middle = (runs: readonly Run[]) => ({
      wall: median(runs.map(({ wall }) => wall)),
      cpu: median(runs.map(({ cpu }) => cpu)),
    });
    const base = middle(files[0]?.runs ?? []);
    return files.map(({ name, runs }, index) => {
      const { wall, cpu } = middle(runs);
      const more = `+${(wall - base.wall).toFixed(0)} ms (CPU +${(cpu - base.cpu).toFixed(0)})`;
      const what = index === 0 ? name : `${LINES} lines, ${name}`;
      const total = `${wall.toFixed(0)} ms (CPU ${cpu.toFixed(0)})`;
      return `a fresh conntrackd-lint, ${what}: ${total}${index === 0 ? "" : `, ${more}`}`;
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}
