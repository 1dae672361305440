import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { configTexts } from "../../test/support/config-files.ts";
import { models } from "../../test/support/config-models.ts";
import { type Config, modelSchema, printConfig, readConfig } from "./index.ts";

const read = (text: string) => readConfig(Buffer.from(text), { file: "c.conf" });

/** The order of protocols means nothing; those without a name are printed first. */
function meaning({ source: _, ...model }: Config) {
  const { protocol } = model.general.filter;
  const numbers = new Set(protocol?.protocols.map(({ number }) => number));
  const filter = {
    ...model.general.filter,
    protocol: protocol && { ...protocol, protocols: numbers },
  };
  return { ...model, general: { ...model.general, filter } };
}

describe("a printed configuration", () => {
  it("reads back to the same model, without a warning", () => {
    const same = fc.property(models, (model) => {
      const result = read(printConfig(model));
      if (!result.ok) throw new Error(`${result.error.text}\n${printConfig(model)}`);
      expect(result.warnings).toEqual([]);
      expect(modelSchema.parse(result.config)).toEqual(model);
    });
    fc.assert(same, { numRuns: 200 });
  });

  it("means what the file meant that was read", () => {
    const same = fc.property(configTexts({ hasLegacy: true }), (text) => {
      const first = read(text);
      if (!first.ok) return;
      const second = read(printConfig(first.config));
      if (!second.ok) throw new Error(`${second.error.text}\n${printConfig(first.config)}`);
      expect(meaning(second.config)).toEqual(meaning(first.config));
    });
    fc.assert(same, { numRuns: 200 });
  });
});
