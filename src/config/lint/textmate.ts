/** A TextMate grammar for editors, made of the keyword rows: editor/conntrackd.tmLanguage.json. */

import { modeWords } from "../../../grammar/keywords.ts";
import { clauseRows, keywords } from "../index.ts";

/** Whole words: a keyword followed by further letters is none. */
function words(list: readonly string[]): string {
  const escaped = list.map((word) => word.replaceAll(".", "\\."));
  return `(?<![\\w./-])(?:${[...escaped].sort().join("|")})(?![\\w.-])`;
}

export function textMateGrammar() {
  const current = clauseRows.filter(({ legacy }) => legacy === undefined);
  const blocks = current.filter(({ shape }) => shape.endsWith("{}"));
  const spellings = (rows: typeof current) => [
    ...new Set(rows.flatMap(({ keyword, synonyms }) => (keyword ? [keyword, ...synonyms] : []))),
  ];
  // Modes are words in any letter case.
  const opening = spellings(blocks).filter((word) => !modeWords.has(word));
  const clauses = spellings(current).filter(
    (word) => !opening.includes(word) && !modeWords.has(word),
  );
  const known = new Set([...opening, ...clauses, ...modeWords]);
  const inner = keywords
    .flatMap(({ spelling, synonyms }) => [spelling, ...synonyms])
    .filter((word) => !known.has(word));
  const old = spellings(clauseRows.filter(({ legacy }) => legacy !== undefined));
  const legacy = old.filter((word) => !known.has(word) && !inner.includes(word));
  const match = (name: string, pattern: string) => ({ name: `${name}.conntrackd`, match: pattern });
  return {
    $schema: "https://json.schemastore.org/tmlanguage.json",
    name: "conntrackd.conf",
    scopeName: "source.conntrackd",
    fileTypes: ["conntrackd.conf"],
    patterns: [
      match("string.unquoted.path", '(?<![\\w.])/[^"\\n ]*'),
      match("comment.line.number-sign", "#.*$"),
      match("support.type.mode", "(?<![\\w./-])(?i:ftfw|alarm|notrack)(?![\\w.-])"),
      match("keyword.control.block", words(opening)),
      match("keyword.other.clause", words(clauses)),
      match("support.constant", words(inner)),
      match("invalid.deprecated", words(legacy)),
      match("invalid.deprecated", "(?<![\\w./-])(?i:nack|persistent)(?![\\w.-])"),
      match("constant.language.switch", "(?<![\\w.-])(?i:on|yes|off|no)(?![\\w.-])"),
      match("constant.numeric.address", "(?<![\\w.])(?:\\d+\\.){3}\\d+(?:/\\d+)?(?![\\w.])"),
      match(
        "constant.numeric.address",
        "(?<![\\w.])[0-9A-Fa-f:]*:[0-9A-Fa-f:]*(?:/\\d+)?(?![\\w.])",
      ),
      match("constant.numeric", "(?<![\\w.])[-+]?\\d+(?![\\w.])"),
      match("punctuation.section.block", "[{}]"),
    ],
  };
}
