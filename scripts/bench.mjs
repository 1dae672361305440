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
  // It would make the start of Node dearer that ours is compared with, and which our launchers do without.
  env: { ...partsEnvironment(), NODE_EXTRA_CA_CERTS: undefined },
});
process.exitCode = result.status ?? 1;
