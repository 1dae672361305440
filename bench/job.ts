/** Starts the jobs of inside/ in a namespace, and reads their reports. */
import { once } from "node:events";
import { join } from "node:path";
import { projectRoot } from "../lab/conntrackd.ts";
import type { Namespace } from "../lab/netns.ts";
import type { JobName, Report, Settings } from "./inside/index.ts";

const PATIENCE_MS = 600_000;

/** Runs a job to its end. */
export async function runJob<Name extends JobName>(
  at: Namespace,
  name: Name,
  settings: Settings<Name>,
): Promise<Report<Name>> {
  const text = await at.runOk(command(name, settings), { timeoutMs: PATIENCE_MS });
  return JSON.parse(text) as Report<Name>;
}

/** Runs `work` beside the job `probe`. */
export async function probedWhile(
  at: Namespace,
  socketPath: string,
  work: () => Promise<unknown>,
): Promise<Report<"probe">> {
  const child = at.spawn(command("probe", { socketPath }), { stdio: ["pipe", "pipe", "inherit"] });
  const { stdin, stdout } = child;
  if (stdin === null || stdout === null) throw new Error("the probe has no pipes");
  let text = "";
  stdout.setEncoding("utf8").on("data", (piece: string) => {
    text += piece;
  });
  await once(stdout, "data"); // It is warm.
  await work();
  const closed = once(child, "close");
  stdin.end();
  await closed;
  return JSON.parse(text.slice(text.indexOf("\n"))) as Report<"probe">;
}

function command(name: JobName, settings: unknown = {}): string[] {
  const bundle = join(projectRoot, "dist/bench.mjs");
  // On a firewall packets do not wait for daemons.
  const program = ["nice", "-n", "-15", process.execPath, bundle];
  return [...program, "inside", name, JSON.stringify(settings)];
}
