/** The door of the grammar: words and sentences of a configuration file, without their meaning. */
export { type ClauseRow, clauseRow, clauseRows, clausesIn } from "./clauses.ts";
export { innerKeywords, keywords } from "./keywords.ts";
export {
  type Mistake,
  maxFileBytes,
  maxNesting,
  parseText,
  type Sentence,
  type Token,
  type Written,
} from "./parse.ts";
export { maxTokens } from "./tokens.ts";
