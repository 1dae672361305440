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
export { applyEdits, type Diagnostic, type Edit, type ReferenceVerdict } from "./diagnostic.ts";
export { type LanguageRule, languageRules, type RuleId } from "./language-rules.ts";
export { blockName } from "./mistake.ts";
export {
  type Config,
  type LinkConfig,
  type Model,
  modelSchema,
  type Position,
  type TcpState,
  tcpStateNumber,
} from "./model.ts";
export { printConfig } from "./print.ts";
export {
  type Inspection,
  inspectConfig,
  type ReadOptions,
  type ReadResult,
  readConfig,
} from "./read.ts";
export { nearest } from "./suggest.ts";
