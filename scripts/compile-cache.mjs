// Makes a program start sooner: a small loader that gives V8 the code that it compiled when the program was built.
//
// The cache belongs to the Node that made it; the launcher names that Node. Any other compiles as usual.

import { spawnSync } from "node:child_process";
import { renameSync, writeFileSync } from "node:fs";
import path from "node:path";

/** A program that does not end by itself has no cache, and starts without one. */
const PATIENCE_MS = 30_000;

/** How the program is compiled, by the loader and by the maker of the cache alike. */
const COMPILE = `const fs = require("node:fs");
const vm = require("node:vm");
const file = require("node:path").join(__dirname, NAME);
const source = "(function (require, module, exports, __filename, __dirname) {" + fs.readFileSync(file, "utf8") + "\\n})";
`;

const LOAD = `let cachedData;
try {
  cachedData = fs.readFileSync(file + ".cache");
} catch {}
const script = new vm.Script(source, { filename: file, cachedData });
script.runInThisContext()(require, module, exports, file, __dirname);
`;

/** Runs the program once, so that what a start needs is compiled. It prints to nobody. */
const MAKE = `const script = new vm.Script(source, { filename: file });
process.argv = [process.argv[0], file, ...ARGUMENTS];
process.on("exit", () => fs.writeFileSync(file + ".cache", script.createCachedData()));
script.runInThisContext()(require, module, exports, file, __dirname);
CALL
`;

/**
 * `folder/name.cjs` becomes a loader of itself. `words` is its command line when it is run for the cache, and `call` what
 * is done with its exports then; both must do no harm. The cache is of use to a V8 with the same `flags` alone.
 */
export function addCompileCache(folder, name, { words = [], call = "", flags = [] }) {
  const program = `${name}-program.cjs`;
  const compile = COMPILE.replace("NAME", JSON.stringify(program));
  renameSync(path.join(folder, `${name}.cjs`), path.join(folder, program));
  writeFileSync(path.join(folder, `${name}.cjs`), compile + LOAD);
  const make = compile.replace("__dirname", JSON.stringify(folder)) + MAKE;
  const script = make
    .replace("ARGUMENTS", JSON.stringify(words))
    .replace("CALL", call)
    .replace("file, __dirname)", `file, ${JSON.stringify(folder)})`);
  spawnSync(process.execPath, [...flags, "-e", script], { stdio: "ignore", timeout: PATIENCE_MS });
}
