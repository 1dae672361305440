/** The manual page of the file: every clause with what it takes, its default, its range. */

import { type ClauseRow, clauseRows, clausesIn } from "../clauses.ts";
import { innerKeywords } from "../keywords.ts";
import { holdsClauses, usage } from "./words.ts";

function title({ keyword, id, in: outer }: ClauseRow): string {
  const name = outer.includes("mode") ? `Mode ${keyword}` : (keyword ?? id);
  const where = outer.filter((block) => block !== "file" && block !== "mode" && block !== id);
  const parents = where.map(
    (block) => clauseRows.find((row) => row.id === block)?.keyword ?? block,
  );
  return parents.length > 0 ? `${name}, in ${parents.join(" or ")}` : name;
}

const cell = (text: string) => text.replaceAll("|", "\\|");

function line(row: ClauseRow): string {
  const { default: standard, range, unit, synonyms, help, keyword = "" } = row;
  const names = [keyword, ...synonyms].filter(Boolean).map((word) => `\`${word}\``);
  const takes = `\`${cell(usage({ ...row, keyword: "" }).trim())}\``;
  const limits = [range, unit].filter(Boolean).join("; ");
  const cells = [
    names.join(", "),
    takes === "``" ? "" : takes,
    standard && `\`${standard}\``,
    limits,
  ];
  return `| ${[...cells, cell(help)].map((text) => text ?? "").join(" | ")} |`;
}

function section(row: ClauseRow): string {
  const items = clausesIn(row.id).filter(({ legacy }) => legacy === undefined);
  const rows = [
    "| Clause | Takes | Default | Range, unit | Meaning |",
    "| --- | --- | --- | --- | --- |",
  ];
  return [
    `## ${title(row)}`,
    `\`${usage(row)}\``,
    row.help,
    `![${row.keyword ?? row.id}](diagrams/${row.id}.svg)`,
    [...rows, ...items.map(line)].join("\n"),
  ].join("\n\n");
}

const intro = `<!-- Written by a program, from grammar/clauses.ts: npm run docs -->

# conntrackd.conf(5)

The configuration of conntrackd: every clause, from the rows that the program itself reads. How the words are written, what
a mistake looks like, and examples are in [config.md](config.md); the grammar in one piece is in
[grammar.ebnf](grammar.ebnf); what differs from the reference is in [differences.md](differences.md).

A file is a sequence of sections: \`General\`, \`Sync\` or \`Stats\`, \`Helper\`. Clauses stand in any order. Of a clause that is
given twice the last one counts; sections, links and filters add up. Where the default of a number is not 0, writing 0 means
the default. A \`switch\` is \`on\` or \`yes\`, \`off\` or \`no\`, in any case.`;

export function manual(): string {
  const rows = clauseRows.filter((row) => holdsClauses(row) && row.legacy === undefined);
  const inner = innerKeywords.map(
    ({ spelling, synonyms, help }) =>
      `| ${[spelling, ...synonyms].map((word) => `\`${word}\``).join(", ")} | ${help} |`,
  );
  const old = clauseRows.filter((row) => row.legacy && row.keyword);
  const places = (row: ClauseRow) =>
    row.in
      .map((block) => clauseRows.find(({ id }) => id === block)?.keyword)
      .map((keyword) => (keyword ? `\`${keyword}\`` : "the top"))
      .join(", ");
  return `${[
    intro,
    ...rows.map(section),
    "## Words within clauses",
    ["| Word | Meaning |", "| --- | --- |", ...inner].join("\n"),
    "## Older releases",
    "These are read with a warning; the C daemon of today refuses them.",
    [
      ...["| Clause | In | Today |", "| --- | --- | --- |"],
      ...old.map((row) => `| \`${cell(usage(row))}\` | ${places(row)} | ${row.legacy} |`),
    ].join("\n"),
  ].join("\n\n")}\n`;
}
