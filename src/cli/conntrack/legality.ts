/**
 * Whether the options of a command may stand together: the two tables, and what they do not say.
 *
 * The first breach is told, in the words of the reference.
 */
import { type Command, Output } from "./command.ts";
import { usageFailure } from "./failure.ts";
import { COLUMNS, type Column, type Legality, OPTIONS } from "./options.ts";

interface Checked {
  readonly name: string;
  readonly legality: Legality;
}

const bitOf = new Map(OPTIONS.map(({ name }, i) => [name, 1 << i]));

/** The bit of an option in `Command.options`. */
export function optionBit(...names: readonly string[]): number {
  return names.reduce((bits, name) => bits | bitOf.get(name)!, 0);
}

const SRC = optionBit("src");
const DST = optionBit("dst");
const REPLY_SRC = optionBit("reply-src");
const REPLY_DST = optionBit("reply-dst");
const NAT = optionBit("src-nat", "dst-nat");
const ANY_NAT = optionBit("any-nat");
const ZERO = optionBit("zero");
const MASK_SRC = optionBit("mask-src");
const MASK_DST = optionBit("mask-dst");
const NOT_WITH_ZERO = optionBit(
  "src",
  "dst",
  "reply-src",
  "reply-dst",
  "protonum",
  "mark",
  "secmark",
  "status",
  "id",
  "zone",
  "label",
  "orig-zone",
  "reply-zone",
);

/** The column of a command, or undefined where none was given: then every option is illegal. */
function columnOf({ row, isOnExpectations }: Command): Column | undefined {
  return isOnExpectations ? row?.expectColumn : row?.column;
}

/** @throws Failure with the first breach */
export function checkLegality(command: Command): void {
  if ((command.options & ANY_NAT) !== 0 && (command.options & NAT) !== 0) {
    throw usageFailure("cannot specify `--src-nat' or `--dst-nat' with `--any-nat'");
  }
  const name = columnOf(command);
  const column = name === undefined ? -1 : COLUMNS.indexOf(name);
  checkRows(OPTIONS, command.options, column, command.printsAs(Output.json));
  const isCoupled = column >= 0 && OPTIONS[0]!.legality[column] === "c";
  const { protocol } = command;
  if (isCoupled) {
    checkPairs(command.options, [SRC | DST, REPLY_SRC | REPLY_DST], ADDRESS_TEXTS);
  }
  if (protocol === undefined || command.verb === "help") return;
  checkRows(protocol.options, command.protocolOptions, column);
  if (isCoupled && protocol.pairTexts !== undefined) {
    checkPairs(command.protocolOptions, [0b0011, 0b1100], protocol.pairTexts);
  }
}

const ADDRESS_TEXTS = [
  "you have to specify `--src' and `--dst'",
  "you have to specify `--reply-src' and `--reply-dst'",
] as const;

/** Bits of the rows that a column demands, and of those that it forbids. */
interface Rules {
  readonly must: number;
  readonly illegal: number;
  readonly onlyWithJson: number;
}

const rulesCache = new Map<readonly Checked[], Rules[]>();

/** Made once for each table: a batch is checked line by line. */
function rulesOf(rows: readonly Checked[], column: number): Rules {
  let all = rulesCache.get(rows);
  if (all === undefined) {
    const bits = (sign: string, at: number) =>
      rows.reduce((set, { legality }, i) => (legality[at] === sign ? set | (1 << i) : set), 0);
    all = COLUMNS.map((_, at) => ({
      must: bits("M", at),
      illegal: bits(".", at),
      onlyWithJson: bits("j", at),
    }));
    rulesCache.set(rows, all);
  }
  return all[column]!;
}

/** `column` -1: nothing is legal. */
function checkRows(rows: readonly Checked[], given: number, column: number, isJson = false): void {
  if (column >= 0) {
    const { must, illegal, onlyWithJson } = rulesOf(rows, column);
    const forbidden = isJson ? illegal : illegal | onlyWithJson;
    if ((given & must) === must && (given & forbidden) === 0) return;
  }
  for (let i = 0; i < rows.length; i++) {
    const { name, legality } = rows[i]!;
    const isGiven = (given & (1 << i)) !== 0;
    const rule = column < 0 ? "." : legality[column];
    if (rule === "M" && !isGiven) {
      throw usageFailure(`You need to supply the \`--${name}' option for this command`);
    }
    if (isGiven && (rule === "." || (rule === "j" && !isJson))) {
      throw usageFailure(`Illegal option \`--${name}' with this command`);
    }
  }
}

/** One pair must be complete. */
function checkPairs(
  given: number,
  [original, reply]: readonly [number, number],
  texts: readonly [string, string],
): void {
  if ((given & original) === original || (given & reply) === reply) return;
  const onlyReply = (given & reply) !== 0 && (given & original) === 0;
  throw usageFailure(texts[onlyReply ? 1 : 0]);
}

/** What is looked at only when flows are selected: list, update, delete, events. */
export function checkSelection({ verb, options }: Command): void {
  if (verb === "list" && (options & ZERO) !== 0 && (options & NOT_WITH_ZERO) !== 0) {
    throw usageFailure("Can't use -z with filtering parameters");
  }
  if ((options & MASK_SRC) !== 0 && (options & SRC) === 0) {
    throw usageFailure("Can't use --mask-src without --src");
  }
  if ((options & MASK_DST) !== 0 && (options & DST) === 0) {
    throw usageFailure("Can't use --mask-dst without --dst");
  }
}
