/**
 * What two programs have said about one command line, made comparable: what depends on the moment or on chance is
 * masked, nothing else is.
 */
import type { CliCase } from "./cli-cases.ts";
import type { Both, Spoken } from "./cli-workbench.ts";

/** An outcome as lines, without what cannot be the same twice. */
export interface Comparable {
  readonly status: number;
  readonly stdout: readonly string[];
  readonly stderr: readonly string[];
  readonly after: readonly string[];
}

/** Seconds left, rounded up to the hundred: a slow machine may need some, and another number is still another one. */
const rounded = (_all: string, before: string, seconds: string, behind: string) =>
  `${before}${Math.ceil(Number(seconds) / 100) * 100}~${behind}`;

type Mask = readonly [RegExp, string | typeof rounded];

const EVENT = String.raw`(?:\[[\d.# ]+\]\t)?(?:(?:    \[NEW\]| \[UPDATE\]|\[DESTROY\]) )?`;
const MASKS: readonly Mask[] = [
  [/\b(conntrack|nfct) v\d+\.\d+\.\d+/g, "$1 v#"],
  [/^\[\d{8,}\.[\d ]{6}\]\t/gm, "[#.#]\t"],
  // A flow: protocol, its number, seconds.
  [
    new RegExp(String.raw`^(${EVENT}(?:\w+ +\d+ )?\w+ +\d+ )(\d+)( (?:[A-Z_\d]+ )?src=)`, "gm"),
    rounded,
  ],
  [new RegExp(String.raw`^(${EVENT})(\d+)( proto=)`, "gm"), rounded],
  [/(<timeout>)(\d+)(<)/g, rounded],
  [/^(-[AUD] -t )(\d+)( )/gm, rounded],
  [/(?<= id=)\d+/g, "#"],
  [/(?<=<id>)\d+/g, "#"],
  [/ portid=\d+( progname=\S+)?/g, " portid=#"],
  [/(?<= delta-time=)\d+/g, "#"],
  [/(?<=\[(?:start|stop)=)\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}/g, "#"],
  [/(?<=<(?:start|stop|deltatime)>)\d+/g, "#"],
  [/<when>.*?<\/when>/g, maskWhen],
];

/** Statistics count what the machine has done. */
const COUNTERS: Mask = [/(?<=^cpu=.*\w=)\d+(?= )/gm, "#"];

/** The parts of a time of day, each with as many digits as it has. */
function maskWhen(text: string): string {
  return text.replace(/<(min|sec)>\d\d</g, "<$1>##<").replace(/<(hour|wday|day)>\d+</g, "<$1>#<");
}

function maskText(text: string): string[] {
  let masked = text;
  for (const [pattern, by] of [...MASKS, COUNTERS]) {
    masked = typeof by === "string" ? masked.replace(pattern, by) : masked.replace(pattern, by);
  }
  const lines = masked.split("\n");
  // A last line without its end is another text than one with it.
  if (lines.at(-1) === "") lines.pop();
  else lines.push("\\ no newline");
  return lines;
}

function comparable({ status, stdout, stderr, after }: Spoken): Comparable {
  return { status, stdout: maskText(stdout), stderr: maskText(stderr), after: maskText(after) };
}

/** Two outcomes to compare, and whether ours may be what it is. */
export interface Verdict {
  readonly wanted: Comparable;
  readonly ours: Comparable;
  /** True where ours is what the case says, and differs from the reference where it says so. */
  readonly holds: boolean;
  /** Why it does not hold, where no comparison shows it. */
  readonly remark: string | undefined;
}

const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);

/** Own words in full: `*` and a last line of `...` stand for whatever ours says there. */
function saidBy(
  words: unknown,
  ours: Comparable[keyof Comparable],
  reference: Comparable[keyof Comparable],
): unknown {
  if (words === "*") return ours;
  if (isLess(words) && typeof reference !== "number") {
    return reference.map((line) => line.replaceAll(words.without, ""));
  }
  if (!Array.isArray(words) || words.at(-1) !== "..." || typeof ours === "number") return words;
  return [...words.slice(0, -1), ...ours.slice(words.length - 1)];
}

function isLess(words: unknown): words is { readonly without: string } {
  return typeof words === "object" && words !== null && "without" in words;
}

/** Both outcomes beside each other; differences that the case names are put into what is wanted. */
export function judge({ differs, own }: CliCase, both: Both): Verdict {
  const reference = comparable(both.reference);
  const ours = comparable(both.ours);
  const said = Object.fromEntries(
    Object.entries(own).map(([key, words]) => {
      const at = key as keyof Comparable;
      return [key, saidBy(words, ours[at], reference[at])];
    }),
  );
  const wanted: Comparable = { ...reference, ...said };
  if (!same(wanted, ours)) return { wanted, ours, holds: false, remark: undefined };
  if (differs === undefined || !same(reference, ours)) {
    return { wanted, ours, holds: true, remark: undefined };
  }
  return {
    wanted,
    ours,
    holds: false,
    remark: `says what the reference says: "${differs}" is over`,
  };
}

/** True where both have said the same; for the reference beside itself. */
export function isSame(both: Both): boolean {
  return same(comparable(both.reference), comparable(both.ours));
}
