/**
 * The command line of `conntrackd`, scanned as the reference scans it: from left to right, one
 * option an argument, recognised by the letter behind the dash.
 *
 * Pure: arguments in, a decision out. Two habits are not kept: a word without a dash is refused
 * (the reference runs `ct` as `-t`), and `--version` and `--help` are options of ours.
 *
 * Described in: doc/conntrackd.md, "Command line"; doc/differences.md.
 */
import { RequestCode } from "../kit/request-code.ts";

export const DEFAULT_CONFIG_FILE = "/etc/conntrackd/conntrackd.conf";
/** Longer paths are cut. */
export const CONFIG_PATH_MAX_BYTES = 4096;

export type CommandLine =
  | { readonly kind: "version"; readonly isLong: boolean }
  | { readonly kind: "help" }
  | {
      readonly kind: "daemon";
      readonly configFile: string;
      /** `-d`: detach from the terminal. */
      readonly background: boolean;
      readonly warnings: readonly string[];
    }
  | {
      readonly kind: "request";
      readonly code: RequestCode;
      readonly configFile: string;
      readonly warnings: readonly string[];
    }
  /** `usage`: print the usage on standard output too. The exit status is 1. */
  | { readonly kind: "error"; readonly message: string; readonly usage: boolean };

interface Word {
  readonly word: string;
  readonly code: RequestCode;
  readonly warning?: string;
}

interface RequestRow {
  readonly letter: string;
  /** The request without a word. */
  readonly code: RequestCode;
  /** In the order of matching: the first word that starts with what was typed wins. */
  readonly words: readonly Word[];
  /** An unknown word is an error of its own; otherwise it is scanned as an option. */
  readonly isStrict: boolean;
}

function request(
  letter: string,
  code: RequestCode,
  words: readonly Word[] = [],
  isStrict = false,
): RequestRow {
  return { letter, code, words, isStrict };
}

function flowsOrExpectations(ct: RequestCode, expect: RequestCode): readonly Word[] {
  return [
    { word: "ct", code: ct },
    { word: "expect", code: expect },
  ];
}

const R = RequestCode;

const statisticsWords: readonly Word[] = [
  { word: "network", code: R.statisticsNetwork },
  { word: "cache", code: R.statisticsCache },
  { word: "runtime", code: R.statisticsRuntime },
  {
    word: "multicast",
    code: R.statisticsLink,
    warning: "use `link' instead of `multicast' as parameter.",
  },
  { word: "link", code: R.statisticsLink },
  { word: "rsqueue", code: R.statisticsResendQueue },
  { word: "process", code: R.statisticsProcess },
  { word: "queue", code: R.statisticsQueue },
  { word: "ct", code: R.statistics },
  { word: "expect", code: R.statisticsExpectations },
];

const requestRows: readonly RequestRow[] = [
  request("c", R.commitAll, flowsOrExpectations(R.commitFlows, R.commitExpectations)),
  request(
    "f",
    R.flushAllCaches,
    [
      { word: "internal", code: R.flushInternal },
      { word: "external", code: R.flushExternal },
    ],
    true,
  ),
  request("F", R.flushKernelAll, flowsOrExpectations(R.flushKernel, R.flushKernelExpectations)),
  request("R", R.resyncKernelAll, flowsOrExpectations(R.resyncKernel, R.resyncKernelExpectations)),
  request("i", R.dumpInternal, flowsOrExpectations(R.dumpInternal, R.dumpInternalExpectations)),
  request("e", R.dumpExternal, flowsOrExpectations(R.dumpExternal, R.dumpExternalExpectations)),
  request("s", R.statistics, statisticsWords, true),
  request("B", R.bulkSend),
  request("n", R.requestResync),
  request("t", R.scheduleKernelFlush),
  request("k", R.kill),
];

/** What `-x` makes of the request before it. */
const xmlOf: ReadonlyMap<RequestCode, RequestCode> = new Map<RequestCode, RequestCode>([
  [R.dumpInternal, R.dumpInternalXml],
  [R.dumpExternal, R.dumpExternalXml],
  [R.dumpInternalExpectations, R.dumpInternalExpectationsXml],
  [R.dumpExternalExpectations, R.dumpExternalExpectationsXml],
]);

const CUT_WARNING = "Path to config file to long. Cutting it down to 4096 characters";

/** Scan state: what the arguments so far have asked for. */
interface Scan {
  readonly args: readonly string[];
  next: number;
  background: boolean;
  code: RequestCode | undefined;
  configFile: string;
  readonly warnings: string[];
}

/** `args` are the arguments behind the program's name. */
export function parseCommandLine(args: readonly string[]): CommandLine {
  const scan: Scan = {
    args,
    next: 0,
    background: false,
    code: undefined,
    configFile: DEFAULT_CONFIG_FILE,
    warnings: [],
  };
  while (scan.next < args.length) {
    const outcome = scanOption(scan, args[scan.next++]!);
    if (outcome !== undefined) return outcome;
    if (scan.background && scan.code !== undefined) return failure("Invalid parameters", true);
  }
  const { configFile, warnings, code, background } = scan;
  if (code !== undefined) return { kind: "request", code, configFile, warnings };
  return { kind: "daemon", configFile, background, warnings };
}

/** Take one option and its word; an outcome ends the scan. */
function scanOption(scan: Scan, argument: string): CommandLine | undefined {
  const unknown = failure(`Unknown option: ${argument}`, true);
  if (argument === "--version") return { kind: "version", isLong: true };
  if (argument === "--help") return { kind: "help" };
  if (!argument.startsWith("-")) return unknown;
  switch (argument[1]) {
    case "v":
      return { kind: "version", isLong: false };
    case "h":
      return { kind: "help" };
    case "d":
      scan.background = true;
      return undefined;
    case "C":
      return takeConfigFile(scan);
    case "x":
      return makeXml(scan);
    default: {
      const row = requestRows.find((each) => each.letter === argument[1]);
      return row === undefined ? unknown : takeRequest(scan, row);
    }
  }
}

function takeConfigFile(scan: Scan): CommandLine | undefined {
  const path = scan.args[scan.next++];
  if (path === undefined) return failure("Missing config filename", true);
  scan.configFile = path;
  if (path.length > CONFIG_PATH_MAX_BYTES) {
    scan.configFile = path.slice(0, CONFIG_PATH_MAX_BYTES);
    scan.warnings.push(CUT_WARNING);
  }
  return undefined;
}

function makeXml(scan: Scan): CommandLine | undefined {
  const code = scan.code === undefined ? undefined : xmlOf.get(scan.code);
  if (code === undefined) return failure("Invalid parameters", true);
  scan.code = code;
  return undefined;
}

function takeRequest(scan: Scan, row: RequestRow): CommandLine | undefined {
  scan.code = row.code;
  const typed = scan.args[scan.next];
  if (row.words.length === 0 || typed === undefined || typed.startsWith("-")) return undefined;
  const match = row.words.find((each) => each.word.startsWith(typed));
  if (match === undefined) {
    if (!row.isStrict) return undefined;
    return failure(`unknown parameter \`${typed}' for option \`-${row.letter}'`, false);
  }
  scan.next++;
  scan.code = match.code;
  if (match.warning !== undefined) scan.warnings.push(match.warning);
  return undefined;
}

function failure(message: string, usage: boolean): CommandLine {
  return { kind: "error", message, usage };
}
