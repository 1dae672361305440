/**
 * The door of the grammar: words and sentences of a configuration file, without their meaning.
 *
 * Two doors lie beside it, because one is costly to open: parse.ts reads any text and finds its
 * mistakes, recognise.ts reads a text without mistakes.
 */
export { type ClauseRow, clauseRow, clauseRows, clausesIn } from "./clauses.ts";
export { innerKeywords, keywords } from "./keywords.ts";
export { maxFileBytes, maxNesting, maxTokens } from "./limits.ts";
export type { Mistake, Sentence, Token, Written } from "./written.ts";
