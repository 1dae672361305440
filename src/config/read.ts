/**
 * A configuration file, as bytes, to a configuration and what is to be said about it.
 *
 * The daemon stops at the first error; warnings that stand before it are kept. An inspection finds all
 * of them. Nothing throws on any bytes. Described in: doc/config.md, "Mistakes".
 */

import { maxFileBytes, type Sentence, type Token, type Written } from "../../grammar/index.ts";
import { parseText } from "../../grammar/parse.ts";
import { recognise } from "../../grammar/recognise.ts";
import type { Diagnostic } from "./diagnostic.ts";
import type { Draft, Position } from "./draft.ts";
import { interpret, type ReadOptions, type Said } from "./interpret.ts";
import { describeMistake } from "./mistake.ts";
import { type Config, modelSchema } from "./model.ts";
import { locator, sourceOf } from "./source.ts";

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

const nothing: Sentence = { outline: [], tokens: [], comments: [], mistakes: [] };

/** @param isForDaemon The first error ends it. */
function study(bytes: Uint8Array, options: ReadOptions, isForDaemon: boolean) {
  const isTooLarge = bytes.length > maxFileBytes;
  const source = sourceOf(isTooLarge ? new Uint8Array() : bytes);
  // The parser is for mistakes: it costs most of the time, and most files have none.
  const sentence = isTooLarge ? nothing : (recognise(source.text) ?? parseText(source.text));
  const find = locator(source.text);
  const mistakes = sentence.mistakes.map((mistake): Said => {
    const at = find(mistake.offset);
    return {
      severity: "error",
      ...at,
      when: at.offset,
      ...describeMistake(mistake, at.line, source.text),
    };
  });
  if (isTooLarge) mistakes.push(tooLarge);
  const { draft, said, given, place } = interpret(source, sentence, mistakes, options, isForDaemon);
  const positions = new Map([...given].map(([path, places]) => [path, places.at(-1)!]));
  const config = { ...complete(draft), source: { file: options.file, positions } };
  const { outline, comments } = sentence;
  return { text: source.text, said, config, outline, comments, given, place };
}

const tooLarge: Said = {
  ...{ severity: "error", rule: "limits", line: 1, column: 1, offset: 0, end: 0, when: 0 },
  text: `configuration file is larger than ${maxFileBytes} bytes`,
};

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
