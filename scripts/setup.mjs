// Everything between a fresh clone and a program that runs. Each step does nothing when it is done.

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { fetchParts } from "./system-parts.mjs";

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const OLDEST_NODE = [20, 19];

export async function setup({ quiet = false } = {}) {
  checkNode();
  installPackages({ quiet });
  if (!quiet) console.log("building");
  const { build } = await import("./build.mjs");
  await build({ quiet: true });
  for (const sentence of fetchParts({ quiet })) console.error(sentence);
}

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const [wantedMajor, wantedMinor] = OLDEST_NODE;
  if (major > wantedMajor || (major === wantedMajor && minor >= wantedMinor)) return;
  throw new Error(
    `Node.js ${OLDEST_NODE.join(".")} or later is needed, this is ${process.versions.node}`,
  );
}

function installPackages({ quiet }) {
  const lock = readFileSync(path.join(root, "package-lock.json"));
  const wanted = createHash("sha256").update(lock).digest("hex");
  const stamp = path.join(root, "node_modules", ".flowkeeper-lock");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return;
  if (!quiet) console.log("installing packages");
  const npm = spawnSync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], {
    cwd: root,
    encoding: "utf8",
  });
  if (npm.status !== 0) {
    throw new Error(`npm ci failed:\n${npm.stdout ?? ""}${npm.stderr ?? npm.error ?? ""}`);
  }
  writeFileSync(stamp, wanted);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  try {
    await setup();
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exit(1);
  }
}
