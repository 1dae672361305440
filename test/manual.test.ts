/**
 * The generated parts of the manual of `conntrack` and its shell completion are those that the tables of the program
 * make. `UPDATE=1` writes them.
 */
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { bashCompletion, manualParts } from "../src/cli/conntrack/manual.ts";

const folder = join(import.meta.dirname, "..", "doc");
const page = join(folder, "conntrack.md");
const completion = join(folder, "conntrack.bash-completion");
const updates = process.env["UPDATE"] === "1";

/** The page with the generated parts in their places, between a marker and the end of it. */
function filled(text: string): string {
  let result = text;
  for (const [name, make] of Object.entries(manualParts)) {
    const start = `<!-- ${name}: made by test/manual.test.ts -->`;
    const end = `<!-- end of ${name} -->`;
    const [before, rest] = result.split(start);
    const behind = rest?.split(end)[1];
    expect(behind, `the markers of ${name} in doc/conntrack.md`).toBeDefined();
    result = `${before}${start}\n\n${make()}\n\n${end}${behind}`;
  }
  return result;
}

describe("what is made from the tables of conntrack", () => {
  it("stands in doc/conntrack.md", () => {
    const text = readFileSync(page, "utf8");
    if (updates) writeFileSync(page, filled(text));
    else expect(text).toBe(filled(text));
  });
  it("stands in the shell completion", () => {
    if (updates) writeFileSync(completion, bashCompletion());
    expect(readFileSync(completion, "utf8")).toBe(bashCompletion());
  });
  it("completes in a shell", () => {
    const complete = (...words: readonly string[]) => {
      const script = `source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _conntrack; printf '%s\\n' "\${COMPREPLY[@]}"`;
      const { stdout } = spawnSync("bash", ["-c", script, completion, ...words], {
        encoding: "utf8",
      });
      return stdout.trim().split("\n");
    };
    expect(complete("conntrack", "-L", "exp")).toEqual(["expect"]);
    expect(complete("conntrack", "-L", "-p", "tcp", "--sta")).toEqual([
      "--stats",
      "--status",
      "--state",
    ]);
    expect(complete("conntrack", "-L", "--icmp")).toEqual([""]);
  });
});
