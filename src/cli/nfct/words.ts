/**
 * The words of a command line of `nfct`: command and subsystem in either order, each matched by its beginning, then
 * parameters. There are no options, but for `-h`, `--help` and `--version` where they stand alone.
 *
 * Described in: doc/nfct.md, "Command line".
 */
import { Mistake, USAGE } from "./mistake.ts";

/** In the order in which a beginning is matched. */
const commands = [
  "list",
  "add",
  "delete",
  "get",
  "flush",
  "disable",
  "default-set",
  "default-get",
] as const;
const subsystems = ["timeout", "helper", "version"] as const;

export type Command = (typeof commands)[number];
export type Subsystem = (typeof subsystems)[number];

export type Line =
  | { readonly kind: "usage" | "help" | "version" }
  | {
      readonly kind: "run";
      readonly command: Command;
      readonly subsystem: Subsystem;
      readonly parameters: readonly string[];
      /** The second word as written: a message names it. */
      readonly second: string;
    };

function match<W extends string>(words: readonly W[], beginning: string): W | undefined {
  return words.find((word) => word.startsWith(beginning));
}

/** @throws Mistake for words that are neither */
export function readWords(words: readonly string[]): Line {
  const [first, second, ...parameters] = words;
  if (first === undefined || second === undefined) {
    if (first === "help" || first === "-h" || first === "--help") return { kind: "help" };
    return { kind: first === "--version" ? "version" : "usage" };
  }
  const command = match(commands, first);
  if (command !== undefined) {
    const subsystem = match(subsystems, second);
    if (subsystem === undefined) throw new Mistake(`Unknown subsystem: ${first}`, USAGE);
    return { kind: "run", command, subsystem, parameters, second };
  }
  const subsystem = match(subsystems, first);
  if (subsystem === undefined) throw new Mistake(`Unknown subsystem: ${first}`, USAGE);
  const other = match(commands, second);
  if (other === undefined) throw new Mistake(`Unknown command: ${first}`, USAGE);
  return { kind: "run", command: other, subsystem, parameters, second };
}
