/**
 * One conntrackd under observation, ours or the reference: its configuration, its life, its commands and what it says.
 *
 * Knows the command line and the texts of `-s`; knows nothing about the wire.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { RequestCode } from "../src/kit/request-code.ts";
import { ask } from "./control.ts";
import {
  findProgram,
  isExecutable,
  isRunning,
  type Namespace,
  type Outcome,
  waitForExit,
} from "./netns.ts";
import { waitFor } from "./wait.ts";

export type DaemonKind = "ours" | "reference";

export type Transport = "UDP" | "Multicast" | "TCP";

export interface LinkSettings {
  /** UDP where it is not given. */
  readonly transport?: Transport;
  readonly interface: string;
  readonly address: string;
  readonly peer: string;
  readonly port?: number;
  /** The group of `Multicast`; `address` then is that of the interface. */
  readonly group?: string;
  /** The link to start with. */
  readonly isDefault?: boolean;
  /** More clauses of the link, such as `Checksum off`. */
  readonly lines?: readonly string[];
}

export interface ConfigSettings {
  readonly mode?: "FTFW" | "ALARM" | "NOTRACK";
  /** Lines for the Mode block. */
  readonly modeLines?: readonly string[];
  /** Lines for the General section, such as `HashLimit 1000000`. */
  readonly generalLines?: readonly string[];
  /** Lines for the Sync section's Options block. */
  readonly optionLines?: readonly string[];
  /** Lines of a `Stats` section, which takes the place of `Sync`. */
  readonly statsLines?: readonly string[];
  /** Addresses whose flows are not looked after. */
  readonly ignore: readonly string[];
  /** Who filters events; user space unless told otherwise. */
  readonly filterFrom?: "Userspace" | "Kernelspace";
  /** More blocks of the filter, such as `Protocol Accept { TCP }`. */
  readonly filterLines?: readonly string[];
  readonly link: LinkSettings;
  /** Links beside the first one. */
  readonly moreLinks?: readonly LinkSettings[];
  /** Socket buffer in bytes for events and link; leave it out inside a user namespace. */
  readonly bufferBytes?: number;
}

export interface CacheCounts {
  readonly internal: number;
  readonly external: number;
}

export interface CommitReport {
  readonly entries: number;
  readonly failed: number;
  readonly seconds: number;
}

/** The top of the project, from lab/ and from dist/ alike. */
export const projectRoot = fileURLToPath(new URL("..", import.meta.url));

/** The program to run, or undefined where it is not installed. `CONNTRACKD_REFERENCE` names another reference. */
export function findDaemon(kind: DaemonKind): string | undefined {
  const { CONNTRACKD_REFERENCE } = process.env;
  if (kind === "reference") return CONNTRACKD_REFERENCE ?? findProgram("conntrackd");
  const path = join(projectRoot, "bin/conntrackd");
  return isExecutable(path) ? path : undefined;
}

export class Conntrackd {
  readonly kind: DaemonKind;
  readonly binary: string;
  readonly namespace: Namespace;
  readonly configPath: string;
  readonly lockPath: string;
  readonly socketPath: string;
  readonly logPath: string;

  /** Writes the configuration `<dir>/<label>.conf`; nothing is started yet. */
  constructor(
    place: { readonly namespace: Namespace; readonly dir: string },
    kind: DaemonKind,
    settings: ConfigSettings,
  ) {
    const binary = findDaemon(kind);
    if (binary === undefined) {
      throw new Error(kind === "ours" ? "bin/conntrackd is not built" : "conntrackd is missing");
    }
    const base = join(place.dir, place.namespace.label);
    this.kind = kind;
    this.binary = binary;
    this.namespace = place.namespace;
    this.configPath = `${base}.conf`;
    this.lockPath = `${base}.lock`;
    this.socketPath = `${base}.ctl`;
    this.logPath = `${base}.log`;
    writeFileSync(this.configPath, configText(this, settings));
  }

  /** Starts the daemon with `-d`, which returns when it is ready. Throws its words when it does not start. */
  async start(env: Readonly<Record<string, string>> = {}): Promise<void> {
    const argv = [this.binary, "-C", this.configPath, "-d"];
    const { status, stdout, stderr } = await this.namespace.run(argv, { env });
    if (status !== 0) {
      throw new Error(`${this.namespace.label}: conntrackd -d: ${stderr}${stdout}${this.log()}`);
    }
    const answer = () => ask(this.socketPath, RequestCode.statistics).catch(() => "");
    await waitFor(async () => (await answer()) !== "", {
      what: `conntrackd on ${this.namespace.label} to answer`,
    });
  }

  /** Asks the daemon to end and waits until it has. */
  async stop(): Promise<void> {
    const pids = this.pids();
    await this.command("-k");
    await Promise.all(pids.map((pid) => waitForExit(pid)));
  }

  /** Ends the daemon without warning, as a power failure would. The lock file stays. */
  async kill(): Promise<void> {
    const pids = this.pids();
    for (const pid of pids) process.kill(pid, "SIGKILL");
    await Promise.all(pids.map((pid) => waitForExit(pid)));
  }

  /** Runs `conntrackd -C <config> <arguments>` as a client. */
  command(...args: readonly string[]): Promise<Outcome> {
    return this.namespace.run([this.binary, "-C", this.configPath, ...args]);
  }

