/**
 * Who caused an event: the process behind a netlink port, where it still can be found.
 *
 * `/proc/net/netlink` names the socket of a port, `/proc/PID/fd` its owner. Both are read once for a port
 * as long as events keep coming from it: a program that deletes a whole table causes one look.
 */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

const NETLINK_NETFILTER = 12;
/** A port may have passed to another process after this many milliseconds. */
const REMEMBERED_MS = 1000;

export class Origins {
  #port = 0;
  #suffix = "";
  #until = 0;

  /** ` [USERSPACE] portid=…` with the name of the program where it is known. */
  suffix(port: number, now: number): string {
    if (port !== this.#port || now > this.#until) {
      const name = programOf(port);
      this.#port = port;
      this.#suffix = ` [USERSPACE] portid=${port}${name === undefined ? "" : ` progname=${name}`}`;
      this.#until = now + REMEMBERED_MS;
    }
    return this.#suffix;
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
