/**
 * What each option does to the command that is being read.
 *
 * Described in: doc/conntrack.md, "Command line".
 */
import { AF_INET, AF_INET6, Has0, Has1, Status, W } from "../../flow/register.ts";
import { Given, Nat } from "../../flow/template.ts";
import { ALL_EVENTS, COLOR_WORDS, type Command, Output, type TupleValues } from "./command.ts";
import { EXIT_FAILURE, Failure, unsupportedProtocol, usageFailure } from "./failure.ts";
import { optionBit } from "./legality.ts";
import { NAT_RANGE } from "./options.ts";
import type { Place } from "./plain-value.ts";
import {
  type AddressReading,
  boundedNumber,
  decimal,
  keywordList,
  type ListRules,
  markAndMask,
  prefixMask,
  translation,
} from "./values.ts";

/** Who reads the words: what an option may ask of it. */
export interface OptionReader {
  readonly command: Command;
  /** A line for standard error that does not end the program. */
  warn(line: string): void;
  /** An address of the family of all others. */
  address(text: string): AddressReading;
  setFamily(family: number): void;
  setProtocol(text: string): void;
  setLabelMap(file: string): void;
}

export type OptionSetter = (reader: OptionReader, value: string | undefined) => void;

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

function setStatus(reader: OptionReader, value: string): void {
  const { template } = reader.command;
  const { words } = template.flow;
  const { set, clear, warnings } = keywordList(value, STATUS_RULES);
  for (const line of warnings) reader.warn(line);
  words[W.status]! |= set;
  words[W.has0]! |= Has0.status;
  template.statusClear |= clear;
}

function setEvents(reader: OptionReader, value: string): void {
  const { set, warnings } = keywordList(value, EVENT_RULES);
  for (const line of warnings) reader.warn(line);
  reader.command.events |= set;
}

function setOutput(reader: OptionReader, value: string): void {
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

export function setColor({ command }: OptionReader, value = "auto"): void {
  const word = COLOR_WORDS.find((each) => each === value);
  if (word === undefined) throw usageFailure(`\`${value}' is no colour: auto, always or never`);
  command.color = word;
}

function setFamily(reader: OptionReader, value: string): void {
  if (value.startsWith("ipv4")) reader.setFamily(AF_INET);
  else if (value.startsWith("ipv6")) reader.setFamily(AF_INET6);
  else throw unsupportedProtocol(value);
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

const NAT_RANGE_WARNING = "WARNING: ignoring -a, deprecated option.";

/** By long name. */
export const SETTERS: Readonly<Record<string, OptionSetter>> = {
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
  [NAT_RANGE.name]: (reader) => reader.warn(NAT_RANGE_WARNING),
};

/** Where plain values of the options go that have a place of their own. */
export const PLACES: Readonly<Record<string, Place>> = {
  src: { at: W.origSrc, kind: "address" },
  dst: { at: W.origDst, kind: "address" },
  "reply-src": { at: W.replySrc, kind: "address" },
  "reply-dst": { at: W.replyDst, kind: "address" },
  timeout: { at: W.timeout, kind: "number" },
};
