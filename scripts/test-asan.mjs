// Runs the addon under the address sanitizer and its leak check, and undefined behaviour's.
//
// Node loses memory of its own at its end, often through calls of the addon. A leak counts as ours
// when the nearest frame outside the C libraries lies in the addon: hiding all leaks whose stack
// mentions Node would hide ours, too. Some functions of the C library break the stack; a leak with no
// frame outside them counts as ours. Leaks planted in the copy prove that the check can fail.

import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { compile, nativeSources } from "./build-native.mjs";

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const folder = path.join(root, "native", "build-asan");
const binary = path.join(folder, "build", "Release", "flowkeeper.node");

const flags = "-O1 -g -fsanitize=address,undefined -fno-sanitize=vptr -fno-omit-frame-pointer";
/** The status of a process in which leaks were found. */
const leaked = 23;
/** Without symbols a frame says its module; with them it hides it. */
const options = `detect_leaks=1:symbolize=0:exitcode=${leaked}`;
const timeoutSeconds = 50;

/** Two ways to lose memory: by our own call, and by a call of the C library for us. */
const plant = `
namespace {
ssize_t Leak(int bytes) {
  static uint8_t* volatile lost;
  lost = new uint8_t[bytes];
  lost = reinterpret_cast<uint8_t*>(opendir("/"));
  lost = nullptr;
  return 0;
}
Napi::Object StartPlanted(Napi::Env env, Napi::Object exports) {
  Export<Leak>(exports, "leak");
  return Start(env, exports);
}
}
NODE_API_MODULE(flowkeeper, StartPlanted)
`;

/** Compiles a copy of the sources, with one function more that leaks when it is called. */
function buildCopy() {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const native = path.join(root, "native");
  for (const name of nativeSources(native)) {
    copyFileSync(path.join(native, name), path.join(folder, name));
  }
  const file = path.join(folder, "addon.cc");
  const [before, after, more] = readFileSync(file, "utf8").split(/^NODE_API_MODULE\(.*\)\n/m);
  if (after === undefined || more !== undefined) throw new Error("no place to plant a leak");
  writeFileSync(file, `#include <dirent.h>\n${before}${plant}${after}`);
  compile(folder, { quiet: true, environment: { CXXFLAGS: flags, LDFLAGS: flags, JOBS: "2" } });
}

/** Runs the exercise to its end; answers the report of the sanitizers. */
function exercise(...mode) {
  const script = path.join(root, "scripts", "asan-exercise.mjs");
  const found = spawnSync("g++", ["-print-file-name=libasan.so"], { encoding: "utf8" });
  const result = spawnSync(process.execPath, [script, binary, ...mode], {
    encoding: "utf8",
    timeout: timeoutSeconds * 1000,
    maxBuffer: 256 << 20,
    env: {
      ...process.env,
      LD_PRELOAD: found.stdout.trim(),
      ASAN_OPTIONS: options,
      UBSAN_OPTIONS: "print_stacktrace=1",
    },
  });
  const ended = /^exercised \d+ functions$/m.test(result.stdout);
  const broken = /ERROR: AddressSanitizer|runtime error:|fatal error/.test(result.stderr);
  if (ended && !broken && [0, leaked].includes(result.status)) return result.stderr;
  process.stderr.write(result.stderr);
  const how = result.error?.message ?? `status ${result.status}, signal ${result.signal}`;
  throw new Error(`the exercise failed under the address sanitizer: ${how}`);
}

/** The leaks of a report: how much, and the modules and offsets of the stack, allocation first. */
function leaksOf(report) {
  return report
    .split(/^(?:Direct|Indirect) leak of /m)
    .slice(1)
    .map((text) => ({
      objects: Number(/^\d+ byte\(s\) in (\d+) object/.exec(text)?.[1]),
      frames: [...text.matchAll(/^ +#\d+ 0x[0-9a-f]+ .*?\((\S+)\+(0x[0-9a-f]+)\)/gm)].map(
        ([, module, offset]) => ({ module, offset }),
      ),
    }));
}

/** The frame that asked for the memory, if the stack is whole: below it lie the C libraries'. */
function allocator({ frames }) {
  const library = /^(lib(asan|ubsan|c|m|stdc\+\+|gcc_s|pthread)|ld-linux[^.]*)[-.]/;
  return frames.find(({ module }) => !library.test(path.basename(module)));
}

/** Parts what the addon lost from what others lost. */
function judge(report) {
  const leaks = leaksOf(report);
  const ours = leaks.filter((leak) => (allocator(leak)?.module ?? binary) === binary);
  const objects = (list) => list.reduce((sum, leak) => sum + leak.objects, 0);
  return { ours, lost: objects(ours), others: objects(leaks) - objects(ours) };
}

/** The nearest frames, ours with their lines. */
function describe(leak) {
  const stack = leak.frames.map(({ module, offset }) => {
    if (module !== binary) return `${module}+${offset}\n`;
    return spawnSync("addr2line", ["-Cpfse", binary, offset], { encoding: "utf8" }).stdout;
  });
  return `${leak.objects} objects lost, allocated from\n  ${stack.slice(0, 10).join("  ")}`;
}

function main() {
  buildCopy();
  const real = judge(exercise());
  for (const leak of real.ours) process.stderr.write(describe(leak));
  const planted = judge(exercise("leak"));
  // 10 calls lose two blocks each; a stale register or stack slot may still point to some.
  const found = planted.lost - real.lost;
  const kinds = planted.ours.length - real.ours.length;
  const works = found >= 15 && kinds >= 2;
  console.log(
    `address sanitizer: ${real.lost} leaks of the addon (${real.others} of others ignored); ` +
      `planted leak ${works ? "found" : "NOT FOUND: the check does not work"} (${found} of 20)`,
  );
  process.exitCode = real.lost === 0 && works ? 0 : 1;
}

try {
  main();
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
