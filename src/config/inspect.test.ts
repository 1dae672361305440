/** What an inspection tells beyond what the daemon says: every mistake, its place, and a rewrite. */
import { describe, expect, it } from "vitest";
import { applyEdits, inspectConfig, languageRules, readConfig } from "./index.ts";

const bytes = (text: string) => Uint8Array.from(text, (c) => c.charCodeAt(0));
const options = {
  file: "c.conf",
  interfaceIndex: (name: string) => (name === "lo" ? 1 : 0),
};
const inspect = (text: string) => inspectConfig(bytes(text), options);
const rules = (text: string) => inspect(text).diagnostics.map(({ rule }) => rule);

describe("every rule", () => {
  it.each(languageRules.map((rule) => [rule.id, rule] as const))("%s", (id, rule) => {
    const found = inspect(rule.example).diagnostics.filter((each) => each.rule === id);
    expect(found.map(({ severity }) => severity)).toContain(rule.severity);
    expect(rules(rule.better)).not.toContain(id);
  });
});

describe("an inspection", () => {
  it("finds all mistakes and reads the rest", () => {
    const text = "General {\n hashsize 1\n HashLimit 7\n}\nSync {\n UDP {\n  Port x\n }\n Foo\n}\n";
    const { diagnostics, config } = inspect(text);
    expect(diagnostics.map(({ line, column, rule }) => [line, column, rule])).toEqual([
      [2, 2, "unknown-clause"],
      [7, 8, "syntax"],
      [9, 2, "unknown-clause"],
    ]);
    expect(config.general.hashLimit).toBe(7);
    expect(config.sync.links).toHaveLength(1);
  });
  it.each([
    ["General {\n hashsize 1\n}\n", ["HashSize"]],
    ["General {\n HashLimt 1\n}\n", ["HashLimit"]],
    ["General {\n Systemd true\n}\n", ["on"]],
    ["General {\n UNIX {\n  path /x\n }\n}\n", ["Path"]],
    ["Sync {\n Mode FTWF {\n }\n}\n", ["FTFW"]],
    ["Sync {\n UDP {\n  IPv4_Dest_Address 10.0.0.2\n }\n}\n", ["IPv4_Destination_Address"]],
    ["General {\n Zebra 1\n}\n", undefined],
  ])("says what was meant: %j", (text, suggestions) => {
    expect(inspect(text).diagnostics[0]?.suggestions).toEqual(suggestions);
  });
  it.each([
    ["General {\n HashSize 1;\n}\n", "Remove the `;`"],
    ["General {\n HashSize = 1\n}\n", "no other sign"],
    ["General {\n HashSize 2M\n}\n", "Write the number out"],
    ['General {\n UNIX {\n  Path "/x"\n }\n}\n', "Remove the quotes"],
    ["General {\n LockFile run/x\n}\n", "Write the whole path"],
    ["General {\n // no\n}\n", "Begin a comment with `#`"],
    ["General {\n Filter { Protocol Accept { TCP, UDP } }\n}\n", "Remove the `,`"],
    ["General {\n Filter { Address Ignore { IPv4_address 10.0.0.0/255.0.0.0 } }\n}\n", "prefix"],
    ["Sync {\n UDP {\n  Interface fe0\n }\n}\n", "Choose another name"],
    ["Sync {\n UDP {\n  IPv6_address fe80::1%eth0\n }\n}\n", "without its zone"],
    ["Sync {\n UDP {\n  IPv4_address fw.example\n }\n}\n", "names are not looked up"],
    ["Sync {\n Mode FTFW\n  ACKWindowSize 3\n}\n", "Open the braces"],
    ["Sync {\n Options {\n }\nGeneral {\n}\n", "Is a `}` missing before it?"],
    ["Include /etc/x\n", "cannot be included"],
  ])("knows the habits of other languages: %j", (text, words) => {
    expect(inspect(text).diagnostics.find(({ severity }) => severity === "error")?.hint).toContain(
      words,
    );
  });
  it("says where a clause belongs", () => {
    const [first] = inspect("Sync {\n HashSize 1\n}\n").diagnostics;
    expect(first).toMatchObject({
      rule: "misplaced-clause",
      hint: "`HashSize' belongs into `General'.",
    });
  });
  it("remembers every place that gave a value", () => {
    const { given } = inspect("General {\n HashSize 1\n HashSize 2\n}\n");
    expect(given.get("general.hashSize")?.map(({ line }) => line)).toEqual([2, 3]);
  });
  it("knows the bytes of each clause", () => {
    const text = "General {\n UNIX { Path /x }\n}\n";
    const [general] = inspect(text).outline;
    const [unix] = general?.items ?? [];
    expect(text.slice(unix?.offset, unix?.end)).toBe("UNIX { Path /x }");
    expect(text[unix?.body?.close ?? 0]).toBe("}");
  });
});

/** Old text, and what its edits make of it. */
const rewrites: readonly (readonly [string, string])[] = [
  ["StripNAT\nGeneral {\n}\n", "General {\n}\n"],
  [
    "Sync {\n UDP {\n  McastSndSocketBuffer 1 # c\n }\n}\n",
    "Sync {\n UDP {\n  SndSocketBuffer 1 # c\n }\n}\n",
  ],
  [
    "IgnoreTrafficFor {\n IPv4_address 10.0.0.1 # us\n}\n",
    "General { Filter From Userspace { Address Ignore {\n IPv4_address 10.0.0.1 # us\n} } }\n",
  ],
  [
    "Sync {\n Replicate ESTABLISHED LISTEN for TCP\n}\n",
    "General {\n    Filter {\n        State Accept {\n            ESTABLISHED LISTEN for TCP\n        }\n    }\n}\nSync {\n}\n",
  ],
  [
    "Sync {\n Checksum off\n UDP {\n  Port 1\n }\n}\n",
    "Sync {\n UDP {\n        Checksum off\n  Port 1\n }\n}\n",
  ],
  ["Sync {\n Mode persistent { RelaxTransitions }\n}\n", "Sync {\n Mode ALARM {  }\n}\n"],
  ["Sync {\n Mode NACK { ResendBufferSize 1 }\n}\n", "Sync {\n Mode FTFW {  }\n}\n"],
  [
    "Stats {\n NetlinkEventsReliable on\n}\n",
    "General {\n    NetlinkEventsReliable on\n}\nStats {\n}\n",
  ],
  ["General {\n Lockfile /x\n Family ipv4\n}\n", "General {\n LockFile /x\n}\n"],
  ["General {\n}\n# end", "General {\n}\n# end\n"],
];

describe("edits", () => {
  it.each(rewrites)("%j", (before, after) => {
    const { diagnostics, config } = inspect(before);
    const edited = applyEdits(
      bytes(before),
      diagnostics.flatMap(({ edits }) => edits ?? []),
    );
    expect(String.fromCharCode(...edited)).toBe(after);
    const again = readConfig(edited, options);
    expect(again).toMatchObject({ ok: true, warnings: [] });
    // The rewritten file means the same.
    if (again.ok) expect({ ...again.config, source: null }).toEqual({ ...config, source: null });
  });
});
