/** Every fixture of test/fixtures/config: the verdict and the words of the reference. */
import { describe, expect, it } from "vitest";
import { fixtures, ours } from "../../test/support/verdicts.ts";

/** Where this reader means to differ, and what it says instead. */
const differences: Readonly<Record<string, readonly string[]>> = {
  s03: [], // A comment may end the file.
  s35: ["[warning] number 4294967296 is too large, using 2147483647"],
  s46: ["[warning] `NetlinkEventsReliable' belongs into `General', not into `Stats'"],
  s51: [
    "[warning] Now `persistent' mode is called `alarm'. Please, update your conntrackd.conf file.",
  ],
  s52: ["[warning] `StripNAT' clause is obsolete, ignoring"],
  s53: ["[warning] the clause `IgnoreTrafficFor' is obsolete. Use `Filter' instead"],
  s54: ["[warning] `McastSndSocketBuffer' is deprecated. Use `SndSocketBuffer' instead"],
  s61: ["[ERROR] parsing config file in line (1), symbol 'nonsense': syntax error"],
};

const all = fixtures();

describe("conformance snippets", () => {
  it("are all there", () => expect(all).toHaveLength(62));
  it.each(all.map((fixture) => [fixture.name, fixture] as const))("%s", (name, fixture) => {
    expect(ours(fixture).lines).toEqual(differences[name] ?? fixture.lines);
  });
});
