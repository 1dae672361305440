/**
 * The shape of findings for programs: a zod schema, published as JSON schema in doc/lint.schema.json; its `version`
 * changes when a field goes away or changes its meaning. The program writes that shape and does not load this file.
 */

import * as z from "zod";

const severity = z.enum(["error", "warning", "note"]);
const count = z.int().min(0);
const position = {
  line: z.int().min(1).describe("From 1."),
  column: z.int().min(1).describe("From 1, in bytes."),
  endLine: z.int().min(1),
  endColumn: z.int().min(1).describe("Behind the last byte."),
  offset: count.describe("Bytes from the beginning of the file."),
  end: count.describe("Behind the last byte."),
};

const edit = z.object({
  offset: count,
  end: count.describe("The bytes from `offset` up to here are replaced."),
  text: z.string().describe("One character a byte."),
});

const finding = z.object({
  rule: z.string().describe("Id of a rule, see doc/lint.md."),
  severity,
  file: z.string(),
  ...position,
  message: z.string().describe("What is wrong here."),
  reason: z.string().describe("Why it hurts."),
  advice: z.string().describe("What to write instead."),
  expected: z.array(z.string()).describe("After a mistake of syntax: what would have been right."),
  suggestions: z.array(z.string()).describe("Did you mean."),
  fix: z
    .object({
      title: z.string(),
      isSafe: z.boolean().describe("Keeps the meaning: `--fix` applies it."),
      edits: z.array(edit),
    })
    .optional(),
  related: z.object({ file: z.string(), ...position, message: z.string() }).optional(),
});

export const reportSchema = z.object({
  version: z.literal(1),
  tool: z.object({ name: z.literal("conntrackd-lint"), version: z.string() }),
  findings: z.array(finding),
  files: z.array(
    z.object({
      file: z.string(),
      ...{ errors: count, warnings: count, notes: count },
      left: count.describe("Findings that were left out, at least: there are too many."),
    }),
  ),
});

export type JsonReport = z.output<typeof reportSchema>;

/** The schema as it is published. */
export function jsonSchema(): unknown {
  return {
    ...z.toJSONSchema(reportSchema),
    title: "Findings of conntrackd-lint --format json",
  };
}
