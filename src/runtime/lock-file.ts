/**
 * The lock that lets one daemon run: a file that exists.
 *
 * Ours names its owner: pid, start time, boot and pid namespace. Only a lock of that shape whose
 * owner is provably dead is taken over, and that is logged. An empty file is a lock of the
 * reference, anything else is a file of somebody: both are respected.
 *
 * Described in: doc/conntrackd.md, "Lock file".
 */
import {
  closeSync,
  linkSync,
  openSync,
  readFileSync,
  readlinkSync,
  renameSync,
  unlinkSync,
  writeSync,
} from "node:fs";

/** Field of `/proc/PID/stat` behind the name in brackets: ticks from boot to the start of the process. */
const START_TIME_FIELD = 19;
/** `Z`ombie and dead, as `/proc/PID/stat` tells them. */
const ENDED_STATES: readonly string[] = ["Z", "X", "x"];
const LOCK_MODE = 0o600;
const OWNER = /^flowkeeper pid=(\d{1,10}) start=(\d{1,20}) boot=([0-9a-f-]{1,64}) ns=(\S{1,64})\n$/;

export class LockError extends Error {
  override readonly name = "LockError";
  /** Why, in our own words; a line of its own behind the message. */
  readonly detail: string;

  constructor(path: string, detail: string, cause?: unknown) {
    super(`lockfile \`${path}' exists, perhaps conntrackd already running?`, { cause });
    this.detail = detail;
  }
}

/** Who holds a lock. */
export interface Owner {
  readonly pid: number;
  /** Ticks from boot: tells a process from a later one with the same pid. */
  readonly start: string;
  readonly boot: string;
  readonly namespace: string;
}

/** What the machine says about processes; a test lends its own. */
export interface ProcessTable {
  self(): Owner;
  /** Undefined: no such process. */
  startOf(pid: number): string | undefined;
}

export interface Lock {
  /** Removes the file, unless somebody else has put his own there. */
  release(): void;
}

/** @throws LockError for every failure, as the reference does. */
export function acquireLock(
  path: string,
  log: (text: string) => void,
  processes: ProcessTable = procTable,
): Lock {
  const content = ownerText(processes.self());
  if (!create(path, content)) {
    const found = readLock(path);
    const owner = parseOwner(found);
    if (owner === undefined) throw new LockError(path, "it was not left by a daemon of this kind");
    if (!isDead(owner, processes)) throw new LockError(path, `it belongs to process ${owner.pid}`);
    setAside(path, found, processes.self().pid);
    log(`lockfile \`${path}' was left by process ${owner.pid}, which is gone: taking it over`);
    if (!create(path, content)) throw new LockError(path, "another daemon was faster");
  }
  return {
    release() {
      try {
        if (readFileSync(path, "latin1") === content) unlinkSync(path);
      } catch {
        // It is gone already: what we wanted.
      }
    },
  };
}

/** False: the file exists. */
function create(path: string, content: string): boolean {
  let fd: number;
  try {
    fd = openSync(path, "wx", LOCK_MODE);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") return false;
    throw new LockError(path, `it cannot be created: ${message}`, error);
  }
  try {
    writeSync(fd, content);
  } catch {
    // A full disk: an empty lock locks as well, it only cannot be taken over.
  } finally {
    closeSync(fd);
  }
  return true;
}

function readLock(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch (error) {
    throw new LockError(path, `it cannot be read: ${(error as Error).message}`, error);
  }
}

/** Move the dead lock away; if it was replaced since we read it, put the living one back. */
function setAside(path: string, expected: string, pid: number): void {
  const aside = `${path}.${pid}.stale`;
  try {
    renameSync(path, aside);
    const isExpected = readFileSync(aside, "latin1") === expected;
    if (!isExpected) linkSync(aside, path);
    unlinkSync(aside);
    if (isExpected) return;
  } catch (error) {
    throw new LockError(path, `it cannot be taken over: ${(error as Error).message}`, error);
  }
  throw new LockError(path, "another daemon was faster");
}

/** Dead beyond doubt: an earlier boot, no such process, or a later process with the same pid. */
function isDead(owner: Owner, processes: ProcessTable): boolean {
  const self = processes.self();
  if (owner.boot !== self.boot) return true;
  if (owner.namespace !== self.namespace) return false; // Its pids mean nothing to us.
  return processes.startOf(owner.pid) !== owner.start;
}

function ownerText(owner: Owner): string {
  return `flowkeeper pid=${owner.pid} start=${owner.start} boot=${owner.boot} ns=${owner.namespace}\n`;
}

function parseOwner(text: string): Owner | undefined {
  const match = OWNER.exec(text);
  if (match === null) return undefined;
  const [, pid, start, boot, namespace] = match;
  return { pid: Number(pid), start: start!, boot: boot!, namespace: namespace! };
}

export const procTable: ProcessTable = {
  self: () => ({
    pid: process.pid,
    start: procTable.startOf(process.pid) ?? "0",
    boot: readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim(),
    namespace: readlinkSync("/proc/self/ns/pid"),
  }),
  startOf(pid) {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
      // The name may hold blanks and brackets: fields are counted behind the last bracket.
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      // A zombie runs no more: it only waits for its parent to look.
      return ENDED_STATES.includes(fields[0] ?? "") ? undefined : fields[START_TIME_FIELD];
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "ENOENT" || code === "ESRCH") return undefined;
      throw error;
    }
  },
};
