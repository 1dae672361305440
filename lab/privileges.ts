/**
 * The right to make namespaces: root has it, and so has anybody inside a user namespace of their own, where the system
 * allows one. Programs that use the lab call `ensurePrivileges` first.
 */
import { spawn, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { systemEnvironment } from "./netns.ts";

const MARK = "FLOWKEEPER_USER_NAMESPACE";
const CAP_NET_ADMIN = 12n;
const CAP_SYS_ADMIN = 21n;

/** `ip netns` keeps its names below /run, and /proc has to show the new pid namespace. */
const PREPARE = 'mount -t tmpfs tmpfs /run && mount -t proc proc /proc && exec "$@"';
const UNSHARE = ["--user", "--map-root-user", "--net", "--mount", "--pid", "--fork"];

/** True when this process may make network namespaces. */
export function isPrivileged(): boolean {
  try {
    const effective = /^CapEff:\s+([0-9a-f]+)/m.exec(readFileSync("/proc/self/status", "utf8"));
    const set = BigInt(`0x${effective?.[1] ?? "0"}`);
    return [CAP_NET_ADMIN, CAP_SYS_ADMIN].every((bit) => ((set >> bit) & 1n) === 1n);
  } catch {
    return false;
  }
}

/** True inside a user namespace, where socket buffers cannot be forced. */
export function isInUserNamespace(): boolean {
  return process.env[MARK] !== undefined;
}

/**
 * Returns when this process may make namespaces. Where it may not, runs the same program again inside a user namespace
 * and ends with its status; where that is forbidden, says so in one sentence and ends with status 1.
 */
export async function ensurePrivileges(): Promise<void> {
  if (isPrivileged()) return;
  const shell = [...UNSHARE, "sh", "-c", PREPARE, "sh"];
  const env = systemEnvironment({ [MARK]: "1" });
  const probe = spawnSync("unshare", [...shell, "true"], { env, encoding: "utf8" });
  if (probe.status !== 0) {
    const reason = probe.error?.message ?? probe.stderr.trim();
    process.stderr.write(
      `This system lets ordinary users make no user namespaces (${reason}): run this as root.\n`,
    );
    process.exit(1);
  }
  const argv = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  const child = spawn("unshare", [...shell, ...argv], { env, stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => stopInside(child.pid, signal));
  }
  const status = await new Promise<number>((resolve) => {
    child.on("error", () => resolve(1));
    child.on("exit", (code) => resolve(code ?? 1));
  });
  process.exit(status);
}

/** `unshare` itself ignores the signals that should end what runs inside, so they go to its child. */
function stopInside(pid: number | undefined, signal: NodeJS.Signals): void {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ");
    for (const child of children) if (child !== "") process.kill(Number(child), signal);
  } catch {
    // It has ended already.
  }
}
