// Runs the tests of the addon, and any test paths given as arguments, with every Node we promise to
// work on. The addon speaks Node-API: all of them load the one binary that the build left.
//
// The running Node serves for its own major version; the others come from npm, as packages that hold
// nothing but the binary, into .parts/. A version that cannot be had is a failure, never a skip.

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { buildNative } from "./build-native.mjs";

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const majors = [20, 22, 24];

/** The program of a major version; throws one sentence when it cannot be had. */
function nodeOf(major) {
  if (process.versions.node.startsWith(`${major}.`)) return process.execPath;
  const name = `node-${process.platform}-${process.arch}`;
  const folder = path.join(root, ".parts", `node${major}`);
  const binary = path.join(folder, "node_modules", name, "bin", "node");
  if (!existsSync(binary)) install(`${name}@${major}`, folder);
  if (existsSync(binary)) return binary;
  throw new Error(`the npm package ${name}@${major} holds no bin/node`);
}

/** Into a folder with a package.json of its own, so that the project's stays as it is. */
function install(wanted, folder) {
  mkdirSync(folder, { recursive: true });
  const options = [
    "--prefix",
    folder,
    "--no-audit",
    "--no-fund",
    "--ignore-scripts",
    "--fetch-retries=1",
  ];
  const result = spawnSync("npm", ["install", ...options, wanted], {
    cwd: folder,
    encoding: "utf8",
  });
  if (result.status === 0) return;
  const reason =
    /^npm error (?!code )(.+)$/m.exec(result.stderr ?? "")?.[1] ?? result.error?.message;
  throw new Error(`npm does not bring ${wanted}: ${reason ?? `status ${result.status}`}`);
}

/** Runs some tests; the programs they start find this Node first, too. */
function runTests(node, selection) {
  const vitest = path.join(root, "node_modules", "vitest", "vitest.mjs");
  const env = { ...process.env, NO_COLOR: "1" };
  env.PATH = [path.dirname(node), process.env.PATH].join(path.delimiter);
  const result = spawnSync(node, [vitest, "run", ...selection], {
    cwd: root,
    encoding: "utf8",
    maxBuffer: 64 << 20,
    env,
  });
  const counts = /^ *Tests +(.+)$/m.exec(result.stdout ?? "")?.[1] ?? "no test ran";
  // No count is a failure, too: a run that finds nothing must not pass.
  const passed = result.status === 0 && /\d+ passed/.test(counts);
  if (!passed) process.stderr.write(`${result.stdout ?? ""}${result.stderr ?? ""}`);
  return { passed, counts: `${selection.at(-1)}: ${counts}` };
}

/** One line a version. Each path is a run of its own: one that matches no test fails. */
function check(major, paths) {
  const node = nodeOf(major);
  const version = spawnSync(node, ["--version"], { encoding: "utf8" }).stdout?.trim();
  if (!version?.startsWith(`v${major}.`)) throw new Error(`${node} does not run as Node ${major}`);
  const selections = [["--project", "unit", "native"], ...paths.map((each) => [each])];
  const runs = selections.map((selection) => runTests(node, selection));
  const passed = runs.every((run) => run.passed);
  const counts = runs.map((run) => run.counts).join("; ");
  console.log(`node ${version}: ${passed ? "passed" : "FAILED"} (${counts})`);
  return passed;
}

let failed = 0;
buildNative({ quiet: true });
for (const major of majors) {
  try {
    if (!check(major, process.argv.slice(2))) failed++;
  } catch (error) {
    failed++;
    console.log(`node ${major}: FAILED (${error.message})`);
  }
}
process.exitCode = failed > 0 ? 1 : 0;
