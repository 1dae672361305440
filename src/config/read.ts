/**
 * A configuration file, as bytes, to a configuration and what is to be said about it.
 *
 * For the daemon the first error ends the reading, as it does in the reference; warnings that stand
 * before it are kept. An inspection goes on to the end. Nothing throws on any bytes. Opens no file and
 * asks no kernel: what it needs to know comes in as options. Described in: doc/config.md, "Mistakes".
 */

import {
  maxFileBytes,
  parseText,
  type Sentence,
  type Token,
  type Written,
} from "../../grammar/index.ts";
import { filterClauses } from "./clauses-filter.ts";
import { generalClauses } from "./clauses-general.ts";
import { legacyClauses } from "./clauses-legacy.ts";
import { syncClauses } from "./clauses-sync.ts";
import { helperClauses } from "./clauses-userspace-helper.ts";
import type { Diagnostic, Remarks } from "./diagnostic.ts";
import type { RuleId } from "./language-rules.ts";
import { describeMistake } from "./mistake.ts";
import { type Config, type Draft, modelSchema, type Position } from "./model.ts";
import { protocolTable } from "./protocols.ts";
import type { Clauses, Reading } from "./reading.ts";
import { latin1, locator } from "./source.ts";
import { nearest } from "./suggest.ts";
import { type Visit, walk } from "./walk.ts";

export interface ReadOptions {
  readonly file: string;
  /** Content of the protocols database. */
  readonly protocols?: string;
  /** Index of a network interface; 0 or less: there is none. Without it no name is checked. */
  readonly interfaceIndex?: (name: string) => number;
}

export type ReadResult =
  | { readonly ok: true; readonly config: Config; readonly warnings: readonly Diagnostic[] }
  | { readonly ok: false; readonly error: Diagnostic; readonly warnings: readonly Diagnostic[] };

export interface Inspection {
  readonly file: string;
  /** One character a byte. */
  readonly text: string;
  /** In file order. */
  readonly diagnostics: readonly Diagnostic[];
  /** As far as the file could be read; what is missing has its default. */
  readonly config: Config;
  readonly outline: readonly Written[];
  readonly comments: readonly Token[];
  /** Every place that gave a value, by its path. Of several, the last one counts. */
  readonly given: ReadonlyMap<string, readonly Position[]>;
  readonly place: (offset: number) => Position;
}

/** What meaning each clause has, by the id of its row. */
export const clauses: Clauses = {
  ...generalClauses,
  ...filterClauses,
  ...syncClauses,
  ...helperClauses,
  ...legacyClauses,
};

export function readConfig(bytes: Uint8Array, options: ReadOptions): ReadResult {
  const { said, config } = study(bytes, options, true);
  const error = said.find(({ severity }) => severity === "error");
  const last = error?.when ?? Number.POSITIVE_INFINITY;
  const warnings = said.filter(({ severity, when }) => severity === "warning" && when <= last);
  return error ? { ok: false, error, warnings } : { ok: true, config, warnings };
}

export function inspectConfig(bytes: Uint8Array, options: ReadOptions): Inspection {
  const { said, ...rest } = study(bytes, options, false);
  const diagnostics = said
    .map(({ when: _, ...diagnostic }) => diagnostic)
    .sort((a, b) => a.offset - b.offset);
  return { file: options.file, diagnostics, ...rest };
}

interface Said extends Diagnostic {
  /** How far the file was read when it was said. */
  readonly when: number;
}

/** Words that are compared with what might have been meant. */
const maxSuggestions = 100;
const nothing: Sentence = { outline: [], tokens: [], comments: [], mistakes: [] };
const nowhere: Written = {
  ...{ clause: "file", values: [], offset: 0, end: 0, items: [], isWhole: true },
};

