/**
 * config-lint as its users meet it: the command line, the formats, rewriting, the generated pages.
 * With `UPDATE=1` the generated pages are written anew.
 */
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { configLint } from "../src/cli/config-lint.ts";
import { languageRules } from "../src/config/index.ts";
import { catalogue, rulePage } from "../src/config/lint/index.ts";
import { jsonSchema, reportSchema } from "../src/config/lint/json-schema.ts";

const root = join(import.meta.dirname, "..");
const scratch = mkdtempSync(join(tmpdir(), "lint-"));
afterAll(() => rmSync(scratch, { recursive: true }));
Object.assign(globalThis, { FLOWKEEPER_VERSION: "0.0.0" });

function run(words: readonly string[], isTerminal = false, environment = {}) {
  let out = "";
  let err = "";
  const status = configLint(words, {
    ...{ isTerminal, columns: 100, environment },
    write: (text) => void (out += text),
    complain: (text) => void (err += text),
  });
  return { status, out, err };
}

function file(name: string, text: string): string {
  const path = join(scratch, name);
  writeFileSync(path, text, "latin1");
  return path;
}

const clean = join(root, "doc/sync/ftfw/conntrackd.conf");
const warned = file("warned.conf", "General {\n    HashSize 0\n}\n");
const wrong = file("wrong.conf", "General {\n    HashSize x\n}\n");

