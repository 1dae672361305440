/**
 * What the installed conntrackd says about a file while it reads it, beside what we say.
 *
 * Client mode (`-s`) reads the file and then fails to connect: no daemon is started. One shell reads
 * many files, so that some hundred take seconds.
 */
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { findProgram } from "../../lab/netns.ts";
import { type Diagnostic, inspectConfig, readConfig } from "../../src/config/index.ts";
import { configTexts, mutated } from "../support/config-files.ts";

const program = findProgram("conntrackd");
const isInstalled = program !== undefined;
const folder = new URL("../fixtures/config/", import.meta.url);
const scratch = mkdtempSync(join(tmpdir(), "config-differential-"));
afterAll(() => rmSync(scratch, { recursive: true }));
const protocols = readFileSync("/etc/protocols", "utf8");
const differences = readFileSync(new URL("../../doc/differences.md", import.meta.url), "utf8");
const FILES = Number(process.env["FILES"] ?? 600);

interface Verdict {
  readonly isAccepted: boolean;
  /** The lines of the log, without time and process. */
  readonly lines: readonly string[];
}

/**
 * The reference looks for its helpers in one folder of the system. Where it was unpacked and not installed, a mount
 * namespace of its own lays the unpacked libraries over the system's.
 */
function withHelpers(loop: string): readonly [string, readonly string[]] {
  const library = `usr/lib/${process.arch === "arm64" ? "aarch64" : "x86_64"}-linux-gnu`;
  if (existsSync(`/${library}/conntrack-tools`)) return ["sh", ["-c", loop]];
  const unpacked = join(dirname(realpathSync(program ?? "")), "../..");
  const overlay = `mount -t overlay none -o "lowerdir=${library}:/${library}" "/${library}"`;
  const script = `set -e; (cd "$1"; ${overlay}); set +e; ${loop}`;
  return ["unshare", ["--mount", "--map-root-user", "sh", "-c", script, "sh", unpacked]];
}

/** What the reference says about each text. */
function reference(texts: readonly string[]): Verdict[] {
  for (const [i, text] of texts.entries())
    writeFileSync(join(scratch, `${i}.conf`), text, "latin1");
  const loop = `i=0; while [ $i -lt ${texts.length} ]; do conntrackd -C $i.conf -s >/dev/null 2>$i.said; echo $? >$i.status; i=$((i+1)); done`;
  const run = spawnSync(...withHelpers(loop), { cwd: scratch, encoding: "utf8" });
  expect(run.stderr).toBe("");
  return texts.map((_, i) => {
    const said = readFileSync(join(scratch, `${i}.said`), "latin1").split("\n");
    const lines = said.map((line) => line.replace(/^\[.*?\] \(pid=\d+\) /, "")).filter(Boolean);
    const isConnecting = (line: string) => line.includes("can't connect");
    expect(readFileSync(join(scratch, `${i}.status`), "utf8").trim()).toBe("1");
    return { isAccepted: lines.some(isConnecting), lines: lines.filter((l) => !isConnecting(l)) };
  });
}

const options = {
  ...{ file: "c", protocols },
  interfaceIndex: (name: string) => (name === "lo" ? 1 : 0),
};

function ours(bytes: Uint8Array): Verdict {
  const result = readConfig(bytes, options);
  const lines = result.warnings.map(line);
  if (!result.ok) lines.push(line(result.error));
  return { isAccepted: result.ok, lines };
}

function line({ severity, text }: Diagnostic): string {
  const level = severity === "error" ? "ERROR" : "warning";
  return Buffer.from(`[${level}] ${text.trimEnd()}`).toString("latin1");
}

