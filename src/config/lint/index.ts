/** The door of config-lint: files judged, compared, rewritten, and what was found written down. */
export { type Chapter, catalogue, chapters } from "./catalogue.ts";
export { meaningAt, suggestionsAt } from "./editor.ts";
export { countOf, type Finding } from "./finding.ts";
export { applyFixes } from "./fix.ts";
export { jsonReport } from "./format-json.ts";
export { sarifReport } from "./format-sarif.ts";
export { formatText, visible } from "./format-text.ts";
export {
  type FileReport,
  judge,
  type LintOptions,
  lintFile,
  type ReadFile,
  readFile,
} from "./lint.ts";
export { compareWithMachine, foldersOf } from "./live.ts";
export type { Folder, Interface, Machine } from "./machine.ts";
export { explain, rulePage } from "./page.ts";
export { comparePair } from "./pair.ts";
export { decode, unitsBefore } from "./place.ts";
export { textMateGrammar } from "./textmate.ts";
