/** Every fixture of test/fixtures/config: the verdict and the words of the reference. */
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { readConfig } from "./index.ts";

const folder = new URL("../../test/fixtures/config/", import.meta.url);
const names = readdirSync(folder).filter((name) => name.endsWith(".conf"));
const interfaceIndex = (name: string) => (name === "lo" ? 1 : 0);

/** Where this reader means to differ, and what it says instead. */
const differences: Readonly<Record<string, readonly string[]>> = {
  "s03.conf": [], // A comment may end the file.
  "s35.conf": ["[warning] number 4294967296 is too large, using 2147483647"],
  "s46.conf": ["[warning] `NetlinkEventsReliable' belongs into `General', not into `Stats'"],
  "s51.conf": [
    "[warning] Now `persistent' mode is called `alarm'. Please, update your conntrackd.conf file.",
  ],
  "s52.conf": ["[warning] `StripNAT' clause is obsolete, ignoring"],
  "s53.conf": ["[warning] the clause `IgnoreTrafficFor' is obsolete. Use `Filter' instead"],
  "s54.conf": ["[warning] `McastSndSocketBuffer' is deprecated. Use `SndSocketBuffer' instead"],
  "s61.conf": ["[ERROR] parsing config file in line (1), symbol 'nonsense': syntax error"],
};

describe("conformance snippets", () => {
  it("are all there", () => expect(names).toHaveLength(62));
  it.each(names)("%s", (name) => {
    const result = readConfig(readFileSync(new URL(name, folder)), { file: name, interfaceIndex });
    const expected = readFileSync(new URL(name.replace(".conf", ".expected"), folder), "utf8")
      .split("\n")
      .filter((line) => /^\[(warning|ERROR)\]/.test(line));
    const said = result.warnings.map(({ text }) => `[warning] ${text.trimEnd()}`);
    if (!result.ok) said.push(`[ERROR] ${result.error.text.trimEnd()}`);
    expect(said).toEqual(differences[name] ?? expected);
  });
});
