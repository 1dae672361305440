/**
 * Words of a command line into a command: every option in turn, from left to right, then the checks
 * of the whole. What cannot be is thrown as a Failure, the first mistake alone.
 *
 * Described in: doc/conntrack.md, "Command line".
 */
import { AF_INET, AF_INET6, Has0, Has1, Status, W } from "../../flow/register.ts";
import { Given, Nat } from "../../flow/template.ts";
import { ALL_EVENTS, COLOR_WORDS, Command, Output, type TupleValues } from "./command.ts";
import { EXIT_FAILURE, Failure, usageFailure } from "./failure.ts";
import { optionBit } from "./legality.ts";
import { COLOR, COMMANDS, type CommandRow, NAT_RANGE, OPTIONS, type Table } from "./options.ts";
import type { Place, PlacedWord } from "./plain-value.ts";
import { finishProtocol, PROTOCOLS, type ProtocolOptionRow } from "./protocols.ts";
import { type Complaints, type Name, type Names, Scanner } from "./scanner.ts";
import {
  AddressReading,
  boundedNumber,
  decimal,
  keywordList,
  type ListRules,
  markAndMask,
  prefixMask,
  translation,
} from "./values.ts";

/** What was found on the command line. */
type What =
  | { readonly kind: "command"; readonly row: CommandRow }
  | {
      readonly kind: "option";
      readonly bit: number;
      readonly set: OptionSetter;
      readonly place: Place | undefined;
    }
  | { readonly kind: "protocol option"; readonly bit: number; readonly row: ProtocolOptionRow };

type OptionSetter = (reader: CommandReader, value: string | undefined) => void;

/** Names of protocols that the system knows besides ours: `esp`, `ospf`. */
export type ProtocolLookup = (name: string) => number | undefined;

export interface ReaderOptions {
  /** A line for standard error that does not end the program. */
  readonly warn: (line: string) => void;
  readonly protocolNumber: ProtocolLookup;
}

