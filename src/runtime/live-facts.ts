/**
 * Looks at this machine for `config-lint --live`: interfaces, routes, sysctls, folders, modules. It
 * changes nothing, and what it may not look at becomes a sentence instead of an error.
 */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { networkInterfaces, release } from "node:os";
import { parseIpv4, parseIpv6 } from "../config/index.ts";
import type { Folder, Interface, Machine } from "../config/lint/index.ts";

const sysctlNames = [
  "net.netfilter.nf_conntrack_max",
  "net.netfilter.nf_conntrack_acct",
  "net.netfilter.nf_conntrack_events",
  "net.netfilter.nf_conntrack_tcp_loose",
  "net.netfilter.nf_conntrack_tcp_be_liberal",
  "net.core.rmem_max",
  "net.core.wmem_max",
  "net.ipv4.ip_local_port_range",
] as const;

const UP = 0x1;
const MULTICAST = 0x1000;
const CAP_NET_ADMIN = 12n;

/** @param folders Paths of folders that a file names. */
export function liveFacts(folders: readonly string[]): Machine {
  const hidden: string[] = [];
  const look = <T>(what: string, read: () => T): T | undefined => {
    try {
      return read();
    } catch (error) {
      hidden.push(`${what} could not be looked at: ${reasonOf(error)}`);
      return undefined;
    }
  };
  const interfaces = look("the interfaces", readInterfaces);
  const defaultRoutes = look("the routes", readDefaultRoutes);
  const modules = look("the kernel's modules", readModules);
  const seen = folders.map((path) => [path, look(`\`${path}'`, () => readFolder(path))] as const);
  const sysctls = readSysctls();
  if (sysctls["net.netfilter.nf_conntrack_max"] === undefined) {
    hidden.push("the kernel's settings of connection tracking (net.netfilter) are not there");
  }
  return {
    ...(interfaces ? { interfaces } : {}),
    ...(defaultRoutes ? { defaultRoutes } : {}),
    ...(modules ? { modules } : {}),
    sysctls,
    folders: Object.fromEntries(seen.flatMap(([path, row]) => (row ? [[path, row]] : []))),
    isPrivileged: look("the process's rights", readPrivilege) ?? false,
    hidden,
  };
}

/** The system's name of what went wrong, `EACCES`. */
function reasonOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : String(error);
}

/** The names of this network namespace; details are of /sys, which may show those of another one. */
function readInterfaces(): Interface[] {
  const lines = readFileSync("/proc/net/dev", "latin1").split("\n").slice(2);
  const names = lines.flatMap((line) => /^\s*([^:\s]+):/.exec(line)?.[1] ?? []);
  const known = networkInterfaces();
  return names.map((name) => {
    const flags = Number(detail(name, "flags") ?? UP | MULTICAST);
    return {
      ...{ name, isUp: (flags & UP) !== 0, hasMulticast: (flags & MULTICAST) !== 0 },
      ...{ hasCarrier: detail(name, "carrier") !== "0", mtu: Number(detail(name, "mtu") ?? 1500) },
      addresses: (known[name] ?? []).flatMap(({ address, cidr, family }) => {
        const bytes = family === "IPv4" ? parseIpv4(address) : parseIpv6(address);
        const prefix = Number(cidr?.split("/")[1]);
        return bytes === undefined || Number.isNaN(prefix) ? [] : [{ bytes, prefix }];
      }),
    };
  });
}

function detail(name: string, file: string): string | undefined {
  try {
    return readFileSync(`/sys/class/net/${name}/${file}`, "latin1").trim();
  } catch {
    return undefined;
  }
}

function readDefaultRoutes(): string[] {
  const v4 = readFileSync("/proc/net/route", "latin1").split("\n").slice(1);
  const found = v4.flatMap((line) => {
    const [name, destination, , , , , , mask] = line.split("\t");
    return name && destination === "00000000" && mask?.trim() === "00000000" ? [name] : [];
  });
  return [...new Set([...found, ...defaultRoutesV6()])];
}

/** A kernel without IPv6 has no such file. */
function defaultRoutesV6(): string[] {
  let text = "";
  try {
    text = readFileSync("/proc/net/ipv6_route", "latin1");
  } catch {
    return [];
  }
  return text.split("\n").flatMap((line) => {
    const columns = line.trim().split(/\s+/);
    const name = columns.at(-1);
    const isDefault = /^0{32}$/.test(columns[0] ?? "") && columns[1] === "00";
    return isDefault && name && name !== "lo" ? [name] : [];
  });
}

function readSysctls(): Record<string, number> {
  const rows = sysctlNames.flatMap((name) => {
    try {
      const text = readFileSync(`/proc/sys/${name.replaceAll(".", "/")}`, "latin1");
      const value = Number.parseInt(text, 10);
      return Number.isNaN(value) ? [] : [[name, value] as const];
    } catch {
      return [];
    }
  });
  return Object.fromEntries(rows);
}

function readFolder(path: string): Folder {
  try {
    const status = statSync(path);
    return { kind: status.isDirectory() ? "directory" : "other", mode: status.mode & 0o7777 };
  } catch (error) {
    if (reasonOf(error) === "ENOENT") return { kind: "missing", mode: 0 };
    throw error;
  }
}

/** Loaded ones, and those that are part of the kernel. */
function readModules(): string[] {
  const loaded = readFileSync("/proc/modules", "latin1").split("\n");
  const builtIn = readFileSync(`/lib/modules/${release()}/modules.builtin`, "latin1").split("\n");
  const parameters = readdirSync("/sys/module");
  const plain = (path: string) =>
    path.replace(/^.*\//, "").replace(/\.ko$/, "").replaceAll("-", "_");
  return [...loaded.map((line) => line.split(" ")[0] ?? ""), ...builtIn.map(plain), ...parameters];
}

/** In a user namespace nobody may exceed the system's limits. */
function readPrivilege(): boolean {
  const status = readFileSync("/proc/self/status", "latin1");
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? "0"}`);
  const map = readFileSync("/proc/self/uid_map", "latin1").trim().split(/\s+/);
  return ((effective >> CAP_NET_ADMIN) & 1n) === 1n && map.join(" ") === "0 0 4294967295";
}
