/**
 * Reads command lines to compare: `test/fixtures/cli/*.cases`, one case a line, and the tables they start from. Knows
 * nothing of how they are run. The format is described in `test/fixtures/cli/README.md`.
 */
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";

/** What a case may say behind its command line. */
export interface Clauses {
  /** Text for standard input. */
  readonly stdin?: string;
  /** Files in the working directory, by name. */
  readonly files: Readonly<Record<string, string>>;
  /** Commands of the reference that run while the case's program follows events. */
  readonly meanwhile?: readonly string[];
  /** A capability that the program runs without. */
  readonly without?: string;
  /** The signal that ends a program that follows events. */
  readonly end: string;
  /** The row of doc/differences.md that tells why ours says something else. */
  readonly differs?: string;
}

/**
 * What ours says on a stream: lines, `"*"` where any words will do, or what the reference says less some text wherever
 * that stands.
 */
export type OwnStream = readonly string[] | "*" | { readonly without: string };

/** What ours says where it differs. Nothing where it says what the reference says. */
export interface OwnWords {
  readonly stdout?: OwnStream;
  readonly stderr?: OwnStream;
  readonly after?: "*";
  readonly status?: number;
}

/** A word of a command line: itself, or the id of the one entry that `-L` with these words shows. */
export type Word = string | { readonly idOf: readonly string[] };

export interface CliCase extends Clauses {
  /** File and line, to name the case. */
  readonly at: string;
  /** The case as written. */
  readonly text: string;
  readonly program: string;
  readonly table: string;
  readonly words: readonly Word[];
  readonly own: OwnWords;
}

const CLAUSE = /\s+::\s+(?=(?:stdin|file|while|without|end|differs)\b)/;

/** The cases of one file. Throws for a line it cannot read, with file and number. */
export function readCases(path: string): CliCase[] {
  const cases: CliCase[] = [];
  const state = { program: "conntrack", table: "empty" };
  for (const [index, line] of readFileSync(path, "utf8").split("\n").entries()) {
    const at = `${basename(path)}:${index + 1}`;
    try {
      if (/^(#|\s*$)/.test(line)) continue;
      const directive = /^@(program|table) (\S+)$/.exec(line);
      if (directive) Object.assign(state, { [directive[1]!]: directive[2] });
      else if (/^\s/.test(line)) cases.push(withOwnWords(cases.pop(), line.trim()));
      else cases.push(readCase(line, at, state));
    } catch (error) {
      throw new Error(`${at}: ${error instanceof Error ? error.message : error}`);
    }
  }
  return cases;
}

/** All files with cases of a folder, in the order of their names. */
export function caseFiles(folder: string): string[] {
  const names = readdirSync(folder).filter((name) => name.endsWith(".cases"));
  return names.sort().map((name) => join(folder, name));
}

function readCase(line: string, at: string, state: { program: string; table: string }): CliCase {
  const [command = "", ...clauses] = line.split(CLAUSE);
  const files: Record<string, string> = {};
  const read: { -readonly [K in keyof Clauses]?: Clauses[K] } = {};
  for (const clause of clauses) {
    const [, key = "", rest = ""] = /^(\w+) ?(.*)$/.exec(clause) ?? [];
    if (key === "file") {
      const [, name = "", text = ""] = /^(\S+) ?(.*)$/.exec(rest) ?? [];
      files[name] = unescaped(text);
    } else if (key === "while") read.meanwhile = rest.split(/\s+;\s+/).filter(Boolean);
    else if (key === "stdin") read.stdin = unescaped(rest);
    else if (key === "end") read.end = rest;
    else if (key === "without") read.without = rest;
    else read.differs = rest;
  }
  // `.` stands for no words at all.
  const words = command === "." ? [] : splitWords(command);
  return { at, text: line, ...state, words, own: {}, end: "INT", ...read, files };
}

function withOwnWords(of: CliCase | undefined, line: string): CliCase {
  if (of?.differs === undefined) throw new Error("own words belong to a case that differs");
  const [, key = "", rest = ""] = /^(out|err|exit|after)(?:\| ?| )(.*)$/.exec(line) ?? [];
  const stream = ({ out: "stdout", err: "stderr" } as const)[key];
  const own = { ...of.own };
  if (key === "exit") Object.assign(own, { status: Number(rest) });
  else if (key === "after" && rest === "*") Object.assign(own, { after: "*" });
  else if (stream === undefined) throw new Error(`out|, err|, exit or after *, not: ${line}`);
  else if (rest === "*" && !line.includes("|")) Object.assign(own, { [stream]: "*" });
  else if (rest === "nothing" && !line.includes("|")) Object.assign(own, { [stream]: [] });
  else if (/^\w+ without /.test(line)) {
    Object.assign(own, { [stream]: { without: unescaped(rest.slice("without ".length)) } });
  } else {
    const before = of.own[stream];
    Object.assign(own, { [stream]: [...(Array.isArray(before) ? before : []), unescaped(rest)] });
  }
  return { ...of, own };
}

const WORD = /'([^']*)'|"((?:[^"\\]|\\.)*)"|\{id ([^}]*)\}|([^\s'"]+)|(\s+)/gy;

