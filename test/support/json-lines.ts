/** Lines of `conntrack -o json`, held against the published schema. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { projectRoot } from "../../lab/conntrackd.ts";

const schema = z.fromJSONSchema(
  JSON.parse(readFileSync(join(projectRoot, "doc/conntrack.schema.json"), "utf8")),
);

/** Each line as an object. Throws where one is no JSON or not as the schema has it. */
export function readJsonLines(text: string): Record<string, unknown>[] {
  const lines = text.split("\n");
  if (lines.pop() !== "") throw new Error("the last line has no end");
  return lines.map((line) => {
    const value: unknown = JSON.parse(line);
    // Numbers above 2^53 are no integers to a reader of doubles; their digits are for other tests.
    const found = schema.safeParse(JSON.parse(line.replace(/(?<=:)\d{16,}(?=[,}])/g, "0")));
    if (!found.success) throw new Error(`${line}\n${z.prettifyError(found.error)}`);
    return value as Record<string, unknown>;
  });
}
