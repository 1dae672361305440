/** What a file says, as it is written: its words, its clauses, and the mistakes among them. */

export interface Token {
  /** `Number`, `Word`, `Ip` and the like, or a keyword's spelling. */
  readonly name: string;
  readonly text: string;
  readonly offset: number;
}

export interface Written {
  /** Id of its row. */
  readonly clause: string;
  /** Absent for bare words, such as those of `Protocol`. */
  readonly keyword?: Token;
  /** Between the keyword and the brace. */
  readonly values: readonly Token[];
  readonly offset: number;
  /** Behind its last byte, closing brace included. */
  readonly end: number;
  /** Offsets of the braces. */
  readonly body?: { readonly open: number; readonly close?: number };
  readonly items: readonly Written[];
  /** False: a word is missing or wrong. Its items are there all the same. */
  readonly isWhole: boolean;
}

export interface Mistake {
  /** Offset of the offending token; the length of the text at its end. */
  readonly offset: number;
  readonly symbol: string;
  /** Words that would have been right, as people say them. */
  readonly expected: readonly string[];
  /** The clause in whose braces it stands; `file` at the top. */
  readonly block: string;
  readonly reason: "syntax" | "tokens" | "nesting";
}

export interface Sentence {
  readonly outline: readonly Written[];
  readonly tokens: readonly Token[];
  readonly comments: readonly Token[];
  /** In file order. */
  readonly mistakes: readonly Mistake[];
}