/** @param isForDaemon The first error ends it. */
function study(bytes: Uint8Array, options: ReadOptions, isForDaemon: boolean) {
  const isTooLarge = bytes.length > maxFileBytes;
  const text = isTooLarge ? "" : latin1(bytes);
  const place = locator(text);
  const sentence = isTooLarge ? nothing : parseText(text);
  const said: Said[] = [];
  const given = new Map<string, Position[]>();
  let visit: Visit = { offset: 0, end: 0, when: 0 };
  let isOver = false;
  let asked = 0;
  const say = (
    severity: Diagnostic["severity"],
    rule: RuleId,
    words: string,
    remarks?: Remarks,
  ) => {
    const { offset, end, when } = visit;
    said.push({ severity, rule, text: words, ...place(offset), end, when, ...remarks });
  };
  if (isTooLarge) {
    say("error", "limits", `configuration file is larger than ${maxFileBytes} bytes`);
  }
  const reading: Reading = {
    draft: emptyDraft(),
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
      isOver = true;
    },
    note: (rule, words, remarks) => say("note", rule, words, remarks),
    mark: (path) => {
      const places = given.get(path) ?? [];
      given.set(path, places);
      places.push(place(visit.offset));
    },
  };
  const mistakeAt = sentence.mistakes[0]?.offset ?? Number.POSITIVE_INFINITY;
  const step = (next: Visit) => {
    visit = next;
    return !isForDaemon || (!isOver && next.when < mistakeAt);
  };
  for (const section of sentence.outline) {
    reading.section = section;
    walk([section], clauses, reading, step);
  }
  for (const mistake of sentence.mistakes) {
    const { offset } = mistake;
    const remarks = describeMistake(mistake, place(offset).line);
    said.push({ severity: "error", ...place(offset), when: offset, ...remarks });
  }
  said.push(...renamedModes(sentence.tokens, place), ...byteNotes(bytes, text, sentence, place));
  // In the order of reading; an error comes behind what was said at the same place.
  const isError = ({ severity }: Said) => (severity === "error" ? 1 : 0);
  said.sort((a, b) => a.when - b.when || isError(a) - isError(b));
  const { sync } = reading.draft;
  if (sync.disableExternalCache && sync.commitTimeout) {
    sync.commitTimeout = 0;
    const words =
      "`CommitTimeout' can't be combined with `DisableExternalCache', ignoring this option. Fix your configuration file.";
    const at = given.get("sync.commitTimeout")?.at(-1) ?? place(0);
    visit = { offset: at.offset, end: at.offset, when: text.length };
    say("warning", "useless-combination", words);
  }
  const positions = new Map([...given].map(([path, places]) => [path, places.at(-1)!]));
  const config = { ...complete(reading.draft), source: { file: options.file, positions } };
  const { outline, comments } = sentence;
  return { text, said, config, outline, comments, given, place };
}

function emptyDraft(): Draft {
  return {
    ...{ hasHelper: false, general: {}, filter: {}, sync: {}, links: [], stats: {} },
    ...{ instances: [], setup: false },
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
function renamedModes(tokens: readonly Token[], place: (offset: number) => Position): Said[] {
  return tokens.flatMap(({ name, text, offset }): Said[] => {
    const [today, words] = oldNames[name] ?? [];
    if (today === undefined || words === undefined) return [];
    const end = offset + text.length;
    const edits = [{ offset, end, text: today }];
    const at = { ...place(offset), end, when: offset };
    return [{ severity: "warning", rule: "renamed-mode", text: words, edits, ...at }];
  });
}

/** What bytes at the edges of the file do to the reference. */
function byteNotes(
  bytes: Uint8Array,
  text: string,
  { comments }: Sentence,
  place: (offset: number) => Position,
): Said[] {
  const notes: Said[] = [];
  if (text !== "" && bytes[0] === 0xef) {
    const at = { ...place(0), end: 3, when: 0, edits: [{ offset: 0, end: 3, text: "" }] };
    const words = "a byte-order mark stands at the beginning";
    const rule = "byte-order-mark";
    if (text.startsWith("   ")) {
      notes.push({ severity: "note", rule, text: words, ...at, reference: "misreads" });
    }
  }
  const last = comments.at(-1);
  const end = text.length;
  if (last && last.offset + last.text.length === end) {
    const at = { ...place(last.offset), end, when: last.offset };
    const edits = [{ offset: end, end, text: "\n" }];
    const words = "no newline ends the comment of the last line";
    const rule = "final-comment";
    notes.push({ severity: "note", rule, text: words, ...at, edits, reference: "refuses" });
  }
  return notes;
}

function complete(draft: Draft) {
  const { instances, setup, hasHelper, general, filter, sync, stats, runMode } = draft;
  const links = draft.links.slice(0, 4);
  const [first] = links;
  if (first && draft.firstLinkChecksum !== undefined) first.checksum ??= draft.firstLinkChecksum;
  const last = links.findLastIndex((link) => link.isDefault);
  return modelSchema.parse({
    runMode: runMode ?? "none",
    hasHelper,
    general: { ...general, filter },
    sync: { ...sync, links, defaultLink: Math.max(last, 0) },
    stats,
    helper: { setup, instances },
  });
}
