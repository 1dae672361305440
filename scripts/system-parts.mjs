// The programs of the system that tests and the demonstration use. What is missing is unpacked from
// Debian's packages into .parts/: nothing is installed, no service is started, no setting changed.

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const folder = path.join(root, ".parts", "debian");
const archives = path.join(root, ".parts", "archives");

/** Command and the package that brings it. */
const parts = {
  ip: "iproute2",
  nft: "nftables",
  conntrack: "conntrack",
  conntrackd: "conntrackd",
  nfct: "nfct",
  // Not `iptables`: that name is a link which only an installation makes.
  "iptables-nft": "iptables",
  keepalived: "keepalived",
  vsftpd: "vsftpd",
};

const triple = { x64: "x86_64-linux-gnu", arm64: "aarch64-linux-gnu" }[process.arch];

/** The environment in which unpacked programs and their libraries are found. */
export function partsEnvironment(env = process.env) {
  const folders = ["usr/sbin", "sbin", "usr/bin", "bin"].map((each) => path.join(folder, each));
  const system = [env.PATH ?? "", "/usr/sbin", "/sbin"];
  const out = { ...env, PATH: [...system, ...folders].join(":") };
  if (!existsSync(folder)) return out;
  const libraries = ["usr/lib", "lib"].map((each) => path.join(folder, each, triple ?? ""));
  // Extensions of iptables are looked for where they were installed, unless it is told where they are.
  const extensions = path.join(folder, "usr/lib", triple ?? "", "xtables");
  if (existsSync(extensions)) out.XTABLES_LIBDIR = extensions;
  out.LD_LIBRARY_PATH = [env.LD_LIBRARY_PATH, ...libraries].filter(Boolean).join(":");
  return out;
}

/** The commands that are not there. */
export function missingParts() {
  const { PATH } = partsEnvironment();
  const found = (command) => PATH.split(":").some((dir) => existsSync(path.join(dir, command)));
  return Object.keys(parts).filter((command) => !found(command));
}

/** Bring what is missing, or say what to run. Answers the sentences to tell. */
export function fetchParts({ quiet = false } = {}) {
  const missing = missingParts();
  if (missing.length === 0) return [];
  const packages = missing.map((command) => parts[command]);
  if (process.getuid?.() !== 0 || !existsSync("/usr/bin/apt-get")) return advice(missing);
  if (!quiet) console.log(`unpacking ${packages.join(", ")} into .parts/`);
  mkdirSync(path.join(archives, "partial"), { recursive: true });
  const apt = (args) => {
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
    return spawnSync("apt-get", args, { encoding: "utf8", env });
  };
  const download = () =>
    apt([
      ...["install", "--yes", "--quiet", "--download-only", "--no-install-recommends"],
      ...["-o", `Dir::Cache::archives=${archives}`, ...packages],
    ]);
  let result = download();
  if (result.status !== 0) {
    apt(["update", "--quiet"]);
    result = download();
  }
  if (result.status !== 0) return advice(missing);
  mkdirSync(folder, { recursive: true });
  for (const name of readdirSync(archives).filter((each) => each.endsWith(".deb"))) {
    spawnSync("dpkg", ["-x", path.join(archives, name), folder]);
  }
  writeFileSync(path.join(root, ".parts", "packages"), `${packages.join("\n")}\n`);
  return advice(missingParts());
}

/** The sentence for commands that are not there; none where all are. */
function advice(missing) {
  if (missing.length === 0) return [];
  const packages = missing.map((command) => parts[command]);
  return [`missing: ${missing.join(", ")}: run \`apt-get install ${packages.join(" ")}\``];
}
