// `npm test`: set up, check the sources, run every test that this machine allows.
//
// Tests that need root or a missing program are skipped with their reason; in CI a skip is a failure.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { setup } from "./setup.mjs";
import { partsEnvironment } from "./system-parts.mjs";

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const results = path.join(root, ".parts", "test-results");

/**
 * Quick tests side by side. Those that run daemons mostly wait: two kinds at once, of each kind one file after the
 * other.
 */
const rounds = [
  [{ name: "quick", projects: ["unit", "scenario", "simulation", "fuzz"], args: [] }],
  [
    { name: "differential", projects: ["differential"], args: ["--no-file-parallelism"] },
    { name: "netns", projects: ["netns"], args: ["--no-file-parallelism"] },
  ],
];

/** Runs a program of the packages; resolves with its exit status. */
async function run(command, args, env) {
  const child = spawn(path.join(root, "node_modules", ".bin", command), args, {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
    env,
  });
  const [status] = await once(child, "exit");
  return status;
}

/** Counts of one run: passed, failed, skipped; and the names of the skipped. */
async function runTests({ name, projects, args }, env) {
  const file = path.join(results, `${name}.json`);
  rmSync(file, { force: true });
  const status = await run(
    "vitest",
    [
      "run",
      ...projects.flatMap((each) => ["--project", each]),
      ...args,
      "--passWithNoTests",
      "--reporter=default",
      "--reporter=json",
      `--outputFile.json=${file}`,
    ],
    env,
  );
  const report = JSON.parse(readFileSync(file, "utf8"));
  const tests = report.testResults.flatMap((each) => each.assertionResults);
  const skipped = tests.filter(({ status: s }) => s !== "passed" && s !== "failed");
  return {
    passed: report.numPassedTests,
    // A file that cannot be loaded fails without a test of its own.
    failed: report.numFailedTests + (status !== 0 && report.numFailedTests === 0 ? 1 : 0),
    skipped: skipped.map((each) => each.fullName),
  };
}

async function main() {
  await setup();
  mkdirSync(results, { recursive: true });
  const env = partsEnvironment();
  const checks = {
    lint: await run("biome", ["ci", "."], env),
    types: await run("tsc", ["--noEmit"], env),
  };
  const rows = [];
  for (const round of rounds) {
    rows.push(...(await Promise.all(round.map((each) => runTests(each, env)))));
  }
  const sum = (field) => rows.reduce((all, row) => all + row[field], 0);
  const skipped = rows.flatMap((row) => row.skipped);
  const broken = Object.entries(checks).filter(([, status]) => status !== 0);
  for (const [name] of broken) console.log(`check failed: ${name}`);
  for (const name of skipped) console.log(`skipped: ${name}`);
  const failed = sum("failed") + broken.length;
  console.log(`${sum("passed")} passed, ${failed} failed, ${skipped.length} skipped`);
  const inCi = Boolean(process.env.CI);
  process.exitCode = failed > 0 || (inCi && skipped.length > 0) ? 1 : 0;
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
