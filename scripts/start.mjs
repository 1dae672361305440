/**
 * `npm start`: prepares a fresh clone, then runs the demonstration with the rest of the command line. Needs Node and
 * nothing else, because it runs before anything is installed.
 */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const demo = fileURLToPath(new URL("../dist/demo.mjs", import.meta.url));
const fail = (text) => {
  process.stderr.write(`${text}\n`);
  process.exit(1);
};

const { setup } = await import("./setup.mjs");
try {
  await setup({ quiet: true });
} catch (error) {
  fail(`The set-up failed: ${error instanceof Error ? error.message : error}`);
}
if (!existsSync(demo)) fail("The set-up has built no dist/demo.mjs.");

const { partsEnvironment } = await import("./system-parts.mjs");
const child = spawn(process.execPath, [demo, ...process.argv.slice(2)], {
  stdio: "inherit",
  env: partsEnvironment(),
});
// The terminal sends Ctrl-C to both; the demonstration cleans up, and this process waits for it.
process.on("SIGINT", () => undefined);
for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
child.on("error", (error) => fail(error.message));
child.on("exit", (status) => process.exit(status ?? 1));
