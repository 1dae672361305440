/** The door of this floor: a configuration file read, checked, printed. */
export {
  type ClauseRow,
  clauseRow,
  clauseRows,
  keywords,
  type Token,
  type Written,
} from "../../grammar/index.ts";
export { formatAddress, parseIpv4, parseIpv6 } from "./address.ts";
export { unsupported } from "./check.ts";
export { type Words, wordsAt } from "./completion.ts";
export { applyEdits, type Diagnostic, type Edit, type ReferenceVerdict } from "./diagnostic.ts";
export { type Position, type TcpState, tcpStateNumber } from "./draft.ts";
export type { ReadOptions } from "./interpret.ts";
export { type LanguageRule, languageRules, type RuleId } from "./language-rules.ts";
export { blockName } from "./mistake.ts";
export { type Config, type LinkConfig, type Model, modelSchema } from "./model.ts";
export { printConfig } from "./print.ts";
export { type Inspection, inspectConfig, type ReadResult, readConfig } from "./read.ts";
export { nearest } from "./suggest.ts";
