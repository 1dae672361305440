/**
 * House rules that no linter knows. Each comes with a planted breach: a rule that cannot fail guards
 * nothing. `ARCHITECTURE.md` tells why the rules are as they are.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, posix, relative } from "node:path";
import { afterAll, describe, expect, it } from "vitest";

const project = join(import.meta.dirname, "..");
const ROOTS = ["src", "grammar", "native", "lab", "bench", "test"];

/** A floor imports floors with a lower number, and its own folder. */
const FLOORS: Readonly<Record<string, number>> = {
  kit: 0,
  netlink: 1,
  flow: 2,
  cache: 3,
  config: 4,
  sync: 4,
  stats: 4,
  runtime: 5,
  cli: 6,
};
/** The first floor that may touch the machine. */
const MACHINE_FLOOR = 5;
const NATIVE_USERS = ["native", "src/runtime", "src/cli", "lab", "bench", "test"];
const GRAMMAR_USERS = ["grammar", "src/config", "bench", "test"];
const MAX_LINES = 600;
const MIN_MODULES = 70;

interface Module {
  /** Path from the root of the tree, with slashes. */
  readonly path: string;
  readonly text: string;
  /** The text without comments, strings emptied. */
  readonly code: string;
  readonly imports: readonly string[];
}

const IMPORT = /(?:\bfrom|\bimport)\s*\(?\s*"([^"]+)"/g;
const SHAPES =
  /\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`/g;

/** A skip whose title tells what is missing stands in a branch that found it missing. */
const SKIP_WITH_REASON = /\.skip\((?=`[^`]*\[\$\{reason\}\]`)/g;

function readModule(root: string, file: string): Module {
  const path = relative(root, file).replaceAll("\\", "/");
  const text = readFileSync(file, "utf8");
  const uncommented = text.replace(SHAPES, (shape) => (shape.startsWith("/") ? "" : shape));
  const imports = [...uncommented.matchAll(IMPORT)].map(([, target]) =>
    target!.startsWith(".") ? posix.normalize(posix.join(posix.dirname(path), target!)) : target!,
  );
  const code = text
    .replace(SKIP_WITH_REASON, ".skipIf(")
    .replace(SHAPES, (shape) => (shape.startsWith("/") ? "" : '""'));
  return { path, text, code, imports };
}

function* files(directory: string): Generator<string> {
  let entries: ReturnType<typeof list>;
  try {
    entries = list(directory);
  } catch {
    return;
  }
  for (const entry of entries) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) {
      if (entry.name !== "node_modules" && entry.name !== "build") yield* files(path);
    } else if (/\.(tsx?|mjs)$/.test(entry.name)) yield path;
  }
}

function list(directory: string) {
  return readdirSync(directory, { withFileTypes: true });
}

function readTree(root: string): Module[] {
  return ROOTS.flatMap((name) =>
    [...files(join(root, name))].map((file) => readModule(root, file)),
  );
}

const isTest = ({ path }: Module) => path.endsWith(".test.ts") || path.startsWith("test/");
const floorName = (path: string) => /^src\/([^/]+)\//.exec(path)?.[1];
const floorOf = (path: string) => {
  const name = floorName(path);
  return name === undefined ? undefined : FLOORS[name];
};
const within = (path: string, folders: readonly string[]) =>
  folders.some((folder) => path.startsWith(`${folder}/`));

type Rule = (module: Module) => string[];

const onItsFloor: Rule = ({ path, imports }) => {
  if (!path.startsWith("src/")) return [];
  const floor = floorOf(path);
  if (floor === undefined) return [`${path} is on no floor`];
  return imports
    .filter((target) => {
      const other = floorOf(target);
      if (other === undefined || floorName(target) === floorName(path)) return false;
      return other >= floor;
    })
    .map((target) => `${path} imports ${target}, which is not on a lower floor`);
};

const withoutTheMachine: Rule = ({ path, imports }) => {
  const floor = floorOf(path);
  if (floor === undefined || floor >= MACHINE_FLOOR) return [];
  return imports
    .filter((target) => target.startsWith("node:"))
    .map((target) => `${path} imports ${target}: give it what it needs as an argument`);
};

const MACHINE_WORDS =
  /\b(?:Date\.now|Math\.random|performance\.now|setTimeout|setInterval|setImmediate|process\.)|\bnew Date\(\)/g;

const withoutTheClock: Rule = ({ path, code }) => {
  const floor = floorOf(path);
  if (floor === undefined || floor >= MACHINE_FLOOR) return [];
  return [...code.matchAll(MACHINE_WORDS)].map(
    ([word]) => `${path} uses ${word}: take it as an argument`,
  );
};

