/** The grammar in the notation of ISO 14977, for people and for other tools. */

import { type ClauseRow, clauseRows, clausesIn } from "../clauses.ts";
import { innerKeywords } from "../keywords.ts";
import type { Element } from "../shape.ts";
import { alternatives, holdsClauses } from "./words.ts";

const synonyms = new Map(
  [...innerKeywords, ...clauseRows.map((row) => ({ ...row, spelling: row.keyword ?? "" }))].map(
    (row) => [row.spelling, row.synonyms],
  ),
);

function terminal(spelling: string): string {
  const all = [spelling, ...(synonyms.get(spelling) ?? [])].map((word) => `"${word}"`);
  return all.length > 1 ? `( ${all.join(" | ")} )` : (all[0] ?? "");
}

function choice(of: readonly string[]): string {
  const parts = alternatives(of).map(({ text, isKind }) => (isKind ? text : terminal(text)));
  return parts.length > 1 ? `( ${parts.join(" | ")} )` : (parts[0] ?? "");
}

function name({ id }: ClauseRow): string {
  return id.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** Clauses that hold no others are written where they stand. */
function reference(row: ClauseRow): string {
  const mark = row.legacy ? " (* old *)" : "";
  return `${holdsClauses(row) ? name(row) : sequence(row)}${mark}`;
}

function body(row: ClauseRow): string {
  const lines = clausesIn(row.id).map(reference);
  return lines.length > 0 ? `"{" {\n    ${lines.join("\n  | ")}\n  } "}"` : `"{" "}"`;
}

function element(row: ClauseRow, part: Element): string {
  switch (part.kind) {
    case "one":
      return choice(part.of);
    case "many":
      return `{ ${choice(part.of)} }`;
    case "optional":
      return `[ ${part.words.map(choice).join(", ")} ]`;
    case "body":
      return part.instead.length > 0 ? `( ${choice(part.instead)} | ${body(row)} )` : body(row);
    case "item":
      return `( ${clausesIn(row.id).map(reference).join(" | ")} )`;
  }
}

function sequence(row: ClauseRow): string {
  const parts = row.elements.map((part) => element(row, part));
  return [...(row.keyword ? [terminal(row.keyword)] : []), ...parts].join(", ");
}

const head = `(* The language of conntrackd.conf. Written by a program, from grammar/clauses.ts. *)
(* Keywords are case-sensitive; FTFW, ALARM and NOTRACK are written in any case.      *)
(* What is marked as old comes from older releases, and is read with a warning.       *)
`;

const lexis = `(* Words. The longest match wins; of two equally long ones the one that stands first here. *)

switch = "on" | "yes" | "off" | "no" ;                         (* in any case *)
number = digit, { digit } ;
signed = ( "+" | "-" ), number ;
ip     = ( four numbers with dots | groups of 1 to 4 hexadecimal digits with colons ), [ "/", number ] ;
path   = "/", { any byte but a blank, a newline or a quote } ;
word   = letter, { letter | digit | "." | "-" | "_" } ;
(* A "#" outside a path begins a comment that ends with the line.                          *)
`;

export function ebnf(): string {
  const rows = clauseRows.filter(holdsClauses);
  const rules = rows.map((row) => {
    const mark = row.legacy ? "(* old *)\n" : "";
    return `${mark}${name(row)} = ${sequence(row)} ;\n`;
  });
  const file = `file = { ${clausesIn("file").map(reference).join(" | ")} } ;\n`;
  return [head, file, ...rules, lexis].join("\n");
}
