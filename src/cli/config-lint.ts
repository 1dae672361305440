/**
 * The command line of config-lint: which files, which comparisons, which format. Exit status: 0 clean,
 * 1 warnings with `--strict`, 2 errors, or a command line that makes no sense.
 *
 * Described in: doc/lint.md, "Command line".
 */

import { Command, CommanderError, Option } from "commander";
import {
  applyFixes,
  catalogue,
  chapters,
  comparePair,
  compareWithMachine,
  countOf,
  explain,
  type FileReport,
  foldersOf,
  formatText,
  jsonReport,
  judge,
  type ReadFile,
  readFile,
  sarifReport,
} from "../config/lint/index.ts";
import { readConfigBytes, readProtocols, readStandardInput } from "../runtime/config-bytes.ts";
import { liveFacts } from "../runtime/live-facts.ts";
import { replaceFile } from "../runtime/replace-file.ts";
import type { Terminal } from "./terminal.ts";

declare const FLOWKEEPER_VERSION: string;

const standardFile = "/etc/conntrackd/conntrackd.conf";
const formats = ["text", "json", "sarif"] as const;
const widestText = 110;

interface Options {
  readonly format: (typeof formats)[number];
  readonly strict?: boolean;
  readonly fix?: boolean;
  readonly pair?: boolean;
  readonly live?: boolean;
  readonly reference?: boolean;
  readonly ignore: readonly string[];
  readonly listRules?: boolean;
  readonly explain?: string;
  readonly lsp?: boolean;
}

function commandLine(terminal: Terminal): Command {
  const gather = (rule: string, before: readonly string[]) => [...before, rule];
  return new Command("conntrackd-lint")
    .description("Finds what is wrong with conntrackd.conf before the night when it matters.")
    .argument(
      "[FILE...]",
      `files to look at; \`-' is the standard input (default: ${standardFile})`,
    )
    .addOption(new Option("--format <format>", "how to say it").choices(formats).default("text"))
    .option("--strict", "warnings count: exit status 1")
    .option("--fix", "rewrite deprecated spellings in place")
    .option("--pair", "do two nodes fit together? needs the files of both")
    .option("--live", "compare with this machine")
    .option("--reference", "what the C daemon does not accept is an error")
    .option("--ignore <rule>", "keep silent about a rule; may be repeated", gather, [])
    .option("--list-rules", "list all rules")
    .option("--explain <rule>", "say why a rule is there, with an example")
    .option("--lsp", "serve an editor over standard input and output (language server protocol)")
    .addOption(new Option("--stdio", "how --lsp talks: there is no other way").hideHelp())
    .version(`conntrackd-lint (Flowkeeper) ${FLOWKEEPER_VERSION}`)
    .exitOverride()
    .configureOutput({ writeOut: terminal.write, writeErr: terminal.complain });
}

