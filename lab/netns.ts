/**
 * Network namespaces for tests, benches and the demonstration: made, wired, used, and removed whatever happens.
 *
 * All names carry the pid of their maker. Every process inside a namespace of a lab belongs to the lab, so removing the
 * lab kills them all. Nothing here touches the namespace the program was started in.
 */
import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from "node:child_process";
import {
  accessSync,
  constants,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { waitFor } from "./wait.ts";

export interface Outcome {
  /** Exit status; -1 when a signal ended the command. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** Text for standard input. */
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

const PREFIX = "fklab";
const NETNS_DIR = "/run/netns";
const SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** The environment for system tools: an ordinary user's PATH lacks the sbin directories. */
export function systemEnvironment(extra: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const { PATH = "" } = process.env;
  return { ...process.env, PATH: `${PATH}:${SYSTEM_PATH}`, LC_ALL: "C", ...extra };
}

/** Looks a program up in the path for system tools; undefined where it is not installed. */
export function findProgram(name: string): string | undefined {
  const { PATH = "" } = systemEnvironment();
  const folders = PATH.split(":");
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

/** True for a file that this process may run. */
export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Runs a command to its end. Never throws for a non-zero status; throws when it cannot start or takes too long. */
export function run(argv: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const { input, env, timeoutMs = 60_000 } = options;
  const [command = "", ...args] = argv;
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env: systemEnvironment(env), stdio: "pipe" });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      reject(new Error(`\`${argv.join(" ")}' took more than ${timeoutMs / 1000} s`));
    }, timeoutMs);
    const finish = (code: number | null) => {
      clearTimeout(timer);
      // A daemon may have inherited the pipes and hold them open: the exit counts, not their end.
      child.stdout.destroy();
      child.stderr.destroy();
      resolve({
        status: code ?? -1,
        stdout: Buffer.concat(stdout).toString(),
        stderr: Buffer.concat(stderr).toString(),
      });
    };
    child.stdout.on("data", (bytes: Buffer) => stdout.push(bytes));
    child.stderr.on("data", (bytes: Buffer) => stderr.push(bytes));
    child.on("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
    let closed = false;
    child.on("close", (code) => {
      closed = true;
      finish(code);
    });
    child.on("exit", (code) => {
      setTimeout(() => {
        if (!closed) finish(code);
      }, 500).unref();
    });
    child.stdin.on("error", () => undefined); // The command may end without reading.
    child.stdin.end(input ?? "");
  });
}

/** Like `run`, but a non-zero status throws, with the command's own words. Resolves with standard output. */
export async function runOk(argv: readonly string[], options: RunOptions = {}): Promise<string> {
  const { status, stdout, stderr } = await run(argv, options);
  if (status !== 0) {
    throw new Error(`\`${argv.join(" ")}' exits with ${status}: ${(stderr || stdout).trim()}`);
  }
  return stdout;
}

/** One network namespace of a lab. */
export class Namespace {
  /** The name within the lab, such as `client`. */
  readonly label: string;
  /** The name `ip netns` knows. */
  readonly name: string;
  readonly path: string;

  constructor(label: string, name: string) {
    this.label = label;
    this.name = name;
    this.path = join(NETNS_DIR, name);
  }

  /** The command line that runs `argv` in here. nsenter executes in place: the child's pid is the command's. */
  command(argv: readonly string[]): string[] {
    return ["nsenter", `--net=${this.path}`, ...argv];
  }

  run(argv: readonly string[], options: RunOptions = {}): Promise<Outcome> {
    return run(this.command(argv), options);
  }

  runOk(argv: readonly string[], options: RunOptions = {}): Promise<string> {
    return runOk(this.command(argv), options);
  }

  spawn(argv: readonly string[], options: SpawnOptions = {}): ChildProcess {
    const [command = "", ...args] = this.command(argv);
    return spawn(command, args, { ...options, env: options.env ?? systemEnvironment() });
  }

  /** Runs a batch of `ip` commands, one a line, without the word `ip`. */
  async ip(lines: string | readonly string[]): Promise<void> {
    const input = typeof lines === "string" ? lines : lines.join("\n");
    await runOk(["ip", "-netns", this.name, "-batch", "-"], { input: `${input}\n` });
  }

