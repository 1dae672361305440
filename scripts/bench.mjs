// `npm run bench`: set up, then run the benchmarks, ours and the reference in turn.

import { spawnSync } from "node:child_process";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { setup } from "./setup.mjs";
import { partsEnvironment } from "./system-parts.mjs";

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
await setup({ quiet: true });
const bench = path.join(root, "dist", "bench.mjs");
const result = spawnSync(process.execPath, [bench, ...process.argv.slice(2)], {
  stdio: "inherit",
  env: partsEnvironment(),
});
process.exitCode = result.status ?? 1;
