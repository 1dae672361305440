/**
 * Who caused an event: the process behind a netlink port, where it still can be found.
 *
 * `/proc/net/netlink` names the socket of a port, `/proc/PID/fd` its owner. Both are read once for a port
 * as long as events keep coming from it: a program that deletes a whole table causes one look.
 */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import type { Origin } from "../../flow/json-words.ts";

const NETLINK_NETFILTER = 12;
/** A port may have passed to another process after this many milliseconds. */
const REMEMBERED_MS = 1000;

export class Origins {
  #last: Origin = { port: 0, program: undefined };
  #until = 0;

  /** Undefined for port 0: the kernel itself. */
  of(port: number, now: number): Origin | undefined {
    if (port === 0) return undefined;
    if (port !== this.#last.port || now > this.#until) {
      this.#last = { port, program: programOf(port) };
      this.#until = now + REMEMBERED_MS;
    }
    return this.#last;
  }
}

function programOf(port: number): string | undefined {
  const inode = inodeOf(port);
  if (inode === undefined) return undefined;
  const link = `socket:[${inode}]`;
  if (holds(`${port}`, link)) return nameOf(`${port}`);
  const pid = list("/proc").find((each) => /^\d+$/.test(each) && each !== "1" && holds(each, link));
  return pid === undefined ? undefined : nameOf(pid);
}

function inodeOf(port: number): string | undefined {
  for (const line of read("/proc/net/netlink").split("\n").slice(1)) {
    const cells = line.trim().split(/\s+/);
    if (Number(cells[1]) === NETLINK_NETFILTER && Number(cells[2]) === port) return cells.at(-1);
  }
  return undefined;
}

function holds(pid: string, link: string): boolean {
  return list(`/proc/${pid}/fd`).some((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`) === link;
    } catch {
      return false;
    }
  });
}

function nameOf(pid: string): string | undefined {
  return /\(([^)]*)\)/.exec(read(`/proc/${pid}/stat`))?.[1];
}

/** Processes come and go: what cannot be read is empty. */
function read(file: string): string {
  try {
    return readFileSync(file, "latin1");
  } catch {
    return "";
  }
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
