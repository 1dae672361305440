/** Every rule about the machine, on its own file and facts. */
import { describe, expect, it } from "vitest";
import { readFile } from "./lint.ts";
import { compareWithMachine, foldersOf } from "./live.ts";
import type { LiveExample } from "./rule.ts";
import { liveRules } from "./rules-live.ts";

const unseen = { sysctls: {}, folders: {}, isPrivileged: true, hidden: [] };
const subjectOf = (text: string) =>
  readFile(Buffer.from(text, "latin1"), { file: "c.conf" }).subject;

function compare({ file, machine }: LiveExample): string[] {
  return compareWithMachine(subjectOf(file), { ...unseen, ...machine }).map(({ rule }) => rule.id);
}

describe.each(liveRules.map((rule) => [rule.id, rule] as const))("%s", (id, rule) => {
  it("is found in its example", () => expect(compare(rule.example)).toContain(id));
  it("is not found in the better one", () => expect(compare(rule.better)).not.toContain(id));
  it("keeps silent about what could not be looked at", () => {
    expect(compare({ file: rule.example.file, machine: {} })).not.toContain(id);
  });
});

describe("comparing with the machine", () => {
  it("notes what could not be looked at", () => {
    const verdicts = compareWithMachine(subjectOf(""), { ...unseen, hidden: ["routes: EACCES"] });
    expect(verdicts).toMatchObject([
      { rule: { id: "live-not-visible" }, found: { message: "routes: EACCES" } },
    ]);
  });
  it("asks for the folders that the file names", () => {
    const text = "General {\n LockFile /a/b/c\n LogFile /x\n UNIX {\n Path /a/b/d\n }\n}\n";
    expect(foldersOf(subjectOf(text))).toEqual(["/a/b", "/"]);
  });
});
