/** The words of a rule as text for a terminal, and of all rules as the page doc/lint.md. */

import { type CatalogueRow, chapters, type Example } from "./catalogue.ts";
import type { LiveExample } from "./rule.ts";

const notice =
  "<!-- What follows is made of the rules' rows: change those, then UPDATE=1 npx vitest run test/lint.test.ts -->";

function isLive(example: Example): example is LiveExample {
  return typeof example === "object" && "machine" in example;
}

/** An example as titled texts. */
function parts(example: Example): readonly (readonly [string, string])[] {
  if (typeof example === "string") return [["", example]];
  if (!isLive(example))
    return [
      ["one node", example[0]],
      ["the other", example[1]],
    ];
  return [
    ["", example.file],
    ["on a machine with", machineWords(example.machine)],
  ];
}

function machineWords(machine: LiveExample["machine"]): string {
  const plain = (_key: string, value: unknown) =>
    value instanceof Uint8Array ? [...value].join(".") : value;
  return `${JSON.stringify(machine, plain)}\n`;
}

/** What does not print is written as an escape. */
function printable(text: string): string {
  const end = text === "" || text.endsWith("\n") ? "" : " (no newline)\n";
  return (
    text.replace(/[^\n\x20-\x7e]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`) +
    end
  );
}

function shortened(text: string): string {
  const line = (each: string) => (each.length > 110 ? `${each.slice(0, 109)}…` : each);
  return text.split("\n").map(line).join("\n");
}

const sentence = (text: string) => (/[.)]$/.test(text) ? text : `${text}.`);
const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);

/** For `--explain`. */
export function explain(rule: CatalogueRow): string {
  const shown = (title: string, example: Example | undefined) =>
    example === undefined
      ? []
      : parts(example).flatMap(([name, text]) => [
          `${title}${name === "" ? "" : ` (${name})`}:\n`,
          printable(text).replace(/^(?=.)/gm, "    "),
        ]);
  return [
    `${rule.id} (${rule.severity})${rule.isReferences ? ", an error with --reference" : ""}`,
    capital(sentence(rule.summary)),
    "",
    `Why: ${rule.reason}`,
    `Fix: ${rule.fix}`,
    "",
    ...shown("Example", rule.example),
    ...shown("Better", rule.better),
  ].join("\n");
}

function section(rule: CatalogueRow): string {
  const raised = rule.isReferences ? "; an error with `--reference`" : "";
  const shown = (title: string, example: Example | undefined) =>
    example === undefined
      ? []
      : [
          `${title}:\n`,
          ...parts(example).flatMap(([name, text]) => [
            ...(name === "" ? [] : [`${capital(name)}:\n`]),
            `\`\`\`\n${shortened(printable(text))}\`\`\`\n`,
          ]),
        ];
  return [
    `### ${rule.id}\n`,
    `*${rule.severity}*${raised}. ${capital(sentence(rule.summary))}\n`,
    `**Why:** ${rule.reason}\n`,
    `**Fix:** ${rule.fix}\n`,
    ...shown("Says so about", rule.example),
    ...shown("Is content with", rule.better),
  ].join("\n");
}

/** The rules' part of doc/lint.md. */
export function rulePage(): string {
  const table = ({ rules }: (typeof chapters)[number]) => [
    "| Rule | Severity | Finds |\n| --- | --- | --- |",
    ...rules.map((rule) => {
      const summary = capital(sentence(rule.summary)).replaceAll("|", "\\|");
      return `| [${rule.id}](#${rule.id}) | ${rule.severity}${rule.isReferences ? " (C)" : ""} | ${summary} |`;
    }),
  ];
  return [
    notice,
    "",
    ...chapters.flatMap((chapter) => [
      `## ${chapter.title}\n`,
      `${chapter.about}\n`,
      `${table(chapter).join("\n")}\n`,
      ...chapter.rules.map(section),
    ]),
  ].join("\n");
}