  /** The same, and anything but status 0 throws. */
  commandOk(...args: readonly string[]): Promise<string> {
    return this.namespace.runOk([this.binary, "-C", this.configPath, ...args]);
  }

  /**
   * The processes of this daemon, and of no other in the namespace: the reference shows its configuration on its
   * command line, ours hides it and names itself in its lock.
   */
  pids(): number[] {
    const owner = /^flowkeeper pid=(\d+) /.exec(readText(this.lockPath))?.[1];
    const isOurs = (pid: number) =>
      String(pid) === owner || commandLine(pid).includes(`\0${this.configPath}\0`);
    return this.namespace.pids().filter((pid) => isRunning(pid) && isOurs(pid));
  }

  /** The numbers of `current active connections` in both caches. */
  async caches(): Promise<CacheCounts> {
    const text = await ask(this.socketPath, RequestCode.statistics);
    const count = (name: string) => {
      const match = new RegExp(`cache ${name}:\\ncurrent active connections:\\s+(\\d+)`).exec(text);
      return Number(match?.[1] ?? 0);
    };
    return { internal: count("internal"), external: count("external") };
  }

  /** The lines of `-i` or `-e`. */
  async dump(cache: "internal" | "external", ...more: readonly string[]): Promise<string[]> {
    const text = await this.commandOk(cache === "internal" ? "-i" : "-e", ...more);
    return text.split("\n").filter((line) => line !== "");
  }

  log(): string {
    return readText(this.logPath);
  }

  /** The last finished commit, from the log. */
  lastCommit(): CommitReport | undefined {
    const log = this.log();
    const start = log.lastIndexOf("Committed ");
    if (start < 0) return undefined;
    const text = log.slice(start);
    const seconds = /commit has taken (\d+\.\d+) seconds/.exec(text)?.[1];
    if (seconds === undefined) return undefined;
    const failed = /(\d+) entries can't be committed/.exec(text)?.[1] ?? 0;
    const entries = /Committed (\d+) new entries/.exec(text)?.[1] ?? 0;
    return { entries: Number(entries), failed: Number(failed), seconds: Number(seconds) };
  }
}

type Paths = Pick<Conntrackd, "lockPath" | "socketPath" | "logPath">;

function configText(paths: Paths, settings: ConfigSettings): string {
  const { mode = "FTFW", modeLines = [], generalLines = [], optionLines = [] } = settings;
  const { bufferBytes, ignore, statsLines, filterFrom = "Userspace", filterLines = [] } = settings;
  const addresses = ignore.map((address) => `      ${family(address)}_address ${address}`);
  const buffers =
    bufferBytes === undefined
      ? []
      : [`  NetlinkBufferSize ${bufferBytes}`, `  NetlinkBufferSizeMaxGrowth ${bufferBytes * 4}`];
  const sync = [
    "Sync {",
    `  Mode ${mode} {`,
    ...modeLines.map((line) => `    ${line}`),
    "  }",
    ...[settings.link, ...(settings.moreLinks ?? [])].map((link) => linkText(link, bufferBytes)),
    ...(optionLines.length === 0 ? [] : ["  Options {", ...optionLines, "  }"]),
    "}",
  ];
  const stats = ["Stats {", ...(statsLines ?? []).map((line) => `  ${line}`), "}"];
  return [
    ...(statsLines === undefined ? sync : stats),
    "General {",
    `  LockFile ${paths.lockPath}`,
    `  LogFile ${paths.logPath}`,
    "  UNIX {",
    `    Path ${paths.socketPath}`,
    "  }",
    "  Systemd off",
    ...buffers,
    ...generalLines.map((line) => `  ${line}`),
    `  Filter From ${filterFrom} {`,
    "    Address Ignore {",
    ...addresses,
    "    }",
    ...filterLines.map((line) => `    ${line}`),
    "  }",
    "}",
    "",
  ].join("\n");
}

function linkText(link: LinkSettings, bufferBytes: number | undefined): string {
  const { transport = "UDP", port = 3780, isDefault = false, lines = [] } = link;
  return [
    `  ${transport}${isDefault ? " Default" : ""} {`,
    ...addressLines(link, port).map((line) => `    ${line}`),
    `    Interface ${link.interface}`,
    ...(bufferBytes === undefined
      ? []
      : [`    SndSocketBuffer ${bufferBytes}`, `    RcvSocketBuffer ${bufferBytes}`]),
    "    Checksum on",
    ...lines.map((line) => `    ${line}`),
    "  }",
  ].join("\n");
}

function addressLines({ group, address, peer }: LinkSettings, port: number): string[] {
  if (group === undefined) {
    return [
      `${family(address)}_address ${address}`,
      `${family(peer)}_Destination_Address ${peer}`,
      `Port ${port}`,
    ];
  }
  const member = family(group) === "IPv4" ? [`IPv4_interface ${address}`] : [];
  return [`${family(group)}_address ${group}`, ...member, `Group ${port}`];
}

function family(address: string): "IPv4" | "IPv6" {
  return address.includes(":") ? "IPv6" : "IPv4";
}

/** The words of a process, each followed by a NUL; nothing where it has ended. */
function commandLine(pid: number): string {
  return readText(`/proc/${pid}/cmdline`);
}

/** Nothing where there is no such file. */
function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
