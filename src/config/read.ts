/**
 * A configuration file, as bytes, to a configuration and what is to be said about it.
 *
 * The language knows one error, the first; warnings that stand before it are kept. Nothing throws
 * on any bytes. Opens no file and asks no kernel: what it needs to know comes in as options.
 */

import {
  createGrammar,
  type Mistake,
  maxFileBytes,
  maxNesting,
  maxTokens,
} from "../../grammar/index.ts";
import { filterClauses } from "./clauses-filter.ts";
import { generalClauses } from "./clauses-general.ts";
import { syncClauses } from "./clauses-sync.ts";
import { helperClauses } from "./clauses-userspace-helper.ts";
import { type Config, type Draft, modelSchema, type Position } from "./model.ts";
import { protocolTable } from "./protocols.ts";
import type { Clauses, Diagnostic, Reading } from "./reading.ts";
import { walk } from "./walk.ts";

export interface ReadOptions {
  readonly file: string;
  /** Content of the protocols database. */
  readonly protocols?: string;
  /** Index of a network interface; 0 or less: there is none. Without it no name is checked. */
  readonly interfaceIndex?: (name: string) => number;
}

export type ReadResult =
  | { readonly ok: true; readonly config: Config; readonly warnings: Diagnostic[] }
  | {
      readonly ok: false;
      readonly error: Diagnostic;
      readonly warnings: Diagnostic[];
      /** The first error and every later mistake of syntax, in file order. */
      readonly errors: Diagnostic[];
    };

const clauses: Clauses = { ...generalClauses, ...filterClauses, ...syncClauses, ...helperClauses };

export function readConfig(bytes: Uint8Array, options: ReadOptions): ReadResult {
  if (bytes.length > maxFileBytes) {
    const text = `configuration file is larger than ${maxFileBytes} bytes`;
    const error: Diagnostic = { severity: "error", text, line: 1, column: 1, offset: 0 };
    return { ok: false, error, warnings: [], errors: [error] };
  }
  const hasMark = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  const text = (hasMark ? "   " : "") + latin1(bytes.subarray(hasMark ? 3 : 0));
  const place = locator(text);
  const { tree, tokens, mistakes } = createGrammar()(text);
  const syntax = mistakes.map((mistake) => describe(mistake, place(mistake.offset)));
  const found: Diagnostic[] = [];
  const positions = new Map<string, Position>();
  let offset = 0;
  let isOver = false;
  const say = (severity: Diagnostic["severity"], text: string) =>
    void found.push({ severity, text, ...place(offset) });
  const reading: Reading = {
    draft: {
      hasHelper: false,
      general: {},
      filter: {},
      sync: {},
      links: [],
      stats: {},
      instances: [],
      setup: false,
    },
    protocols: protocolTable(options.protocols),
    interfaceIndex: options.interfaceIndex ?? (() => 1),
    filtered: new Set(),
    pending: { policies: [] },
    warn: (text) => say("warning", text),
    fail: (text) => {
      say("error", text);
      isOver = true;
    },
    mark: (path) => void positions.set(path, place(offset)),
  };
  const end = mistakes[0]?.offset ?? Number.POSITIVE_INFINITY;
  const step = (at: number) => {
    offset = at;
    return !isOver;
  };
  walk(tree, clauses, reading, end, step);
  const failed = found.find(({ severity }) => severity === "error");
  const error = failed ?? syntax[0];
  const said = found.filter(({ severity }) => severity === "warning");
  const last = failed?.offset ?? end;
  for (const token of tokens) {
    const renamed = token.startOffset <= last ? renamedModes[token.tokenType.name] : undefined;
    if (renamed) said.push({ severity: "warning", text: renamed, ...place(token.startOffset) });
  }
  const warnings = said.sort((a, b) => a.offset - b.offset);
  if (error) return { ok: false, error, warnings, errors: failed ? [failed, ...syntax] : syntax };
  const { sync } = reading.draft;
  if (sync.disableExternalCache && sync.commitTimeout) {
    sync.commitTimeout = 0;
    const text =
      "`CommitTimeout' can't be combined with `DisableExternalCache', ignoring this option. Fix your configuration file.";
    const where = positions.get("sync.commitTimeout") ?? place(0);
    warnings.push({ severity: "warning", text, ...where });
  }
  const config = { ...complete(reading.draft), source: { file: options.file, positions } };
  return { ok: true, config, warnings };
}

/** Old names of modes. The words warn wherever they stand. */
const renamedModes: Readonly<Record<string, string>> = {
  OldFtfw: "Now `nack' mode is called `ftfw'. Please, update your conntrackd.conf file.\n",
  OldAlarm: "Now `persistent' mode is called `alarm'. Please, update your conntrackd.conf file.",
};

function complete(draft: Draft) {
  const { links, instances, setup, hasHelper, general, filter, sync, stats, runMode } = draft;
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

function describe({ reason, symbol, expected }: Mistake, at: Position): Diagnostic {
  const word = new TextDecoder().decode(Uint8Array.from(symbol, (c) => c.charCodeAt(0)));
  const text = {
    syntax: `parsing config file in line (${at.line}), symbol '${word}': syntax error`,
    tokens: `configuration file has more than ${maxTokens} words`,
    nesting: `configuration file nests more than ${maxNesting} braces`,
  }[reason];
  return { severity: "error", text, ...at, ...(expected.length > 0 ? { expected } : {}) };
}

/** One character a byte. */
function latin1(bytes: Uint8Array): string {
  const parts: string[] = [];
  for (let at = 0; at < bytes.length; at += 8192) {
    parts.push(String.fromCharCode(...bytes.subarray(at, at + 8192)));
  }
  return parts.join("");
}

/** Lines and columns count from 1, columns in bytes. */
function locator(text: string): (offset: number) => Position {
  const starts = [0];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return (offset) => {
    let low = 0;
    let high = starts.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle;
    }
    return { line: low + 1, column: offset - (starts[low] ?? 0) + 1, offset };
  };
}
