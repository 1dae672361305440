/** The quick ways beside the whole reader: the same clauses, the same path, the same words. */
import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseText } from "../../grammar/parse.ts";
import { recognise } from "../../grammar/recognise.ts";
import { configTexts, mutated } from "../../test/support/config-files.ts";
import { readConfig } from "./index.ts";
import { socketPath } from "./socket-path.ts";

const folder = new URL("../../test/fixtures/config/", import.meta.url);
const fixtures = readdirSync(folder)
  .filter((name) => name.endsWith(".conf"))
  .map((name) => readFileSync(new URL(name, folder), "latin1"));
const generated = configTexts({ hasLegacy: true });
const texts = fc.oneof(fc.constantFrom(...fixtures), generated, mutated(generated));
const options = { file: "c.conf" };

describe("a text read without the parser", () => {
  it("gives the same clauses, and nothing where there is a mistake", () => {
    const same = fc.property(texts, (text) => {
      const whole = parseText(text);
      expect(recognise(text)).toEqual(whole.mistakes.length === 0 ? whole : undefined);
    });
    fc.assert(same, { numRuns: 300 });
  });
});

describe("the socket's path, found without the parser", () => {
  it("is the one that the whole reader finds, with the same warnings", () => {
    let found = 0;
    const same = fc.property(texts, (text) => {
      const bytes = Buffer.from(text, "latin1");
      const quick = socketPath(bytes, options);
      const whole = readConfig(bytes, options);
      if (quick === undefined) {
        expect(whole.ok).toBe(false);
        return;
      }
      if (quick.path !== "") found++;
      if (!whole.ok) throw new Error(whole.error.text);
      expect(quick.path).toBe(whole.config.general.unixPath);
      expect(quick.warnings).toEqual(whole.warnings);
    });
    fc.assert(same, { numRuns: 300 });
    expect(found).toBeGreaterThan(5);
  });
});
