// Builds everything: the native addon, one bundle a program in dist/, and the launchers in bin/.
//
// Bundles are split, so that a request of the command line loads only what it needs.

import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { buildNative } from "./build-native.mjs";
import { addCompileCache } from "./compile-cache.mjs";

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

/** Settings of V8 from its start on: it asks for them when it makes its heap, and not again. */
const settings = {
  // The tables lie outside of the heap: what little is in it is not worth a collection whenever there is a pause.
  conntrackd: ["--no-memory-reducer"],
};
/** A configuration without a mistake, and one with some, about which the parser is asked. */
const example = path.join(root, "doc/sync/ftfw/conntrackd.conf");
const mistaken = path.join(root, "test/fixtures/lint/firewall-a.conf");
/**
 * Programs that people run: a launcher each in bin/. They shall be there at once, because scripts call them in loops: one
 * CommonJS file each, which Node starts sooner than modules, with the code that it compiled when it ran for the cache.
 */
const programs = {
  conntrack: { file: "src/cli/conntrack.ts", run: { words: ["-C"] } },
  conntrackd: {
    file: "src/cli/conntrackd.ts",
    run: { words: ["-C", example, "-s"], flags: settings.conntrackd },
  },
  "conntrackd-lint": { file: "src/cli/conntrackd-lint.ts", run: { words: ["--version"] } },
  nfct: { file: "src/cli/nfct.ts", run: { words: ["version"] } },
};
/** What these programs load when they need it, in files of their own. */
const parts = {
  "conntrackd-daemon": {
    file: "src/cli/conntrackd-daemon.ts",
    run: {
      call: `module.exports.loadConfig(${JSON.stringify(example)}, {});`,
      flags: settings.conntrackd,
    },
    sources: /\/(conntrackd-daemon|config-file)\.ts$/,
  },
  "config-lint": {
    file: "src/cli/lint-main.ts",
    run: { call: `module.exports.lint(${JSON.stringify([example, mistaken])});` },
    sources: /\/lint-main\.ts$/,
  },
  "lint-server": {
    file: "src/cli/lint-server.ts",
    run: {},
    sources: /\/lint-server\.ts$/,
  },
};
/** What launchers start for a first word, instead of their own program. */
const firstWords = {
  conntrack: { top: "conntrack-top.mjs" },
  conntrackd: { "config-lint": "conntrackd-lint.cjs" },
};
/** Programs of which the commands that they belong to know nothing. */
const ownPrograms = { "conntrack-top": "src/cli/conntrack-top.ts" };
/** Programs of the project's own. */
const tools = { demo: "lab/demo.ts", bench: "bench/main.ts" };

const { version } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8"));

export async function build({ quiet = false } = {}) {
  buildNative({ quiet });
  const { build: bundle } = await import("esbuild");
  // Made aside and moved into place, so that a program that starts meanwhile finds all of its parts.
  const dist = path.join(root, `dist-${process.pid}`);
  const common = {
    absWorkingDir: root,
    outdir: dist,
    bundle: true,
    minifySyntax: true,
    minifyWhitespace: true,
    platform: "node",
    target: "node20",
    logLevel: quiet ? "error" : "warning",
  };
  const define = { FLOWKEEPER_VERSION: JSON.stringify(version) };
  await bundle({
    ...common,
    entryPoints: Object.fromEntries(
      Object.entries({ ...ownPrograms, ...tools }).filter(([, file]) =>
        existsSync(path.join(root, file)),
      ),
    ),
    outExtension: { ".js": ".mjs" },
    splitting: true,
    format: "esm",
    define: { ...define, "process.env.NODE_ENV": '"production"' },
    // A tool of those who change ink.
    external: ["react-devtools-core"],
    // Some packages are CommonJS and ask for `require`.
    banner: {
      js: 'import { createRequire as nodeRequire } from "node:module"; const require = nodeRequire(import.meta.url);',
    },
  });
  const bundles = { ...programs, ...parts };
  const files = Object.entries(bundles).map(([name, { file }]) => [name, file]);
  await bundle({
    ...common,
    entryPoints: Object.fromEntries(files),
    outExtension: { ".js": ".cjs" },
    format: "cjs",
    define: { ...define, "import.meta.dirname": "__dirname" },
    supported: { "dynamic-import": false },
    plugins: [partsApart, processAsGlobal],
  });
  copyFileSync(
    path.join(root, "native/build/Release/flowkeeper.node"),
    path.join(dist, "flowkeeper.node"),
  );
  for (const [name, { run }] of Object.entries(bundles)) addCompileCache(dist, name, run);
  replaceFolder(dist, path.join(root, "dist"));
  for (const name of Object.keys(programs)) writeLauncher(name, `${name}.cjs`);
}

/** Whoever loads a part at run time finds it in that part's file. */
const partsApart = {
  name: "parts-apart",
  setup({ onResolve }) {
    for (const [name, { sources }] of Object.entries(parts)) {
      onResolve({ filter: sources }, ({ kind }) =>
        kind === "dynamic-import" ? { path: `./${name}.cjs`, external: true } : undefined,
      );
    }
  },
};

/** `node:process` is the global: imported as a module, each importer would copy its hundred properties. */
const processAsGlobal = {
  name: "process-as-global",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:process$/ }, () => ({ path: "process", namespace: "global" }));
    onLoad({ filter: /.*/, namespace: "global" }, ({ path: name }) => ({
      contents: `const it = globalThis.${name}; export { it as default };`,
    }));
  },
};

function replaceFolder(made, place) {
  const old = `${made}.old`;
  if (existsSync(place)) renameSync(place, old);
  renameSync(made, place);
  rmSync(old, { recursive: true, force: true });
}

/** What programs start with. */
const environment = [
  // Node would read certificates at its start, for tens of milliseconds: nothing here speaks TLS.
  "unset NODE_EXTRA_CA_CERTS",
  // Memory of tables comes in pages of 2 MiB, where the system has them for who asks: they are dear to touch one by one.
  `export GLIBC_TUNABLES="glibc.malloc.hugetlb=1\${GLIBC_TUNABLES:+:$GLIBC_TUNABLES}"`,
]
  .map((line) => `${line}\n`)
  .join("");

/** Names Node absolutely: a script that keepalived runs has a bare PATH. */
function writeLauncher(name, main) {
  const bin = path.join(root, "bin");
  mkdirSync(bin, { recursive: true });
  const file = path.join(bin, name);
  const quote = (text) => `'${text.replaceAll("'", "'\\''")}'`;
  const start = (bundle, flags = []) =>
    `exec ${[process.execPath, ...flags, path.join(root, "dist", bundle)].map(quote).join(" ")} "$@"`;
  const own = Object.entries(firstWords[name] ?? {}).map(
    ([word, bundle]) => `if [ "$1" = ${word} ]; then shift; ${start(bundle)}; fi\n`,
  );
  writeFileSync(file, `#!/bin/sh\n${environment}${own.join("")}${start(main, settings[name])}\n`);
  chmodSync(file, 0o755);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  try {
    await build();
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exit(1);
  }
}
