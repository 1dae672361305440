/**
 * `--color`: a line of the text format for people at a terminal. What stands there does not change, and without the
 * option nothing is painted.
 *
 * Described in: doc/conntrack.md, "Colour".
 */
import process from "node:process";
import type { LineWriter } from "../../kit/line-writer.ts";
import type { Command } from "./command.ts";

const STDOUT = 1;
const RED = 31;
const GREEN = 32;
const YELLOW = 33;
const MAGENTA = 35;
const CYAN = 36;

/** What is painted, a row a kind. */
const RULES: readonly (readonly [RegExp, (word: string) => number])[] = [
  [/(?<=^(?:\[[\d.]+ *\]\t)?)(?: {4}\[NEW\]| \[UPDATE\]|\[DESTROY\])/, eventColor],
  // Between the timeout and the addresses.
  [
    /(?<= )[A-Z][A-Z_0-9]+(?= src=)/,
    (state) => (/^(ESTABLISHED|OPEN)$/.test(state) ? GREEN : YELLOW),
  ],
  [/\[UNREPLIED\]/, () => YELLOW],
  [/\[(?:ASSURED|OFFLOAD|HW_OFFLOAD)\]/, () => GREEN],
  [/\[USERSPACE\].*/, () => MAGENTA],
  [/(?<= (?:mask-|master-)?(?:src|dst)=)[\d.:a-f]+/g, () => CYAN],
];

function eventColor(tag: string): number {
  if (tag.includes("NEW")) return GREEN;
  return tag.includes("DESTROY") ? RED : YELLOW;
}

export function paint(line: string): string {
  let painted = line;
  for (const [pattern, color] of RULES) {
    painted = painted.replace(pattern, (word) => `\x1b[${color(word)}m${word}\x1b[0m`);
  }
  return painted;
}

/** Paint what was written from byte `start` on. */
export function paintFrom(w: LineWriter, start: number): void {
  const line = w.string(start);
  w.cut(start);
  w.text(paint(line));
}

/** Whether what was asked for is wanted on this standard output. */
export function wantsColor({ color }: Command): boolean {
  if (color !== "auto") return color === "always";
  const { NO_COLOR = "", TERM = "" } = process.env;
  if (NO_COLOR !== "" || TERM === "" || TERM === "dumb") return false;
  // Loaded for this question alone: it costs milliseconds of every start.
  return process.getBuiltinModule("node:tty").isatty(STDOUT);
}
