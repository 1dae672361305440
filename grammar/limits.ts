/** How large a file may be. A hostile one must cost neither memory nor time. */

/** Bytes of a file. A real configuration has a few thousand. */
export const maxFileBytes = 1024 * 1024;
/** Tokens a file may have; what lies beyond is one `TooMany`. A real file has a few hundred. */
export const maxTokens = 100_000;
/** Braces open at a time. The clauses need four; only a helper in a helper nests further. */
export const maxNesting = 64;
