/** Every rule speaks up on its own example, keeps silent on the better one, and repairs what it offers to. */
import { describe, expect, it } from "vitest";
import { applyEdits } from "../diagnostic.ts";
import { languageRules } from "../language-rules.ts";
import { lintFile } from "./lint.ts";
import { fileRules } from "./rules-table.ts";
import { suppressionRules } from "./suppress.ts";

const rules = [...fileRules, ...suppressionRules];
const isOfLanguage: ReadonlySet<string> = new Set(languageRules.map((rule) => rule.id));
const bytesOf = (text: string) => Buffer.from(text, "latin1");
const lint = (bytes: Uint8Array) => lintFile(bytes, { file: "c.conf" }).findings;

describe("the rules", () => {
  it("have ids of their own", () => {
    const ids = rules.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.filter((id) => !/^[a-z0-9]+(-[a-z0-9]+)+$/.test(id))).toEqual([]);
  });
  it("are more than thirty", () => expect(rules.length).toBeGreaterThan(30));
});

describe.each(rules.map((rule) => [rule.id, rule] as const))("%s", (id, rule) => {
  const own = (text: string) => lint(bytesOf(text)).filter((finding) => finding.rule === id);

  it("is found in its example, at a place of it", () => {
    const found = own(rule.example);
    expect(found).not.toEqual([]);
    for (const { offset, end, severity } of found) {
      expect(severity).toBe(rule.severity);
      expect(offset).toBeLessThanOrEqual(end);
      expect(end).toBeLessThanOrEqual(rule.example.length);
    }
  });

  it("is not found in the better one, which is right", () => {
    expect(own(rule.better)).toEqual([]);
    const found = lint(bytesOf(rule.better)).filter(({ severity }) => severity === "error");
    expect(found.filter((finding) => isOfLanguage.has(finding.rule))).toEqual([]);
  });

  it("is gone after the rewrite it offers", () => {
    for (const { fix } of own(rule.example)) {
      if (fix === undefined) continue;
      const fixed = Buffer.from(applyEdits(bytesOf(rule.example), fix.edits)).toString("latin1");
      expect(own(fixed).length).toBeLessThan(own(rule.example).length);
    }
  });

  it("says why and what to do in whole sentences", () => {
    for (const text of [rule.reason, rule.fix]) expect(text).toMatch(/^[A-Z0-9`"].*[.)]$/);
  });
});

describe("files of the field", () => {
  const found = (text: string) => lint(bytesOf(text)).map(({ rule }) => rule);
  it("may list words in old lists, too", () => {
    const text = "IgnoreProtocol {\n    UDP\n    ICMP\n    IGMP\n}\n";
    expect(found(text)).not.toContain("given-twice");
  });
  it("get one error for a clause without its value, and no rule's opinion on nothing", () => {
    const sync = "Sync {\n    UDP {\n        Port = 3780\n    }\n}\n";
    expect(found(sync)).not.toContain("link-port-range");
    const state = "General {\n    Filter {\n        State Accept { CLOSED }\n    }\n}\n";
    expect(found(state)).not.toContain("filter-empty");
  });
});