/** @returns The exit status; `serve` where a language server is asked for. */
export function configLint(words: readonly string[], terminal: Terminal): number | "serve" {
  const command = commandLine(terminal);
  try {
    command.parse([...words], { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    throw error;
  }
  const options = command.opts<Options>();
  if (options.lsp) return "serve";
  if (options.listRules) return listRules(terminal);
  if (options.explain !== undefined) return explainRule(options.explain, terminal);
  return lintFiles(command.args.length > 0 ? command.args : [standardFile], options, terminal);
}

function listRules({ write }: Terminal): number {
  for (const { title, rules } of chapters) {
    write(`${title}\n`);
    for (const { id, severity, summary } of rules) {
      write(`  ${id.padEnd(32)} ${severity.padEnd(8)} ${summary}\n`);
    }
  }
  return 0;
}

function explainRule(id: string, { write, complain }: Terminal): number {
  const rule = catalogue.get(id);
  if (rule === undefined) {
    complain(`there is no rule \`${id}'; --list-rules lists them\n`);
    return 2;
  }
  write(explain(rule));
  return 0;
}

function lintFiles(names: readonly string[], options: Options, terminal: Terminal): number {
  const unknown = options.ignore.find((id) => !catalogue.has(id));
  if (unknown !== undefined || (options.pair && names.length !== 2)) {
    const what =
      unknown === undefined ? "--pair needs two files" : `there is no rule \`${unknown}'`;
    terminal.complain(`${what}\n`);
    return 2;
  }
  const sources = names.map((name) => ({ name, bytes: readSource(name, terminal) }));
  const missing = sources.filter(({ bytes }) => bytes === undefined);
  const read = sources.flatMap(({ name, bytes }) =>
    bytes === undefined ? [] : [{ name, bytes, file: inspected(name, bytes, options) }],
  );
  if (options.pair && missing.length > 0) return 2;
  let isFailed = missing.length > 0;
  const files = read.map(({ name, bytes, file }) => {
    if (!options.fix) return file;
    const fixed = fix(name, bytes, file, terminal);
    if (fixed === undefined) isFailed = true;
    return fixed === undefined || fixed === bytes ? file : inspected(name, fixed, options);
  });
  const reports = judged(files, options);
  // With --fix, the standard output of `-' is the file.
  const say = options.fix && names.includes("-") ? terminal.complain : terminal.write;
  say(shown(reports, options, terminal));
  return isFailed ? 2 : exitStatus(reports, options);
}

/** Undefined after saying why there is nothing to read. */
function readSource(name: string, { complain }: Terminal): Uint8Array | undefined {
  const read = name === "-" ? readStandardInput() : readConfigBytes(name);
  if (read.ok) return read.bytes;
  complain(`can't open config file \`${name}': ${read.reason}\n`);
  return undefined;
}

function inspected(name: string, bytes: Uint8Array, options: Options): ReadFile {
  const protocols = readProtocols();
  return readFile(bytes, {
    file: name === "-" ? "<stdin>" : name,
    ...(protocols === undefined ? {} : { protocols }),
    isForReference: options.reference === true,
    ignored: new Set(options.ignore),
  });
}

function judged(files: readonly ReadFile[], { pair, live }: Options): FileReport[] {
  const [a, b] = files;
  const compared = pair && a && b ? comparePair(a.subject, b.subject) : [];
  return files.map((file, index) => {
    // The first file is this node's where two are compared.
    const isHere = live === true && (index === 0 || !pair);
    const machine = isHere ? machineVerdicts(file) : [];
    return judge(file, [...(compared[index] ?? []), ...machine]);
  });
}

function machineVerdicts({ subject }: ReadFile) {
  return compareWithMachine(subject, liveFacts(foldersOf(subject)));
}

/** The file as it is now; undefined when it could not be written. */
function fix(
  name: string,
  bytes: Uint8Array,
  file: ReadFile,
  { write, complain }: Terminal,
): Uint8Array | undefined {
  const { bytes: fixed, applied, refused } = applyFixes(bytes, judge(file).findings);
  if (refused.length > 0) {
    complain(`${name}: ${refused.length} rewrites overlap others: run --fix again\n`);
  }
  if (name === "-") {
    write(Buffer.from(fixed).toString());
    return fixed;
  }
  if (applied.length === 0) return bytes;
  try {
    replaceFile(name, fixed);
  } catch (error) {
    complain(`${name}: not rewritten: ${error instanceof Error ? error.message : error}\n`);
    return undefined;
  }
  complain(`${name}: ${applied.length} places rewritten\n`);
  return fixed;
}

function shown(
  reports: readonly FileReport[],
  { format }: Options,
  { isTerminal, columns, environment }: Terminal,
): string {
  if (format !== "text") {
    const make = format === "json" ? jsonReport : sarifReport;
    return `${JSON.stringify(make(reports, FLOWKEEPER_VERSION), null, 2)}\n`;
  }
  const isColoured = isTerminal && (environment["NO_COLOR"] ?? "") === "";
  const width = Math.min(isTerminal ? columns : widestText, widestText);
  const texts = reports.map((report, index) => {
    const partner = reports[1 - index];
    return formatText(report, { isColoured, width, ...(partner ? { partner } : {}) });
  });
  return texts.join("");
}

function exitStatus(reports: readonly FileReport[], { strict }: Options): number {
  const { error, warning } = countOf(reports.flatMap(({ findings }) => findings));
  if (error > 0) return 2;
  return strict && warning > 0 ? 1 : 0;
}
