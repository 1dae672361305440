/**
 * `bench reading`: how long a configuration of 2,000 lines takes in a process that goes on, and hostile files of the
 * largest size. Fresh processes are in reading-cold.ts. Needs neither root nor the reference.
 */
import { inspectConfig } from "../src/config/index.ts";
import { lintFile } from "../src/config/lint/index.ts";
import { maxFileBytes, socketPath } from "../src/config/socket-path.ts";

const LINES = 2000;
const ROUNDS = 9;
const MEGABYTE = 1024 * 1024;

const block = (n: number) => `General {
    HashSize 8192 # buckets
    LogFile /var/log/conntrackd.log
    UNIX {
        Path /var/run/conntrackd.ctl
    }
    Filter From Userspace {
        Address Ignore {
            IPv4_address 10.0.${n % 250}.1
            IPv6_address fe80::${n}
        }
    }
}
`;

function longFile(): string {
  const count = Math.ceil(LINES / (block(0).split("\n").length - 1));
  return Array.from({ length: count }, (_, n) => block(n)).join("");
}

const hostile: Readonly<Record<string, string>> = {
  "an endless word": "a".repeat(maxFileBytes),
  "zero bytes": "\0".repeat(maxFileBytes),
  "invalid UTF-8": "\xff".repeat(maxFileBytes),
  "open braces": `Helper ${"{".repeat(maxFileBytes - 7)}`,
  "a mistake in every line": `General {\n${"a\n".repeat(maxFileBytes / 2 - 5)}`,
  "unknown protocols": `General{Filter{Protocol Accept{${"foo ".repeat(maxFileBytes / 4 - 16)}`,
};

/** Milliseconds: the first time, and the median of the later ones. */
function timed(work: () => void): [first: number, later: number] {
  const spans = Array.from({ length: ROUNDS }, () => {
    const start = performance.now();
    work();
    return performance.now() - start;
  });
  const later = spans.slice(1).sort((a, b) => a - b);
  return [spans[0] ?? 0, later[later.length >> 1] ?? 0];
}

/** One line a figure. */
export function readingFigures(): string[] {
  const bytes = Buffer.from(longFile());
  const line = (name: string, [first, later]: readonly number[]) =>
    `${name}: ${first?.toFixed(0)} ms, then ${later?.toFixed(0)} ms`;
  const figures = [
    line(
      "first reading of a process",
      timed(() => inspectConfig(Buffer.from(""), { file: "" })),
    ),
    line(
      `${LINES} lines, inspected`,
      timed(() => inspectConfig(bytes, { file: "" })),
    ),
    line(
      `${LINES} lines, with all rules of config-lint`,
      timed(() => lintFile(bytes, { file: "" })),
    ),
    line(
      `${LINES} lines, for the socket's path`,
      timed(() => socketPath(bytes, { file: "" })),
    ),
  ];
  for (const [name, text] of Object.entries(hostile)) {
    const file = Buffer.from(text, "latin1");
    const start = performance.now();
    inspectConfig(file, { file: "" });
    const memory = (process.memoryUsage().rss / MEGABYTE).toFixed(0);
    figures.push(`1 MiB, ${name}: ${(performance.now() - start).toFixed(0)} ms, ${memory} MiB`);
  }
  return figures;
}