describe("pages that are made of the rows", () => {
  const update = (path: string, text: string) => {
    if (process.env["UPDATE"]) writeFileSync(join(root, path), text);
  };
  it("doc/lint.md has every rule", () => {
    const [own = ""] = readFileSync(join(root, "doc/lint.md"), "utf8").split("<!-- What follows");
    const page = `${own}${rulePage()}`;
    update("doc/lint.md", page);
    expect(readFileSync(join(root, "doc/lint.md"), "utf8")).toBe(page);
  });
  it("doc/lint.schema.json is the schema of the findings", () => {
    update("doc/lint.schema.json", `${JSON.stringify(jsonSchema(), null, 2)}\n`);
    const published = JSON.parse(readFileSync(join(root, "doc/lint.schema.json"), "utf8"));
    expect(published).toEqual(jsonSchema());
  });
  it("README.md shows a true screen", () => {
    const [, screen = ""] =
      /^\$ conntrackd-lint firewall-a\.conf\n([\s\S]*?)^```$/m.exec(
        readFileSync(join(root, "README.md"), "utf8"),
      ) ?? [];
    const { out } = run([join(root, "test/fixtures/lint/firewall-a.conf")]);
    expect(screen).toBe(out.replaceAll(join(root, "test/fixtures/lint/"), ""));
  });
});

describe("the exit status", () => {
  it("is 0 for a clean file, strictly too", () => {
    expect(run(["--strict", clean])).toMatchObject({ status: 0, err: "" });
  });
  it("is 0 for warnings, 1 with --strict", () => {
    expect(run([warned]).status).toBe(0);
    expect(run(["--strict", warned]).status).toBe(1);
  });
  it("is 2 for errors", () => expect(run([wrong]).status).toBe(2));
  it("is 2 for a file that is not there, and the others are looked at all the same", () => {
    const { status, out, err } = run([join(scratch, "none.conf"), warned]);
    expect(status).toBe(2);
    expect(err).toContain("can't open config file");
    expect(out).toContain("zero-is-default");
  });
  it.each([["--format", "xml"], ["--pair", "a"], ["--ignore", "nonsense"], ["--nonsense"]])(
    "is 2 for a command line without sense: %s %s",
    (...words) => expect(run(words)).toMatchObject({ status: 2, out: "" }),
  );
});

describe("text", () => {
  it("is coloured on a terminal, unless somebody asks for none", () => {
    expect(run([wrong], true).out).toContain("\x1b[31m");
    expect(run([wrong], true, { NO_COLOR: "1" }).out).not.toContain("\x1b");
    expect(run([wrong]).out).not.toContain("\x1b");
  });
  it("repeats the beginning of a long word only", () => {
    const { out } = run([file("long.conf", "x".repeat(1_000_000))]);
    expect(out.length).toBeLessThan(2000);
  });
  it("does not pass on what steers a terminal", () => {
    const path = file("steer.conf", "General {\n    HashSize 0 # \x1b[2J\x07\x9b31m\n}\n");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what it is about
    expect(run([path]).out).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/);
  });
  it("marks the place in a line with letters of several bytes", () => {
    const path = join(scratch, "umlaut.conf");
    writeFileSync(path, "General { LogFile /var/log/ü.log HashSize 0 }\n");
    const lines = run([path]).out.split("\n");
    const at = lines.findIndex((line) => line.includes("zero-is-default"));
    expect(lines[at + 2]?.indexOf("^")).toBe(lines[at + 1]?.indexOf("HashSize"));
  });
  it("explains every rule", () => {
    for (const id of catalogue.keys()) {
      expect(run(["--explain", id])).toMatchObject({ status: 0, err: "" });
    }
    expect(run(["--list-rules"]).out.split("\n").length).toBeGreaterThan(catalogue.size);
  });
});

describe("silence", () => {
  it("is kept on a line, below a comment of its own, and for a file", () => {
    const text = [
      "General {",
      "    HashSize 0 # lint: ignore zero-is-default",
      "    # lint: ignore zero-is-default, given-twice",
      "    HashLimit 0",
      "    EventIterationLimit 0",
      "}",
    ].join("\n");
    const { out } = run(["--format", "json", file("silent.conf", text)]);
    const found = reportSchema.parse(JSON.parse(out)).findings;
    expect(found.filter(({ rule }) => rule === "zero-is-default").map(({ line }) => line)).toEqual([
      5,
    ]);
    expect(found.filter(({ rule }) => rule === "unused-suppression")).toHaveLength(1);
  });
  it("cannot be kept about errors of the language", () => {
    const path = file("loud.conf", "# lint: ignore-file syntax\nGeneral {\n    HashSize x\n}\n");
    expect(run([path]).status).toBe(2);
  });
  it("is kept with --ignore", () => {
    expect(run(["--ignore", "zero-is-default", warned]).out).not.toContain("zero-is-default");
  });
});

describe("formats for programs", () => {
  const folder = join(root, "test/fixtures/config");
  const all = readdirSync(folder)
    .filter((name) => name.endsWith(".conf"))
    .map((name) => join(folder, name));
  it("JSON has the published shape, for every fixture", () => {
    const { out } = run(["--format", "json", ...all]);
    const report = reportSchema.strict().parse(JSON.parse(out));
    expect(report.files.map((each) => each.file)).toEqual(all);
    for (const each of report.findings) {
      expect(catalogue.has(each.rule)).toBe(true);
      expect(each.end).toBeGreaterThanOrEqual(each.offset);
    }
  });
  it("SARIF names its rules, and its regions are in order", () => {
    const { out } = run(["--format", "sarif", ...all]);
    const { version, runs } = JSON.parse(out);
    const [{ tool, results }] = runs;
    expect(version).toBe("2.1.0");
    expect(results.length).toBeGreaterThan(50);
    for (const result of results) {
      expect(tool.driver.rules[result.ruleIndex].id).toBe(result.ruleId);
      const { region } = result.locations[0].physicalLocation;
      expect(region.startLine).toBeGreaterThan(0);
      expect(region.startColumn).toBeGreaterThan(0);
      const isForward = region.endLine > region.startLine || region.endColumn >= region.startColumn;
      expect(isForward).toBe(true);
    }
  });
});

const old = [
  "# An old file.",
  "Sync {",
  "    Mode NACK { # comment stays",
  "    }",
  "    Multicast {",
  "        McastSndSocketBuffer   1249280 # spaces stay",
  "    }",
  "}",
  "",
].join("\n");
const rewritten = old.replace("NACK", "FTFW").replace("McastSndSocketBuffer", "SndSocketBuffer");

describe("--fix", () => {
  it("rewrites old spellings, and keeps comments, layout and rights", () => {
    const path = file("old.conf", old);
    chmodSync(path, 0o640);
    const { err } = run(["--fix", path]);
    expect(readFileSync(path, "latin1")).toBe(rewritten);
    expect(statSync(path).mode & 0o777).toBe(0o640);
    expect(err).toContain("2 places rewritten");
    expect(readdirSync(scratch).filter((name) => name.endsWith(".new"))).toEqual([]);
  });
  it("rewrites what a link points to, and leaves the link", () => {
    const target = file("target.conf", old);
    const link = join(scratch, "link.conf");
    symlinkSync(target, link);
    run(["--fix", link]);
    expect(readFileSync(target, "latin1")).toBe(rewritten);
  });
  it("does not touch a file that needs nothing", () => {
    const path = file("fine.conf", rewritten);
    const before = statSync(path).ino;
    run(["--fix", path]);
    expect(statSync(path).ino).toBe(before);
  });
});

describe("comparisons", () => {
  it("--pair tells each file about its partner", () => {
    const a = file(
      "a.conf",
      "Sync {\n    Mode FTFW {\n    }\n    UDP {\n        Port 1\n    }\n}\n",
    );
    const b = file(
      "b.conf",
      "Sync {\n    Mode FTFW {\n    }\n    UDP {\n        Port 2\n    }\n}\n",
    );
    const { status, out } = run(["--pair", a, b]);
    expect(status).toBe(2);
    expect(out).toContain("port 1 here, 2 on the partner [pair-port]");
    expect(out).toContain(`see: ${b}:5:9`);
  });
  it("--live looks at this machine and ends", () => {
    const path = file("live.conf", "Sync {\n    UDP {\n        Interface nodev0\n    }\n}\n");
    expect(run(["--live", path]).out).toContain("there is no interface `nodev0`");
  });
  it("--reference makes errors of what the C daemon does not take", () => {
    const path = file("crash.conf", "General {\n    HashSize 8192\n}\n# end");
    expect(run([path]).status).toBe(0);
    const { status, out } = run(["--reference", path]);
    expect(status).toBe(2);
    for (const rule of ["hash-size-breaks-flush", "final-comment"]) expect(out).toContain(rule);
  });
});

describe("--reference beside the recorded words of the C daemon", () => {
  const folder = join(root, "test/fixtures/config");
  const language = new Set(languageRules.map(({ id }) => id as string));
  const names = readdirSync(folder).filter((name) => name.endsWith(".conf"));
  /** Accepted there and misread: an error for us, and rightly so. */
  const misread = ["s35.conf", "s61.conf"];
  it.each(names)("%s: what it refuses is an error", (name) => {
    const words = readFileSync(join(folder, name.replace(".conf", ".expected")), "latin1");
    const { out } = run(["--reference", "--format", "json", join(folder, name)]);
    const errors = reportSchema
      .parse(JSON.parse(out))
      .findings.filter(({ rule, severity }) => severity === "error" && language.has(rule));
    const isRefused = /^\[ERROR\]/m.test(words) || misread.includes(name);
    expect(errors.length > 0).toBe(isRefused);
  });
});

describe("hostile files", () => {
  const many = "General {\n HashSize 0 HashSize 0\n}\n";
  it.each([
    ["zero bytes", "\0".repeat(1_000_000)],
    ["one long line", "General { HashSize 0 } ".repeat(40_000)],
    ["thousands of findings", many.repeat(20_000)],
    ["more than a megabyte", " ".repeat(17_000_000)],
    ["comments that silence", "# lint: ignore no-log\n".repeat(45_000)],
    ["an endless word", `General { LogFile /${"x".repeat(1_000_000)}`],
  ])("end, and say little, whatever the format: %s", { timeout: 60_000 }, (name, text) => {
    const path = file(`${name}.conf`.replaceAll(" ", "-"), text);
    for (const format of ["text", "json", "sarif"]) {
      const { status, out } = run(["--format", format, path]);
      expect(status).toBeLessThanOrEqual(2);
      expect(out.length).toBeLessThan(5_000_000);
    }
  });
  it("are refused although a flood of warnings stands before the mistake", () => {
    const flood = `General {\n Filter {\n Protocol Accept {\n${"foo\n".repeat(2000)}}\n}\nNonsense\n}\n`;
    const { status, out } = run([file("flood.conf", flood)]);
    expect(status).toBe(2);
    expect(out).toContain("there is no clause `Nonsense`");
    expect(out).toContain("and at least");
  });
});

const program = join(root, "bin/conntrackd-lint");
const reason = statSync(program, { throwIfNoEntry: false }) ? "" : "npm run build makes bin/";
if (reason) {
  describe.skip(`the built program [${reason}]`, () => {});
} else {
  describe("the built program", () => {
    it("reads the standard input, and writes the rewritten file there", () => {
      const { stdout, stderr } = spawnSync(program, ["--fix", "-"], { input: old });
      expect(stdout.toString("latin1")).toBe(rewritten);
      expect(stderr.toString()).toContain("<stdin>");
    });
    it("is the same as `conntrackd config-lint`", () => {
      const words = ["config-lint", "--format", "json", warned];
      const { stdout, status } = spawnSync(join(root, "bin/conntrackd"), words);
      expect(reportSchema.parse(JSON.parse(stdout.toString())).findings.length).toBeGreaterThan(0);
      expect(status).toBe(0);
    });
  });
}
