/**
 * Words of a command line into a command: every option in turn, from left to right, then the checks
 * of the whole. What cannot be is thrown as a Failure, the first mistake alone.
 *
 * Described in: doc/conntrack.md, "Command line".
 */
import { AF_INET, W } from "../../flow/register.ts";
import { Given } from "../../flow/template.ts";
import { Command } from "./command.ts";
import { unsupportedProtocol, usageFailure } from "./failure.ts";
import { isOptional, OptionNames } from "./option-names.ts";
import type { OptionReader } from "./option-setters.ts";
import type { CommandRow, Table } from "./options.ts";
import type { Place, PlacedWord } from "./plain-value.ts";
import { finishProtocol, PROTOCOLS } from "./protocols.ts";
import { type Complaints, Scanner } from "./scanner.ts";
import { AddressReading } from "./values.ts";

/** Names of protocols that the system knows besides ours: `esp`, `ospf`. */
export type ProtocolLookup = (name: string) => number | undefined;

export interface ReaderOptions {
  /** A line for standard error that does not end the program. */
  readonly warn: (line: string) => void;
  readonly protocolNumber: ProtocolLookup;
}

export class CommandReader implements OptionReader {
  readonly #command = new Command();
  readonly #options: ReaderOptions;
  readonly #address = new AddressReading();
  readonly #names = new OptionNames();
  #placed: PlacedWord[] = [];
  /** Over a whole batch, the map of the labels is named once. */
  #hasLabelMap = false;

  constructor(options: ReaderOptions) {
    this.#options = options;
  }

  /** The command that is being read, or was. */
  get command(): Command {
    return this.#command;
  }

  /**
   * Words of the last command that were values, each alone in its place: others may be put there. Undefined where one of
   * them could be overruled by another.
   */
  get placed(): readonly PlacedWord[] | undefined {
    const places = new Set(this.#placed.map(({ place }) => place.at));
    const isClear = places.size === this.#placed.length && this.#names.learnedTimes <= 1;
    return isClear ? this.#placed : undefined;
  }

  /** `words[0]` is the name of the program. The command is valid until the next. @throws Failure */
  read(words: string[]): Command {
    const { command } = this;
    this.#names.forget();
    this.#placed = [];
    command.nextLine();
    const scanner = new Scanner(words, this.#names, COMPLAINTS);
    for (let found = scanner.next(); found !== undefined; found = scanner.next()) {
      const { what } = found;
      switch (what.kind) {
        case "command":
          this.#setCommand(what.row, found.value ?? scanner.optionalWord());
          break;
        case "option":
          what.set(this, found.value ?? (isOptional(what) ? scanner.optionalWord() : undefined));
          command.options |= what.bit;
          this.#place(what.place, found.valueWord);
          break;
        case "protocol option":
          what.row.set(command, found.value!);
          command.protocolOptions |= what.bit;
          this.#place(what.row.place, found.valueWord);
          break;
      }
    }
    this.#finish();
    return command;
  }

  #place(place: Place | undefined, word: number): void {
    if (place !== undefined) this.#placed.push({ place, word });
  }

  #finish(): void {
    const { command } = this;
    if (command.family === 0 && !staysOpen(command)) command.family = AF_INET;
    command.template.flow.words[W.family] = command.family;
    finishProtocol(command);
  }

  #setCommand(row: CommandRow, word: string | undefined): void {
    const { command } = this;
    if (word !== undefined) command.table = tableFor(row, word);
    if (command.row !== undefined) throw usageFailure("Invalid commands combination");
    command.row = row;
  }

  warn(line: string): void {
    this.#options.warn(line);
  }

  /** Read an address and see that its family is that of all others. */
  address(text: string): AddressReading {
    const reading = this.#address;
    reading.read(text);
    this.setFamily(reading.family);
    return reading;
  }

  setFamily(family: number): void {
    const { command } = this;
    if (command.family !== 0 && command.family !== family) {
      throw usageFailure("mismatched address family");
    }
    command.family = family;
  }

  setProtocol(text: string): void {
    const { command } = this;
    const lower = text.toLowerCase();
    let row = PROTOCOLS.find(({ name }) => name === lower);
    let number = row?.number;
    if (number === undefined) number = this.#options.protocolNumber(text);
    if (number === undefined) {
      const isNumber = /^[\t-\r ]*\+?(?:0[xX][0-9a-fA-F]+|0[0-7]*|[1-9]\d*)$/.test(text);
      if (!isNumber) throw unsupportedProtocol(text);
      number = cDecimal(text);
      if (number > 255) throw unsupportedProtocol(text);
      row = PROTOCOLS.find((each) => each.number === number);
    }
    command.protocol = row;
    if (row !== undefined) this.#names.learn(row.options);
    command.template.flow.words[W.protocol] = number;
    command.template.given |= Given.origProtocol;
  }

  setLabelMap(file: string): void {
    if (this.#hasLabelMap) {
      throw usageFailure("option `--labelmap' can only be specified once");
    }
    this.#hasLabelMap = true;
    this.command.labelMapFile = file;
  }
}

function cDecimal(text: string): number {
  const digits = text.trim().replace("+", "");
  return /^0[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number(digits);
}

/** Commands that concern flows of every family until one is said. */
function staysOpen({ verb, table }: Command): boolean {
  if (table === "expect") return false;
  return verb !== undefined && OPEN_VERBS.has(verb);
}

const OPEN_VERBS: ReadonlySet<string> = new Set([
  "list",
  "update",
  "delete",
  "get",
  "flush",
  "events",
]);

const TABLES: readonly Table[] = ["expect", "conntrack", "dying", "unconfirmed"];

function tableFor({ verb, long, expectColumn }: CommandRow, word: string): Table {
  const table = TABLES.find((each) => each.startsWith(word));
  if (table === undefined) throw usageFailure(`unknown type \`${word}'`);
  if (verb !== "list" && (table === "dying" || table === "unconfirmed")) {
    throw usageFailure("Can't do that command with tables `dying' and `unconfirmed'");
  }
  if (table === "expect" && expectColumn === undefined) {
    throw usageFailure(`Can't do --${long} on expectations`);
  }
  return table;
}

const COMPLAINTS: Complaints = {
  missing: (word) => usageFailure(`option \`${word}' requires an argument`),
  unknown: (word) => usageFailure(`unknown option \`${word}'`),
};
