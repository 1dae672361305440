/**
 * The works of the command line `conntrack`: list, delete and load a full table, and start for nothing.
 *
 * Wall-clock time of the whole process, from its start to its end; output goes to /dev/null.
 */
import { once } from "node:events";
import { openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type DaemonKind, projectRoot } from "../../lab/conntrackd.ts";
import { findProgram, Lab, type Namespace } from "../../lab/netns.ts";
import { median } from "../measure.ts";
import type { Readings, Sizes, Work } from "./work.ts";

export const CONNTRACK: Readonly<Record<DaemonKind, string>> = {
  reference: findProgram("conntrack") ?? "conntrack",
  ours: join(projectRoot, "bin/conntrack"),
};
/** Starts of a trivial command: one alone is mostly chance. */
const STARTS = 10;
const MEMORY_POLL_MS = 10;
const MICROSECONDS = 1e6;

export const commandLineWorks: readonly Work[] = [{ name: "command-line", run: commandLine }];

async function commandLine(kind: DaemonKind, { commandLine: flows }: Sizes): Promise<Readings> {
  using lab = Lab.create();
  const box = await lab.namespace("box");
  const file = join(lab.dir, "flows");
  writeFileSync(file, Array.from({ length: flows }, (_, i) => entry(i)).join(""));
  const timed = (...words: readonly string[]) => time(box, [CONNTRACK[kind], ...words]);
  const load = await timed("-R", file);
  const starts: number[] = [];
  const floors: number[] = [];
  // In turn, so that a machine that changes its pace changes both.
  for (let i = 0; i < STARTS; i += 1) {
    starts.push((await timed("-C")).seconds);
    floors.push((await time(box, [process.execPath, "-e", "0"])).seconds);
  }
  const floor = median(floors);
  const own = kind === "ours" ? { "cli-start-above-floor": (median(starts) - floor) * 1000 } : {};
  return {
    ...own,
    "cli-start": median(starts),
    "cli-list": (await timed("-L")).seconds,
    "cli-list-filter": (await timed("-L", "-p", "tcp", "-s", "10.0.0.9", "-d", "192.0.2.10"))
      .seconds,
    "cli-list-xml": (await timed("-L", "-o", "xml")).seconds,
    ...(kind === "ours" ? { "cli-list-json": (await timed("-L", "-o", "json")).seconds } : {}),
    "cli-delete": (await timed("-D")).seconds,
    "cli-load": load.seconds,
    "cli-load-memory": load.peakBytes / 2 ** 20,
  };
}

/** A line as `-o save` prints it. */
function entry(i: number): string {
  const source = `10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`;
  const target = `192.0.2.${1 + (i % 250)}`;
  const port = 1024 + (i % 60_000);
  return (
    `-A -t 3000 -u SEEN_REPLY,ASSURED -s ${source} -d ${target} -r ${target} -q ${source} -p tcp ` +
    `--sport ${port} --dport 443 --reply-port-src 443 --reply-port-dst ${port} --state ESTABLISHED\n`
  );
}

async function time(box: Namespace, argv: readonly string[]) {
  const nowhere = openSync("/dev/null", "w");
  const before = process.hrtime.bigint();
  const child = box.spawn(argv, { stdio: ["ignore", nowhere, "ignore"] });
  let peakBytes = 0;
  const look = () => {
    try {
      const text = readFileSync(`/proc/${child.pid}/status`, "utf8");
      peakBytes = Math.max(peakBytes, Number(/^VmHWM:\s+(\d+)/m.exec(text)?.[1] ?? 0) * 1024);
    } catch {
      // It has just ended.
    }
  };
  const poll = setInterval(look, MEMORY_POLL_MS);
  await once(child, "close");
  clearInterval(poll);
  const seconds = Number(process.hrtime.bigint() - before) / 1000 / MICROSECONDS;
  return { seconds, peakBytes };
}
