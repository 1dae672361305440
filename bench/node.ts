/**
 * One node: its daemon, and what can be asked of it.
 *
 * All questions go through the reference's client: it is the cheaper one, and asking must cost both kinds the same.
 */
import { closeSync, openSync } from "node:fs";
import { type Conntrackd, findDaemon } from "../lab/conntrackd.ts";
import { runOk } from "../lab/netns.ts";
import { waitFor } from "../lab/wait.ts";
import type { Report } from "./inside/index.ts";
import { probedWhile, runJob } from "./job.ts";

export interface Changes {
  readonly created: number;
  readonly updated: number;
  readonly destroyed: number;
}

export const PATIENCE_MS = 180_000;

export class BenchNode {
  readonly conntrackd: Conntrackd;

  constructor(conntrackd: Conntrackd) {
    this.conntrackd = conntrackd;
  }

  /** The text of `-s` or `-s <topic>`. */
  report(...topic: readonly string[]): Promise<string> {
    const client = findDaemon("reference") ?? "conntrackd";
    return runOk([client, "-C", this.conntrackd.configPath, "-s", ...topic]);
  }

  /** Flows in a cache. */
  async cached(cache: "internal" | "external"): Promise<number> {
    return number(await this.report(), new RegExp(`cache ${cache}:\\ncurrent active.*?\\s(\\d+)`));
  }

  /** What a cache has counted. */
  async changes(cache: "internal" | "external"): Promise<Changes> {
    const text = await this.report();
    const section = text.slice(text.indexOf(`cache ${cache}:`));
    const count = (what: string) => number(section, new RegExp(`connections ${what}:\\s+(\\d+)`));
    return {
      created: count("created"),
      updated: count("updated"),
      destroyed: count("destroyed"),
    };
  }

  /** Messages that wait for their acknowledgement. */
  async unacknowledged(): Promise<number> {
    return number(await this.report("rsqueue"), /len=(\d+)/);
  }

  async overruns(): Promise<number> {
    return number(await this.report("runtime"), /netlink overrun:\s+(\d+)/);
  }

  /** Entries of the kernel's table. */
  async kernelEntries(): Promise<number> {
    const path = "/proc/sys/net/netfilter/nf_conntrack_count";
    return Number(await this.conntrackd.namespace.runOk(["cat", path]));
  }

  /** Empties the kernel's table. */
  async flushKernel(): Promise<void> {
    await this.conntrackd.namespace.run(["conntrack", "-F"]);
  }

  /** Wall-clock seconds of `conntrackd <arguments>`, the program of this node, output thrown away. */
  seconds(...args: readonly string[]): Promise<number> {
    const { binary, configPath } = this.conntrackd;
    return this.secondsOf([binary, "-C", configPath, ...args]);
  }

  /** Wall-clock seconds of a command in the namespace of this node. */
  async secondsOf(argv: readonly string[]): Promise<number> {
    const { namespace, logPath } = this.conntrackd;
    const errors = openSync(`${logPath}.stderr`, "a");
    try {
      const started = performance.now();
      const child = namespace.spawn(argv, { stdio: ["ignore", "ignore", errors] });
      const status = await new Promise((resolve, reject) => {
        child.on("error", reject);
        child.on("exit", resolve);
      });
      if (status !== 0) throw new Error(`${argv.join(" ")} exits with ${status}`);
      return (performance.now() - started) / 1000;
    } finally {
      closeSync(errors);
    }
  }

  async waitForCached(cache: "internal" | "external", flows: number): Promise<void> {
    let seen = -1;
    const isThere = async () => (seen = await this.cached(cache)) === flows;
    const what = `${flows} flows in the ${cache} cache of ${this.conntrackd.namespace.label}`;
    try {
      await waitFor(isThere, { what, timeoutMs: PATIENCE_MS, everyMs: 100 });
    } catch (error) {
      const { message } = error as Error;
      throw new Error(`${message}: ${seen}, ${await this.overruns()} overruns`);
    }
  }

  /** When its kernel has created each flow. */
  births(): Promise<Report<"births">> {
    return runJob(this.conntrackd.namespace, "births", undefined);
  }

  /** The longest wait for an answer of its daemon while `work` runs, in milliseconds. */
  async longestWait(work: () => Promise<unknown>): Promise<number> {
    const { namespace, socketPath } = this.conntrackd;
    return (await probedWhile(namespace, socketPath, work)).longestMs;
  }
}

function number(text: string, pattern: RegExp): number {
  const found = pattern.exec(text)?.[1];
  if (found === undefined) throw new Error(`the report of the daemon has changed: ${text}`);
  return Number(found);
}