/** Rules of what we read otherwise on purpose, and the row of doc/differences.md that says so. */
const deliberate: Readonly<Record<string, string>> = {
  "legacy-clause": "clauses and names of older releases are read",
  "final-comment": "a comment in the last line needs no newline",
  "byte-order-mark": "a byte-order mark at the beginning is skipped",
  "path-end": "tabs and carriage returns at the end of a path are taken off",
  "number-range": "a number above 2147483647 counts as that",
  "expectation-off": "`ExpectationSync off` behind `on` turns it off",
  "log-off": "`LogFile off` behind `LogFile <path>` turns it off",
  "repeated-network": "a repeated IPv6 network in a filter warns",
  syntax: "a NUL or a byte of 0x80 and above outside a comment is a syntax error",
  "too-many-links": "an empty fifth link is refused",
};

/** What makes us differ, in file order. */
function reasons(bytes: Uint8Array): Diagnostic[] {
  const { diagnostics } = inspectConfig(bytes, options);
  return diagnostics.filter(({ rule, reference: verdict, text }) => {
    const isSilentThere = rule === "repeated-network" && text.includes(":");
    return verdict !== undefined || isSilentThere || rule === "too-many-links";
  });
}

interface Case {
  readonly text: string;
  readonly ours: Verdict;
  readonly theirs: Verdict;
  readonly reasons: readonly Diagnostic[];
  /** Our warnings in front of the first reason. */
  readonly before: readonly string[];
}

function compare(texts: readonly string[]): Case[] {
  const verdicts = reference(texts);
  return texts.map((text, i) => {
    const bytes = Buffer.from(text, "latin1");
    const found = reasons(bytes);
    const end = found[0]?.offset ?? 0;
    const { warnings } = readConfig(bytes, options);
    const before = warnings.filter(({ offset }) => offset < end).map(line);
    return { text, ours: ours(bytes), theirs: verdicts[i]!, reasons: found, before };
  });
}

const isSame = ({ ours: a, theirs: b }: Case) => JSON.stringify(a) === JSON.stringify(b);
const fixtures = readdirSync(folder).filter((name) => name.endsWith(".conf"));

describe.skipIf(!isInstalled && !process.env["CI"])(
  "beside the reference (needs conntrackd)",
  () => {
    it("every reason to differ has its row in doc/differences.md", () => {
      for (const row of Object.values(deliberate)) expect(differences).toContain(row);
    });

    it("says the same about the fixtures, or differs for a reason that is known", () => {
      const texts = fixtures.map((name) => readFileSync(new URL(name, folder), "latin1"));
      const unexplained = compare(texts).filter((each) => !isSame(each) && !isKnown(each));
      expect(unexplained).toEqual([]);
    });

    it.each([
      ["trees of today", configTexts({ hasLegacy: false })],
      ["trees with mistakes", mutated(configTexts({ hasLegacy: false }))],
      ["trees with clauses of older releases", configTexts({ hasLegacy: true })],
    ])("says the same about generated files: %s", (name, arbitrary) => {
      const seed = Number(process.env["SEED"] ?? 20_260_724);
      const cases = compare(fc.sample(arbitrary, { numRuns: FILES / 3, seed }));
      const different = cases.filter((each) => !isSame(each) && !isKnown(each));
      expect(different.slice(0, 3), `seed ${seed}, ${different.length} files`).toEqual([]);
      // Files that differ for a reason must not hide the rest.
      const same = cases.filter(isSame).length;
      expect(same).toBeGreaterThan(cases.length * (name.includes("older") ? 0.2 : 0.8));
    });
  },
);

/** Each reason is in the table, and the reference does what the first one says. */
function isKnown({ reasons: found, before, theirs }: Case): boolean {
  const [first] = found;
  if (first === undefined || found.some(({ rule }) => !(rule in deliberate))) return false;
  if (JSON.stringify(theirs.lines.slice(0, before.length)) !== JSON.stringify(before)) return false;
  if (first.reference !== "refuses") return true;
  const [refusal = "", ...more] = theirs.lines.slice(before.length);
  return !theirs.isAccepted && refusal.endsWith("syntax error") && more.length === 0;
}
