/** The names on a command line, short and long, and what each of them means. */
import { optionBit } from "./legality.ts";
import { type OptionSetter, PLACES, SETTERS, setColor } from "./option-setters.ts";
import { COLOR, COMMANDS, type CommandRow, NAT_RANGE, OPTIONS } from "./options.ts";
import type { Place } from "./plain-value.ts";
import type { ProtocolOptionRow } from "./protocols.ts";
import type { Name, Names } from "./scanner.ts";

/** What was found on the command line. */
export type What =
  | { readonly kind: "command"; readonly row: CommandRow }
  | {
      readonly kind: "option";
      readonly bit: number;
      readonly set: OptionSetter;
      readonly place: Place | undefined;
    }
  | { readonly kind: "protocol option"; readonly bit: number; readonly row: ProtocolOptionRow };

const OPTIONAL_VALUES = optionBit(
  ...OPTIONS.filter(({ argument }) => argument === "optional").map(({ name }) => name),
);

/** Whether a word that follows may be its value, and need not. */
export function isOptional(what: What & { kind: "option" }): boolean {
  return (what.bit & OPTIONAL_VALUES) !== 0;
}

/** The names of commands and options, and those that `-p` has brought. */
export class OptionNames implements Names<What> {
  /** By letter and by long name; the letters are one character, the names are more. */
  static readonly #fixed = fixedNames();
  /** One map for each protocol that was named, the last one first. */
  #learned: ReadonlyMap<string, Name<What>>[] = [];

  short(letter: string): Name<What> | undefined {
    return OptionNames.#fixed.letters.get(letter);
  }

  long(name: string): Name<What> | undefined {
    for (const names of this.#learned) {
      const found = names.get(name);
      if (found !== undefined) return found;
    }
    return OptionNames.#fixed.longs.get(name) ?? OptionNames.#fixed.whole.get(name);
  }

  *longs(): Iterable<Name<What>> {
    yield* OptionNames.#fixed.longs.values();
    for (const names of this.#learned) yield* names.values();
  }

  learn(rows: readonly ProtocolOptionRow[]): void {
    this.#learned.unshift(protocolNames(rows));
  }

  /** How often a protocol was named whose options are ours. */
  get learnedTimes(): number {
    return this.#learned.length;
  }

  forget(): void {
    if (this.#learned.length > 0) this.#learned = [];
  }
}

interface FixedNames {
  readonly letters: Map<string, Name<What>>;
  readonly longs: Map<string, Name<What>>;
  /** Long names that may not be cut short. */
  readonly whole: ReadonlyMap<string, Name<What>>;
}

function fixedNames(): FixedNames {
  const letters = new Map<string, Name<What>>();
  const longs = new Map<string, Name<What>>();
  for (const row of COMMANDS) {
    const what: What = { kind: "command", row };
    const shortArgument = row.shortTakesAttachedTable === true ? "optional" : "none";
    letters.set(row.short, { name: row.short, argument: shortArgument, what });
    const argument = row.takesAttachedTable ? "optional" : "none";
    longs.set(row.long, { name: row.long, argument, what });
  }
  for (const row of [...OPTIONS, NAT_RANGE]) {
    const bit = row === NAT_RANGE ? 0 : optionBit(row.name);
    const what: What = { kind: "option", bit, set: SETTERS[row.name]!, place: PLACES[row.name] };
    letters.set(row.short, { name: row.short, argument: row.argument, what });
    for (const name of [row.name, ...row.aliases]) {
      longs.set(name, { name, argument: row.argument, what });
    }
  }
  const color: What = { kind: "option", bit: 0, set: setColor, place: undefined };
  const whole = new Map([
    [COLOR.name, { name: COLOR.name, argument: COLOR.argument, what: color }],
  ]);
  return { letters, longs, whole };
}

type LearnedNames = ReadonlyMap<string, Name<What>>;
const protocolNameCache = new Map<readonly ProtocolOptionRow[], LearnedNames>();

/** Made once for each protocol: a batch names them on every line. */
function protocolNames(rows: readonly ProtocolOptionRow[]): LearnedNames {
  const known = protocolNameCache.get(rows);
  if (known !== undefined) return known;
  const names = new Map<string, Name<What>>();
  rows.forEach((row, i) => {
    const what: What = { kind: "protocol option", bit: 1 << i, row };
    for (const name of [row.name, ...row.aliases]) {
      names.set(name, { name, argument: "required", what });
    }
  });
  protocolNameCache.set(rows, names);
  return names;
}