/** Words as a shell would split them: quotes may stand inside a word; escapes count between double quotes. */
export function splitWords(line: string): Word[] {
  const words: Word[] = [];
  let word: string | undefined;
  let end = 0;
  for (const match of line.matchAll(WORD)) {
    end = match.index + match[0].length;
    const [, single, double, id, plain, blank] = match;
    if (blank !== undefined) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (id !== undefined) words.push({ idOf: id.split(/\s+/) });
    else word = (word ?? "") + (single ?? plain ?? unescaped(double ?? ""));
  }
  if (end !== line.length) throw new Error(`cannot be split: ${line.slice(end)}`);
  return word === undefined ? words : [...words, word];
}

const NAMED: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", "\\": "\\", '"': '"' };

/** `\n`, `\t`, `\r`, `\xHH`, and `\{1000 a}` for a thousand times the text behind the number. */
function unescaped(text: string): string {
  return text.replace(
    /\\(?:x([0-9a-f]{2})|\{(\d+) ([^}]*)\}|(.))/g,
    (_all, hex?: string, times?: string, what?: string, letter?: string) => {
      if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
      if (times !== undefined) return unescaped(what ?? "").repeat(Number(times));
      return NAMED[letter ?? ""] ?? `\\${letter}`;
    },
  );
}

/** How a table comes about. */
export interface CliTable {
  /** Shell commands for a fresh namespace. */
  readonly once: readonly string[];
  /** Lines for one batch of the reference, to fill the emptied table before each case. */
  readonly batch: readonly string[];
  /** Shell commands behind the batch. */
  readonly fill: readonly string[];
  /** Shell commands whose words show what a case has changed. */
  readonly watch: readonly string[];
  /** Files below /etc, by path. */
  readonly etc: Readonly<Record<string, string>>;
}

const WATCH = ["-L -o extended", "-L -o save", "-L expect", "-L expect -f ipv6"];

export function readTable(path: string): CliTable {
  const etc: Record<string, string> = {};
  const lists: Record<"once" | "batch" | "fill" | "watch", string[]> = {
    once: [],
    batch: [],
    fill: [],
    watch: WATCH.map((words) => `$reference/conntrack ${words}`),
  };
  for (const line of readFileSync(path, "utf8").split("\n")) {
    const [, key = "", rest = ""] = /^(\S+) ?(.*)$/.exec(line) ?? [];
    if (key === "" || key.startsWith("#")) continue;
    if (key === "etc") {
      const [, name = "", text = ""] = /^(\S+) ?(.*)$/.exec(rest) ?? [];
      etc[name] = unescaped(text);
    } else if (key === "sysctl") {
      const [name = "", ...value] = rest.split(" ");
      lists.once.push(`echo ${value.join(" ")} >/proc/sys/${name}`);
    } else if (key === "once" || key === "fill" || key === "watch") lists[key].push(rest);
    else if (line.startsWith("-")) lists.batch.push(line);
    else throw new Error(`${basename(path)}: what is \`${key}'?`);
  }
  return { ...lists, etc };
}
