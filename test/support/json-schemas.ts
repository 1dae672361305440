/**
 * Validators by published schemas: the official one of SARIF 2.1.0, and our own of findings. Each gives the mistakes of
 * a document as sentences; none where it is valid.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import type { ValidateFunction } from "ajv";
import { Ajv2020 } from "ajv/dist/2020.js";
import draft04 from "ajv-draft-04";
import formats from "ajv-formats";

const root = join(import.meta.dirname, "../..");
const sarifSchema: object = createRequire(import.meta.url)(
  "@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json",
);
const findingsSchema: object = JSON.parse(readFileSync(join(root, "doc/lint.schema.json"), "utf8"));

/** Some keywords of the official schema stand where they have no effect, and a pattern is not one of Unicode's. */
const sarif = new draft04.default({ allErrors: true, strict: false, unicodeRegExp: false });
formats.default(sarif);

function sentences(validate: ValidateFunction, value: unknown): string[] {
  if (validate(value)) return [];
  return (validate.errors ?? []).map(({ instancePath, message, params }) => {
    return `${instancePath}: ${message} ${JSON.stringify(params)}`;
  });
}

const isSarif = sarif.compile(sarifSchema);
const isFindings = new Ajv2020({ allErrors: true }).compile(findingsSchema);

export const sarifMistakes = (value: unknown): string[] => sentences(isSarif, value);
export const findingsMistakes = (value: unknown): string[] => sentences(isFindings, value);