const nativeBehindItsDoor: Rule = ({ path, imports }) =>
  within(path, NATIVE_USERS)
    ? []
    : imports
        .filter((target) => target.startsWith("native/"))
        .map((target) => `${path} imports ${target}: ask src/runtime for it`);

const grammarBehindItsDoor: Rule = ({ path, imports }) =>
  within(path, GRAMMAR_USERS)
    ? []
    : imports
        .filter((target) => target.startsWith("grammar/"))
        .map((target) => `${path} imports ${target}: ask src/config for it`);

const noProductInTheBasement: Rule = ({ path, imports }) =>
  within(path, ["grammar", "native"])
    ? imports
        .filter((target) => target.startsWith("src/"))
        .map((target) => `${path} imports ${target}: it stands below the product`)
    : [];

const noTestCode: Rule = ({ path, imports }) =>
  imports
    .filter(
      (target) => target.startsWith("test/") || target === "vitest" || target === "fast-check",
    )
    .map((target) => `${path} imports ${target}: tests are for tests`);

const ofBearableLength: Rule = ({ path, text }) => {
  const lines = text.split("\n").length - 1;
  if (lines <= MAX_LINES || /(-table|-tables|generated)\b/.test(path)) return [];
  return [`${path} has ${lines} lines: divide it`];
};

/** "helper" within a name may be the kernel's: `clauses-userspace-helper` reads the clauses of those. */
const namedAfterWhatItIs: Rule = ({ path }) =>
  /(^|[/-])(utils?|helpers|common|managers?|misc)(-[^/]*)?\.|\/helper\./.test(path)
    ? [`${path}: a name that says nothing`]
    : [];

const inKebabCase: Rule = ({ path }) =>
  /^([a-z0-9-]+\/)*[a-z0-9-]+(\.(test|config|gen|d))?\.(tsx?|mjs)$/.test(path)
    ? []
    : [`${path}: file names are kebab-case`];

const withAHeader: Rule = ({ path, text }) =>
  /^(#![^\n]*\n)?\/\*\*/.test(text) ? [] : [`${path} does not say what it is`];

const MARKS = new RegExp(
  `\\b(${["TO", "FIX", "X"].map((each, i) => each + ["DO", "ME", "XX"][i]).join("|")})\\b`,
);
const finished: Rule = ({ path, text }) =>
  MARKS.test(text) ? [`${path} is unfinished: it says ${MARKS.exec(text)?.[0]}`] : [];

/** What a product module must obey. */
const PRODUCT_RULES: Readonly<Record<string, Rule>> = {
  "imports lower floors only": onItsFloor,
  "below floor 5 imports nothing of node:*": withoutTheMachine,
  "below floor 5 uses no clock, timer, chance or process": withoutTheClock,
  "imports native only where the machine is touched": nativeBehindItsDoor,
  "imports the grammar only in src/config": grammarBehindItsDoor,
  "grammar and native import nothing of src": noProductInTheBasement,
  "imports no test code": noTestCode,
  "has a header": withAHeader,
  "is finished": finished,
};

/** What every file must obey, tests included. */
const GENERAL_RULES: Readonly<Record<string, Rule>> = {
  "is not too long": ofBearableLength,
  "has a name that says something": namedAfterWhatItIs,
  "has a name in kebab-case": inKebabCase,
};

const SWITCHED_OFF = /\b(?:it|test|describe)(?:\.each\([^)]*\))?\.(?:only|todo|skip)\s*\(/g;

/** A test that is switched off must say on which condition (`skipIf`, `context.skip(reason)`). */
const switchedOn: Rule = ({ path, code }) =>
  [...code.matchAll(SWITCHED_OFF)].map(([word]) => `${path}: ${word} without a condition`);

/** Every rule breaks for `module`. */
function breaches(modules: readonly Module[], rules: Readonly<Record<string, Rule>>): string[] {
  return modules.flatMap((module) => Object.values(rules).flatMap((rule) => rule(module)));
}

const tree = readTree(project);
const product = tree.filter((module) => !isTest(module));

describe("the tree", () => {
  it("was read", () => {
    expect(product.length).toBeGreaterThanOrEqual(MIN_MODULES);
    for (const floor of Object.keys(FLOORS)) {
      expect(product.some(({ path }) => path.startsWith(`src/${floor}/`))).toBe(true);
    }
    expect(product.flatMap((each) => each.imports).length).toBeGreaterThan(MIN_MODULES);
  });

  it.each(Object.entries(PRODUCT_RULES))("every module %s", (_name, rule) => {
    expect(product.flatMap(rule)).toEqual([]);
  });

  it.each(Object.entries(GENERAL_RULES))("every file %s", (_name, rule) => {
    expect(tree.flatMap(rule)).toEqual([]);
  });

  it("has no test switched off without a condition", () => {
    expect(tree.filter(isTest).flatMap(switchedOn)).toEqual([]);
  });

  it("names exact versions", () => {
    const { dependencies, devDependencies } = JSON.parse(
      readFileSync(join(project, "package.json"), "utf8"),
    ) as Record<string, Record<string, string>>;
    const all = Object.entries({ ...dependencies, ...devDependencies });
    expect(all.length).toBeGreaterThan(5);
    expect(all.filter(([, version]) => !isExact(version))).toEqual([]);
  });
});

function isExact(version: string): boolean {
  return /^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version);
}

