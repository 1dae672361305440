/**
 * What the installed conntrackd says about a file while it reads it, beside what we say.
 * Client mode (`-s`) reads the file and then fails to connect: no daemon is started.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { readConfig } from "../../src/config/index.ts";

const isInstalled = spawnSync("conntrackd", ["-v"]).error === undefined;
const folder = new URL("../fixtures/config/", import.meta.url);
const scratch = mkdtempSync(join(tmpdir(), "config-differential-"));
afterAll(() => rmSync(scratch, { recursive: true }));
const protocols = readFileSync("/etc/protocols", "utf8");

/** Files we read differently on purpose. */
const differences: readonly { readonly why: string; applies(text: string): boolean }[] = [
  { why: "a comment may end the file", applies: (text) => /#[^\n]*$/.test(text) },
  { why: "numbers are clamped, not wrapped", applies: (text) => /\d{10}/.test(text) },
  { why: "other bytes do not end the file", applies: (text) => /[\0\x80-\xff]/.test(text) },
  { why: "repeated IPv6 networks warn", applies: (text) => /:[^\s]*\/\d/.test(text) },
];

function reference(text: string): string[] {
  const file = join(scratch, "c.conf");
  writeFileSync(file, text, "latin1");
  const { stderr } = spawnSync("conntrackd", ["-C", file, "-s"], { encoding: "utf8" });
  const lines = stderr.split("\n").map((line) => line.replace(/^\[.*?\] \(pid=\d+\) /, ""));
  return lines.filter((line) => line !== "" && !line.includes("can't connect"));
}

function ours(text: string): string[] {
  const interfaceIndex = (name: string) => (name === "lo" ? 1 : 0);
  const result = readConfig(Buffer.from(text, "latin1"), { file: "c", protocols, interfaceIndex });
  const said = result.warnings.map((warning) => `[warning] ${warning.text.trimEnd()}`);
  return result.ok ? said : [...said, `[ERROR] ${result.error.text.trimEnd()}`];
}

const texts = readdirSync(folder)
  .filter((name) => name.endsWith(".conf"))
  .map((name) => readFileSync(new URL(name, folder), "latin1"))
  .filter((text) => !differences.some((row) => row.applies(text)));
const words = texts.flatMap((text) => text.match(/\S+/g) ?? []);

describe.skipIf(!isInstalled && !process.env["CI"])(
  "beside the reference (needs conntrackd)",
  () => {
    it.each(texts.map((text, i) => [i, text] as const))("fixture %i", (_i, text) => {
      expect(ours(text)).toEqual(reference(text));
    });
    it("says the same about mutated files", () => {
      const edit = fc.record({
        at: fc.nat(60),
        kind: fc.constantFrom("drop", "double", "replace"),
        word: fc.constantFrom(...words),
      });
      const mutated = fc.tuple(fc.constantFrom(...texts), fc.array(edit, { maxLength: 3 }));
      const same = fc.property(mutated, ([text, edits]) => {
        const parts = text.split(/(\s+)/);
        for (const { at, kind, word } of edits) {
          const i = (at * 2) % Math.max(parts.length, 1);
          const now = parts[i] ?? "";
          parts[i] = { drop: "", double: `${now}\n${now}`, replace: word }[kind] ?? now;
        }
        const source = parts.join("");
        if (differences.some((row) => row.applies(source))) return;
        expect(ours(source)).toEqual(reference(source));
      });
      fc.assert(same, { numRuns: 300 });
    });
  },
);
