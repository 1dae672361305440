/**
 * Configuration files from strangers: nothing throws, the daemon and an inspection agree on what is
 * wrong, and a rewrite keeps the meaning. Counterexamples print their seed.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { applyEdits, type Config, inspectConfig, readConfig } from "../../src/config/index.ts";
import { socketPath } from "../../src/config/socket-path.ts";
import { configTexts, mutated } from "../support/config-files.ts";

const options = { file: "c.conf" };
const generated = configTexts({ hasLegacy: true });
const soup = fc
  .array(
    fc.oneof(
      fc.constantFrom("General", "Sync", "UDP", "Mode", "{", "}", "\n", " ", "#", "Helper", "Type"),
      fc.constantFrom(
        "StripNAT",
        "Replicate",
        "for",
        "TCP",
        "Filter",
        "12",
        "on",
        "/x",
        "::1",
        "|",
      ),
      fc.string({ maxLength: 3 }),
    ),
    { maxLength: 60 },
  )
  .map((words) => words.join(" "));
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  fc.oneof(generated, mutated(generated), soup).map((text) => new Uint8Array(Buffer.from(text))),
);

describe("a file from a stranger", () => {
  it("is refused by the daemon just when an inspection finds an error, and the first one is among them", () => {
    const agree = fc.property(bytes, (file) => {
      const result = readConfig(file, options);
      const { diagnostics, text } = inspectConfig(file, options);
      const errors = diagnostics.filter(({ severity }) => severity === "error");
      expect(errors.length === 0).toBe(result.ok);
      if (!result.ok) expect(errors.map((error) => error.text)).toContain(result.error.text);
      for (const { offset, end } of diagnostics) {
        expect(offset).toBeLessThanOrEqual(end);
        expect(end).toBeLessThanOrEqual(Math.max(text.length, 3));
      }
    });
    fc.assert(agree, { numRuns: 3000 });
  });

  it("yields the same socket to a client and to the daemon", () => {
    const agree = fc.property(bytes, (file) => {
      const result = readConfig(file, options);
      const quick = socketPath(file, options);
      expect(quick?.path).toBe(result.ok ? result.config.general.unixPath : undefined);
    });
    fc.assert(agree, { numRuns: 3000 });
  });

  it("means the same after its rewrites, and needs no more of them", () => {
    let rewritten = 0;
    const keeps = fc.property(generated, (text) => {
      const file = new Uint8Array(Buffer.from(text));
      const { diagnostics, config } = inspectConfig(file, options);
      if (diagnostics.some(({ severity }) => severity === "error")) return;
      const edits = diagnostics.flatMap((each) => each.edits ?? []);
      if (edits.length > 0) rewritten++;
      const again = inspectConfig(applyEdits(file, edits), options);
      expect(again.diagnostics.filter((each) => each.edits)).toEqual([]);
      expect(meaning(again.config)).toEqual(meaning(config));
    });
    const elsewhere = "Sync { Checksum off } Sync { UDP { } }";
    fc.assert(keeps, { numRuns: 2000, examples: [[elsewhere]] });
    expect(rewritten).toBeGreaterThan(100);
  });
});

/** Lists of a filter are sets. */
function meaning({ source: _, ...model }: Config) {
  const { protocol, address, state, from } = model.general.filter;
  const set = (values: readonly unknown[] = []) =>
    values.map((each) => JSON.stringify(each)).sort();
  const lists = [protocol?.protocols.map(({ number }) => number), state?.tcp];
  const addresses = [address?.v4Hosts, address?.v6Hosts, address?.v4Nets, address?.v6Nets];
  const logics = [protocol?.logic, address?.logic, state?.logic];
  const filter = { from, logics, lists: [...lists, ...addresses].map((list) => set(list)) };
  return { ...model, general: { ...model.general, filter } };
}
