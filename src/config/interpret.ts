/**
 * What the clauses of a file mean: a draft of the configuration, and what is to be said about it.
 *
 * For the daemon the first error ends it, as in the reference; an inspection goes on to the end. Opens
 * no file and asks no kernel: what it needs to know comes in as options.
 */

import type { Sentence, Token, Written } from "../../grammar/index.ts";
import { filterClauses } from "./clauses-filter.ts";
import { generalClauses } from "./clauses-general.ts";
import { legacyClauses } from "./clauses-legacy.ts";
import { syncClauses } from "./clauses-sync.ts";
import { helperClauses } from "./clauses-userspace-helper.ts";
import type { Diagnostic, Remarks } from "./diagnostic.ts";
import type { Draft, Position } from "./draft.ts";
import type { RuleId } from "./language-rules.ts";
import { protocolTable } from "./protocols.ts";
import type { Clauses, Reading } from "./reading.ts";
import { locator, type Source } from "./source.ts";
import { nearest } from "./suggest.ts";
import { type Visit, walk } from "./walk.ts";

export interface ReadOptions {
  readonly file: string;
  /** Content of the protocols database. */
  readonly protocols?: string;
  /** Index of a network interface; 0 or less: there is none. Without it no name is checked. */
  readonly interfaceIndex?: (name: string) => number;
}

export interface Said extends Diagnostic {
  /** How far the file was read when it was said. */
  readonly when: number;
}

export interface Interpretation {
  readonly draft: Draft;
  /** In the order of reading. */
  readonly said: readonly Said[];
  readonly given: ReadonlyMap<string, readonly Position[]>;
  readonly place: (offset: number) => Position;
}

/** What each clause means, by the id of its row. */
export const clauses: Clauses = {
  ...generalClauses,
  ...filterClauses,
  ...syncClauses,
  ...helperClauses,
  ...legacyClauses,
};

/** Words that are compared with what might have been meant. */
const maxSuggestions = 100;
const nowhere: Written = {
  ...{ clause: "file", values: [], offset: 0, end: 0, items: [], isWhole: true },
};

/** The state of one run. */
interface Run {
  readonly said: Said[];
  readonly given: Map<string, Position[]>;
  readonly place: (offset: number) => Position;
  visit: Visit;
  isOver: boolean;
}

/** @param mistakes What the parser found, as it is to be said. */
export function interpret(
  { text, hasMark }: Source,
  sentence: Sentence,
  mistakes: readonly Said[],
  options: ReadOptions,
  isForDaemon: boolean,
): Interpretation {
  const run: Run = {
    said: [...mistakes],
    given: new Map(),
    place: locator(text),
    visit: { offset: 0, end: 0, when: 0 },
    isOver: false,
  };
  const reading = newReading(run, text, options);
  const mistakeAt = mistakes[0]?.when ?? Number.POSITIVE_INFINITY;
  const step = (next: Visit) => {
    run.visit = next;
    return !isForDaemon || (!run.isOver && next.when < mistakeAt);
  };
  for (const section of sentence.outline) {
    reading.section = section;
    walk([section], clauses, reading, step);
  }
  run.visit = { offset: 0, end: 3, when: 0 };
  if (hasMark) {
    const edits = [{ offset: 0, end: 3, text: "" }];
    reading.note("byte-order-mark", "a byte-order mark stands at the beginning", {
      ...{ edits, reference: "misreads" },
    });
  }
  renamedModes(run, sentence.tokens, reading);
  finalComment(run, text, sentence.comments.at(-1), reading);
  // An error comes behind what was said at the same place.
  const isError = ({ severity }: Said) => (severity === "error" ? 1 : 0);
  run.said.sort((a, b) => a.when - b.when || isError(a) - isError(b));
  uselessCombination(run, text, reading);
  const { said, given, place } = run;
  return { draft: reading.draft, said, given, place };
}

function newReading(run: Run, text: string, options: ReadOptions): Reading {
  let asked = 0;
  const say = (
    severity: Diagnostic["severity"],
    rule: RuleId,
    words: string,
    remarks?: Remarks,
  ) => {
    const { offset, end, when } = run.visit;
    run.said.push({ severity, rule, text: words, ...run.place(offset), end, when, ...remarks });
  };
  return {
    draft: {
      ...{ hasHelper: false, general: {}, filter: {}, sync: {}, links: [], stats: {} },
      ...{ instances: [], setup: false },
    },
    text,
    protocols: protocolTable(options.protocols),
    interfaceIndex: options.interfaceIndex ?? (() => 1),
    filtered: new Set(),
    pending: { policies: [] },
    here: nowhere,
    section: nowhere,
    suggest: (word, candidates) => {
      const suggestions = asked++ < maxSuggestions ? nearest(word, candidates) : [];
      return suggestions.length > 0 ? { suggestions } : {};
    },
    warn: (rule, words, remarks) => say("warning", rule, words, remarks),
    fail: (rule, words, remarks) => {
      say("error", rule, words, remarks);
      run.isOver = true;
    },
    note: (rule, words, remarks) => say("note", rule, words, remarks),
    mark: (path) => {
      const places = run.given.get(path) ?? [];
      run.given.set(path, places);
      places.push(run.place(run.visit.offset));
    },
  };
}

const oldNames: Readonly<Record<string, readonly [today: string, words: string]>> = {
  OldFtfw: [
    "FTFW",
    "Now `nack' mode is called `ftfw'. Please, update your conntrackd.conf file.\n",
  ],
  OldAlarm: [
    "ALARM",
    "Now `persistent' mode is called `alarm'. Please, update your conntrackd.conf file.",
  ],
};

/** The old names of modes warn wherever they stand. */
function renamedModes(run: Run, tokens: readonly Token[], reading: Reading): void {
  for (const { name, text, offset } of tokens) {
    const renamed = oldNames[name];
    if (renamed === undefined) continue;
    const [today, words] = renamed;
    const end = offset + text.length;
    run.visit = { offset, end, when: offset };
    reading.warn("renamed-mode", words, { edits: [{ offset, end, text: today }] });
  }
}

function finalComment(run: Run, text: string, last: Token | undefined, reading: Reading): void {
  const end = text.length;
  if (last === undefined || last.offset + last.text.length < end) return;
  run.visit = { offset: last.offset, end, when: last.offset };
  const edits = [{ offset: end, end, text: "\n" }];
  const words = "no newline ends the comment of the last line";
  reading.note("final-comment", words, { edits, reference: "refuses" });
}

function uselessCombination(run: Run, text: string, reading: Reading): void {
  const { sync } = reading.draft;
  if (!sync.disableExternalCache || !sync.commitTimeout) return;
  sync.commitTimeout = 0;
  const { offset } = run.given.get("sync.commitTimeout")?.at(-1) ?? { offset: 0 };
  run.visit = { offset, end: offset, when: text.length };
  const words =
    "`CommitTimeout' can't be combined with `DisableExternalCache', ignoring this option. Fix your configuration file.";
  reading.warn("useless-combination", words);
}