const HEAD = "/** What it is. */\n";
/** Each breach, and words of the complaint. */
const PLANTED: readonly (readonly [string, string, RegExp])[] = [
  ["src/kit/up.ts", `${HEAD}import { x } from "../cache/arena.ts";\n`, /not on a lower floor/],
  ["src/sync/side.ts", `${HEAD}export { x } from "../config/index.ts";\n`, /not on a lower floor/],
  ["src/flow/late.ts", `${HEAD}const x = await import("../runtime/log.ts");\n`, /not on a lower/],
  ["src/attic/x.ts", HEAD, /on no floor/],
  ["src/cache/disk.ts", `${HEAD}import fs from "node:fs";\n`, /imports node:fs/],
  ["src/sync/clock.ts", `${HEAD}export const now = () => Date.now();\n`, /uses Date.now/],
  ["src/stats/where.ts", `${HEAD}export const path = process.env.PATH;\n`, /uses process/],
  ["src/config/raw.ts", `${HEAD}import "../../native/index.ts";\n`, /ask src\/runtime/],
  ["src/runtime/words.ts", `${HEAD}import "../../grammar/index.ts";\n`, /ask src\/config/],
  ["grammar/deep.ts", `${HEAD}import "../src/kit/bytes.ts";\n`, /below the product/],
  ["lab/odd.ts", `${HEAD}import "../test/support/kernel.ts";\n`, /tests are for tests/],
  ["src/kit/bare.ts", "export const x = 1;\n", /does not say what it is/],
  ["bench/later.ts", `${HEAD}// ${["TO", "DO"].join("")}: measure\n`, /unfinished/],
  ["src/kit/long.ts", HEAD + "\n".repeat(MAX_LINES), /divide it/],
  ["src/flow/text-utils.ts", HEAD, /says nothing/],
  ["lab/helper.ts", HEAD, /says nothing/],
  ["src/flow/BigName.ts", HEAD, /kebab-case/],
];

describe("the rules", () => {
  const root = mkdtempSync(join(tmpdir(), "tidy-"));
  afterAll(() => rmSync(root, { recursive: true, force: true }));
  for (const [path, text] of PLANTED) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  const planted = readTree(root);

  it.each(PLANTED)("notice %s", (path, _text, complaint) => {
    const own = planted.filter((module) => module.path === path);
    expect(own).toHaveLength(1);
    const found = breaches(own, { ...PRODUCT_RULES, ...GENERAL_RULES });
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(complaint);
  });

  it("do not take a comment or a string for code", () => {
    const path = "src/kit/quiet.ts";
    writeFileSync(
      join(root, path),
      `${HEAD}// import "../cache/arena.ts" and Date.now()\nexport const text = "setTimeout(";\n`,
    );
    const own = [readModule(root, join(root, path))];
    expect(breaches(own, { ...PRODUCT_RULES, ...GENERAL_RULES })).toEqual([]);
  });

  it.each(["it.only(x)", "describe.skip(x)", "test.todo(x)"])("notice %s", (code) => {
    expect(switchedOn({ path: "a.test.ts", text: code, code, imports: [] })).toHaveLength(1);
  });

  it.each(["it.skipIf(reason)(x)", "context.skip(reason)", "it(x)"])("let %s pass", (code) => {
    expect(switchedOn({ path: "a.test.ts", text: code, code, imports: [] })).toEqual([]);
  });

  it("know an exact version", () => {
    expect(
      ["1.2.3", "^1.2.3", "~1.2.3", "*", "latest", "1.2", "1.2.3-rc.1"].filter(isExact),
    ).toEqual(["1.2.3", "1.2.3-rc.1"]);
  });
});