export class CommandReader {
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
      if (!isNumber) throw unsupported(text);
      number = cDecimal(text);
      if (number > 255) throw unsupported(text);
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

function isOptional(what: What & { kind: "option" }): boolean {
  return (what.bit & OPTIONAL_VALUES) !== 0;
}

function cDecimal(text: string): number {
  const digits = text.trim().replace("+", "");
  return /^0[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number(digits);
}

function unsupported(text: string): Failure {
  return usageFailure(`\`${text}' unsupported protocol`);
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

const STATUS_RULES: ListRules = {
  keywords: [
    ["ASSURED", Status.ASSURED],
    ["SEEN_REPLY", Status.SEEN_REPLY],
    ["UNSET", 0],
    ["FIXED_TIMEOUT", Status.FIXED_TIMEOUT],
    ["EXPECTED", Status.EXPECTED],
    ["OFFLOAD", Status.OFFLOAD],
    ["HW_OFFLOAD", Status.HW_OFFLOAD],
  ],
  negates: true,
  opposite: ["UNREPLIED", Status.SEEN_REPLY],
};

const EVENT_RULES: ListRules = {
  keywords: [
    ["ALL", ALL_EVENTS],
    ["NEW", 1],
    ["UPDATES", 2],
    ["DESTROY", 4],
  ],
};

const OUTPUT_RULES: ListRules = {
  keywords: [
    ["xml", Output.xml],
    ["extended", Output.extended],
    ["timestamp", Output.timestamp],
    ["id", Output.id],
    ["ktimestamp", Output.ktimestamp],
    ["labels", Output.labels],
    ["userspace", Output.userspace],
    ["save", Output.save],
    ["json", Output.json],
  ],
};

const NOT_WITH_SAVE =
  Output.xml |
  Output.extended |
  Output.timestamp |
  Output.id |
  Output.ktimestamp |
  Output.labels |
  Output.json;

function setStatus(reader: CommandReader, value: string): void {
  const { template } = reader.command;
  const { words } = template.flow;
  const { set, clear, warnings } = keywordList(value, STATUS_RULES);
  for (const line of warnings) reader.warn(line);
  words[W.status]! |= set;
  words[W.has0]! |= Has0.status;
  template.statusClear |= clear;
}

function setEvents(reader: CommandReader, value: string): void {
  const { set, warnings } = keywordList(value, EVENT_RULES);
  for (const line of warnings) reader.warn(line);
  reader.command.events |= set;
}

function setOutput(reader: CommandReader, value: string): void {
  const { command } = reader;
  const { set, warnings } = keywordList(value, OUTPUT_RULES);
  for (const line of warnings) reader.warn(line);
  command.output |= set;
  if (command.printsAs(Output.save) && command.printsAs(NOT_WITH_SAVE)) {
    const only = "cannot combine save output with any other output type, use -o save only";
    throw new Failure(only, EXIT_FAILURE);
  }
  if (command.printsAs(Output.json) && command.printsAs(Output.xml)) {
    throw new Failure("cannot combine json output with xml", EXIT_FAILURE);
  }
}

function setColor({ command }: CommandReader, value = "auto"): void {
  const word = COLOR_WORDS.find((each) => each === value);
  if (word === undefined) throw usageFailure(`\`${value}' is no colour: auto, always or never`);
  command.color = word;
}

function setFamily(reader: CommandReader, value: string): void {
  if (value.startsWith("ipv4")) reader.setFamily(AF_INET);
  else if (value.startsWith("ipv6")) reader.setFamily(AF_INET6);
  else throw unsupported(value);
}

/** A part of the tuples of the flow. A network needs its mask, whose option then counts as given. */
function tupleAddress(at: number, given: number, name: string, network?: Network): OptionSetter {
  return (reader, value) => {
    const { command } = reader;
    const { template } = command;
    const address = reader.address(value!);
    if (network === undefined) refuseNetwork(address, name);
    template.flow.words.set(address.words, at);
    template.given |= given;
    const bits = network === undefined ? 128 : address.prefix();
    if (network === undefined || bits >= (address.family === AF_INET ? 32 : 128)) return;
    prefixMask(bits, template.masks, network.maskAt);
    template.given |= network.given;
    command.options |= network.bit;
  };
}

interface Network {
  readonly maskAt: 0 | 4;
  readonly given: number;
  readonly bit: number;
}

function refuseNetwork({ length }: AddressReading, name: string): void {
  if (length !== undefined) throw usageFailure(`CIDR notation unavailable for \`--${name}'`);
}

const SOURCE_NETWORK: Network = {
  maskAt: 0,
  given: Given.srcMask,
  bit: optionBit("mask-src"),
};
const DESTINATION_NETWORK: Network = {
  maskAt: 4,
  given: Given.dstMask,
  bit: optionBit("mask-dst"),
};

function maskAddress(name: string, { maskAt, given }: Network): OptionSetter {
  return (reader, value) => {
    const address = reader.address(value!);
    refuseNetwork(address, name);
    reader.command.template.masks.set(address.words, maskAt);
    reader.command.template.given |= given;
  };
}

/** The expected tuple; a network sets the mask of the flows, as the reference does. */
function expectedAddress(at: 0 | 4, { maskAt, given, bit }: Network): OptionSetter {
  return (reader, value) => {
    const { command } = reader;
    const address = reader.address(value!);
    const bits = address.prefix();
    const { addresses }: TupleValues = command.expected;
    addresses.set(address.words, at);
    if (bits >= (address.family === AF_INET ? 32 : 128)) return;
    prefixMask(bits, command.template.masks, maskAt);
    command.template.given |= given;
    command.options |= bit;
  };
}

function natOption(name: string, nat: Nat): OptionSetter {
  return (reader, value) => {
    const { template } = reader.command;
    template.nat = joinNat(template.nat, nat);
    if (value === undefined) return;
    const { address, port } = translation(value);
    const reading = reader.address(address);
    refuseNetwork(reading, name);
    const { words } = template.flow;
    if (nat !== Nat.destination) {
      words.set(reading.words, W.snat);
      words[W.has0]! |= Has0.snat;
      if (port !== undefined) {
        words[W.snatPort] = port;
        words[W.has0]! |= Has0.snatPort;
      }
    }
    if (nat !== Nat.source) {
      words.set(reading.words, W.dnat);
      words[W.has0]! |= Has0.dnat;
      if (port !== undefined) {
        words[W.dnatPort] = port;
        words[W.has0]! |= Has0.dnatPort;
      }
    }
  };
}

function joinNat(before: Nat, now: Nat): Nat {
  if (before === Nat.none || before === now) return now;
  return before === Nat.any || now === Nat.any ? Nat.any : Nat.both;
}

function zoneOption(at: number, has0: number, letter: string): OptionSetter {
  return ({ command }, value) => {
    const { words } = command.template.flow;
    words[at] = boundedNumber(value!, 0xffff, letter);
    words[W.has0]! |= has0;
  };
}

function labelOption(
  to: "labels" | "labelsToAdd" | "labelsToClear",
  without?: number,
): OptionSetter {
  return ({ command }, value) => {
    if (without !== undefined && (command.options & without) !== 0) {
      throw new Failure("cannot use --label-add and --label-del at the same time");
    }
    if (value !== undefined) command[to].push(...value.split(","));
  };
}

const LABEL_ADD = optionBit("label-add");
const LABEL_DEL = optionBit("label-del");

const SETTERS: Readonly<Record<string, OptionSetter>> = {
  src: tupleAddress(W.origSrc, Given.origSrc, "src", SOURCE_NETWORK),
  dst: tupleAddress(W.origDst, Given.origDst, "dst", DESTINATION_NETWORK),
  "reply-src": tupleAddress(W.replySrc, Given.replySrc, "reply-src"),
  "reply-dst": tupleAddress(W.replyDst, Given.replyDst, "reply-dst"),
  protonum: (reader, value) => reader.setProtocol(value!),
  timeout({ command }, value) {
    const { words } = command.template.flow;
    words[W.timeout] = decimal(value!);
    words[W.has0]! |= Has0.timeout;
  },
  status: (reader, value) => setStatus(reader, value!),
  zero: () => undefined,
  "event-mask": (reader, value) => setEvents(reader, value!),
  "tuple-src": expectedAddress(0, SOURCE_NETWORK),
  "tuple-dst": expectedAddress(4, DESTINATION_NETWORK),
  "mask-src": maskAddress("mask-src", SOURCE_NETWORK),
  "mask-dst": maskAddress("mask-dst", DESTINATION_NETWORK),
  mark({ command }, value) {
    const { template } = command;
    const { mark, mask } = markAndMask(value!);
    template.flow.words[W.mark] = mark;
    template.flow.words[W.has0]! |= Has0.mark;
    template.markMask = mask;
  },
  id({ command }, value) {
    const { words } = command.template.flow;
    words[W.id] = boundedNumber(value!, 0xffffffff, "i");
    words[W.has1]! |= Has1.id;
  },
  family: (reader, value) => setFamily(reader, value!),
  "src-nat": natOption("src-nat", Nat.source),
  "dst-nat": natOption("dst-nat", Nat.destination),
  output: (reader, value) => setOutput(reader, value!),
  secmark: (_reader, value) => void boundedNumber(value!, 0xffffffff, "c"),
  "buffer-size": ({ command }, value) => {
    command.bufferBytes = decimal(value!);
  },
  "any-nat": natOption("any-nat", Nat.any),
  zone: zoneOption(W.zone, Has0.zone, "w"),
  label: labelOption("labels"),
  "label-add": labelOption("labelsToAdd", LABEL_DEL),
  "label-del": labelOption("labelsToClear", LABEL_ADD),
  "orig-zone": zoneOption(W.zoneOrig, Has0.zoneOrig, "("),
  "reply-zone": zoneOption(W.zoneReply, Has0.zoneReply, ")"),
  labelmap: (reader, value) => reader.setLabelMap(value!),
};

/** Where plain values of the options go that have a place of their own. */
const PLACES: Readonly<Record<string, Place>> = {
  src: { at: W.origSrc, kind: "address" },
  dst: { at: W.origDst, kind: "address" },
  "reply-src": { at: W.replySrc, kind: "address" },
  "reply-dst": { at: W.replyDst, kind: "address" },
  timeout: { at: W.timeout, kind: "number" },
};

const OPTIONAL_VALUES = optionBit(
  ...OPTIONS.filter(({ argument }) => argument === "optional").map(({ name }) => name),
);

/** The names of commands and options, and those that `-p` has brought. */
class OptionNames implements Names<What> {
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
    const set = SETTERS[row.name] ?? ((reader: CommandReader) => reader.warn(NAT_RANGE_WARNING));
    const bit = row === NAT_RANGE ? 0 : optionBit(row.name);
    const what: What = { kind: "option", bit, set, place: PLACES[row.name] };
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

const NAT_RANGE_WARNING = "WARNING: ignoring -a, deprecated option.";

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
