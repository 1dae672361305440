// Compiles the native addon into native/build/Release/flowkeeper.node; does nothing when it is up to
// date. Headers beside the running Node are used where they match it; otherwise node-gyp downloads them.

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const nodeGyp = path.join(root, "node_modules", ".bin", "node-gyp");

/** The sources of the addon, without its typed door. */
export function nativeSources(directory = path.join(root, "native")) {
  return readdirSync(directory)
    .filter((name) => /\.(cc|h|gyp)$/.test(name))
    .sort();
}

/** Builds when something changed. Answers whether it compiled; throws one clear sentence if it cannot. */
export function buildNative({ quiet = false } = {}) {
  const directory = path.join(root, "native");
  const stamp = path.join(directory, "build", "stamp");
  const wanted = fingerprint(directory);
  const binary = path.join(directory, "build", "Release", "flowkeeper.node");
  if (existsSync(binary) && existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) {
    return false;
  }
  compile(directory, { quiet });
  writeFileSync(stamp, wanted);
  return true;
}

/** Runs node-gyp in a directory that holds a binding.gyp; `environment` adds flags for the compiler. */
export function compile(directory, { quiet = false, environment = {} } = {}) {
  checkTools();
  const headers = matchingHeaders();
  const args = ["rebuild", ...(headers === undefined ? [] : [`--nodedir=${headers}`])];
  const result = spawnSync(nodeGyp, args, {
    cwd: directory,
    env: { ...process.env, ...environment },
    encoding: "utf8",
    stdio: quiet ? "pipe" : ["ignore", "inherit", "inherit"],
  });
  if (result.status === 0) return;
  if (quiet) process.stderr.write(`${result.stdout ?? ""}${result.stderr ?? ""}`);
  throw new Error("the native addon did not compile: see the messages of node-gyp above");
}

function checkTools() {
  if (!existsSync(nodeGyp)) throw new Error("node-gyp is missing: run `npm ci --ignore-scripts`");
  const tools = { python3: "python3", make: "make", "g++": "g++" };
  const missing = Object.entries(tools)
    .filter(([command]) => spawnSync(command, ["--version"]).status !== 0)
    .map(([, debianPackage]) => debianPackage);
  if (missing.length === 0) return;
  throw new Error(
    `the native addon needs a compiler: run \`apt-get install ${missing.join(" ")}\` and try again`,
  );
}

/** The prefix of the running Node if its headers are of the same version. */
function matchingHeaders() {
  const prefix = path.dirname(path.dirname(process.execPath));
  const file = path.join(prefix, "include", "node", "node_version.h");
  if (!existsSync(file)) return undefined;
  const text = readFileSync(file, "utf8");
  const parts = ["MAJOR", "MINOR", "PATCH"].map(
    (name) => new RegExp(`#define NODE_${name}_VERSION (\\d+)`).exec(text)?.[1],
  );
  return `v${parts.join(".")}` === process.version ? prefix : undefined;
}

function fingerprint(directory) {
  const hash = createHash("sha256").update(`${process.arch} ${process.versions.modules}\n`);
  for (const name of nativeSources(directory)) {
    hash.update(`${name}\n`).update(readFileSync(path.join(directory, name)));
  }
  return hash.digest("hex");
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  try {
    const compiled = buildNative({ quiet: process.argv.includes("--quiet") });
    console.log(compiled ? "native addon: built" : "native addon: up to date");
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
}