  /** Sets kernel parameters. Keys are paths below /proc/sys and may hold shell patterns. */
  async sysctl(values: Readonly<Record<string, number | string>>): Promise<void> {
    const lines = Object.entries(values).map(
      ([key, value]) => `for f in /proc/sys/${key}; do echo "${value}" > "$f"; done`,
    );
    await this.runOk(["sh", "-e"], { input: `${lines.join("\n")}\n` });
  }

  /** Loads an nftables rule-set. */
  async nft(ruleset: string): Promise<void> {
    await this.runOk(["nft", "-f", "-"], { input: ruleset });
  }

  /** The processes that live in here, read from /proc. */
  pids(): number[] {
    if (!existsSync(this.path)) return [];
    const own = `net:[${statSync(this.path).ino}]`;
    return readdirSync("/proc")
      .filter((entry) => /^\d+$/.test(entry) && namespaceOf(entry) === own)
      .map(Number);
  }

  /** Sends a signal to every process in here; they are ours, because the namespace is. */
  kill(signal: NodeJS.Signals = "SIGKILL"): void {
    for (const pid of this.pids()) signalQuietly(pid, signal);
  }
}

/** A set of namespaces and a private directory, removed together. */
export class Lab {
  /** A private directory for configurations, sockets and logs. */
  readonly dir: string;
  readonly #prefix: string;
  readonly #namespaces = new Map<string, Namespace>();

  private constructor(prefix: string) {
    this.#prefix = prefix;
    this.dir = mkdtempSync(join(tmpdir(), `${prefix}-`));
  }

  /** Makes an empty lab and sees to it that the end of this process is the end of the lab. */
  static create(): Lab {
    installEmergencyExit();
    sweep();
    labCount += 1;
    const lab = new Lab(`${PREFIX}${process.pid}x${labCount}`);
    live.add(lab);
    return lab;
  }

  async namespace(label: string): Promise<Namespace> {
    const namespace = new Namespace(label, `${this.#prefix}-${label}`);
    this.#namespaces.set(label, namespace); // First, so that half a creation is cleaned up as well.
    await runOk(["ip", "netns", "add", namespace.name]);
    await namespace.ip("link set lo up");
    return namespace;
  }

  /** Joins two namespaces by a veth pair; both ends are up. */
  async link(
    a: { readonly at: Namespace; readonly as: string },
    b: { readonly at: Namespace; readonly as: string },
  ): Promise<void> {
    await a.at.ip(`link add ${a.as} type veth peer name ${b.as} netns ${b.at.name}`);
    await Promise.all([a.at.ip(`link set ${a.as} up`), b.at.ip(`link set ${b.as} up`)]);
  }

  /** Kills what runs in the lab, removes its namespaces and its directory. Synchronous, so that it serves at exit. */
  destroy(): void {
    if (!live.delete(this)) return;
    for (const namespace of this.#namespaces.values()) remove(namespace);
    rmSync(this.dir, { recursive: true, force: true });
  }

  [Symbol.dispose](): void {
    this.destroy();
  }
}

/** Waits until a process is gone. */
export async function waitForExit(pid: number, timeoutMs = 10_000): Promise<void> {
  await waitFor(() => !isRunning(pid), { what: `the end of process ${pid}`, timeoutMs });
}

/** A zombie does not run: inside a pid namespace nobody may reap it. */
export function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

const live = new Set<Lab>();
let labCount = 0;
let isInstalled = false;

function installEmergencyExit(): void {
  if (isInstalled) return;
  isInstalled = true;
  process.on("exit", () => {
    for (const lab of live) lab.destroy();
  });
  const statuses = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;
  for (const [signal, status] of Object.entries(statuses)) {
    process.once(signal, () => process.exit(status));
  }
}

/** Removes what a lab left behind whose maker was killed before it could clean up. */
function sweep(): void {
  if (!existsSync(NETNS_DIR)) return;
  for (const name of readdirSync(NETNS_DIR)) {
    const maker = new RegExp(`^${PREFIX}(\\d+)x`).exec(name)?.[1];
    if (maker !== undefined && !existsSync(`/proc/${maker}`)) remove(new Namespace(name, name));
  }
}

function remove(namespace: Namespace): void {
  // Twice: a process may have started a child between the look and the signal.
  for (let round = 0; round < 2; round += 1) namespace.kill();
  spawnSync("ip", ["netns", "del", namespace.name], { env: systemEnvironment(), stdio: "ignore" });
}

function namespaceOf(pid: string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return undefined; // It ended while we looked, or it is not ours to see.
  }
}

function signalQuietly(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended already.
  }
}
