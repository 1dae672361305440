/** Every rule there is, with its words: for `--explain`, for SARIF, and for the page doc/lint.md. */

import { languageRules } from "../language-rules.ts";
import { hiddenRule } from "./live.ts";
import type { LiveExample, PairExample, RuleText } from "./rule.ts";
import { liveRules } from "./rules-live.ts";
import { pairRules } from "./rules-pair.ts";
import { fileRules } from "./rules-table.ts";
import { suppressionRules } from "./suppress.ts";

export type Example = string | PairExample | LiveExample;

export interface CatalogueRow extends RuleText {
  readonly example?: Example;
  readonly better?: Example;
  /** An error with `--reference`. */
  readonly isReferences?: true;
}

export interface Chapter {
  readonly title: string;
  /** One sentence: when these rules speak. */
  readonly about: string;
  readonly rules: readonly CatalogueRow[];
}

export const chapters: readonly Chapter[] = [
  {
    title: "Language",
    about: "What the reader of the file stumbles over. Errors of this chapter stop the daemon.",
    rules: languageRules,
  },
  {
    title: "One file",
    about: "What is correct, and does not do what the file suggests.",
    rules: [...fileRules, ...suppressionRules],
  },
  { title: "Two nodes", about: "With `--pair`: what does not fit together.", rules: pairRules },
  {
    title: "This machine",
    about: "With `--live`: what the file wants and the machine has not.",
    rules: [...liveRules, hiddenRule],
  },
];

export const catalogue: ReadonlyMap<string, CatalogueRow> = new Map(
  chapters.flatMap(({ rules }) => rules).map((rule) => [rule.id, rule]),
);
