/** The door of the grammar: words and sentences of a configuration file, without their meaning. */
export { keywords } from "./keywords.ts";
export { createGrammar, type Mistake, maxFileBytes, maxNesting, type Sentence } from "./parse.ts";
export { maxTokens } from "./tokens.ts";
