/**
 * Values of options: numbers as the C library reads them, lists of keywords, addresses, translations.
 *
 * What is wrong with a value is said in the words of the reference, by throwing.
 *
 * Described in: doc/conntrack.md, "Values".
 */
import { readIpv4, readIpv6 } from "../../flow/address-reading.ts";
import { AF_INET, AF_INET6 } from "../../flow/register.ts";
import { decimalPrefix } from "../../kit/c-number.ts";
import { Failure, usageFailure } from "./failure.ts";

const WORD = 2 ** 32;

/** `atol`, without its detour for up to nine plain digits. */
export function decimal(text: string): number {
  return /^\d{1,9}$/.test(text) ? Number(text) : decimalPrefix(text);
}

/** `strtoul` with base 0: the value, as a 64-bit number, and what follows it. */
export function cNumber(text: string): { value: bigint; rest: string; hasDigits: boolean } {
  const match = /^[\t-\r ]*([+-]?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9]\d*)/.exec(text);
  if (match === null) return { value: 0n, rest: text, hasDigits: false };
  const digits = match[2]!;
  const isOctal = /^0[0-7]+$/.test(digits);
  const value = BigInt(isOctal ? `0o${digits.slice(1)}` : digits);
  const limit = 2n ** 64n - 1n;
  const wrapped = match[1] === "-" ? BigInt.asUintN(64, -value) : value;
  return {
    value: value > limit ? limit : wrapped,
    rest: text.slice(match[0].length),
    hasDigits: true,
  };
}

/** A number up to `max` in C notation, and nothing else. `letter` is what the message names. */
export function boundedNumber(text: string, max: number, letter: string): number {
  const { value, rest, hasDigits } = cNumber(text);
  if (!hasDigits || rest !== "" || value > BigInt(max)) throw unexpected(text, letter);
  return Number(value);
}

/** `V[/M]`. The mask is not checked for its size, as with the reference. */
export function markAndMask(text: string): { mark: number; mask: number } {
  const { value, rest, hasDigits } = cNumber(text);
  const hasMask = rest.startsWith("/");
  if (!hasDigits || (rest !== "" && !hasMask) || value >= BigInt(WORD)) throw unexpected(text, "m");
  if (!hasMask) return { mark: Number(value), mask: 0xffffffff };
  const mask = cNumber(rest.slice(1));
  if (mask.rest !== "") throw unexpected(text, "m");
  return { mark: Number(value), mask: Number(BigInt.asUintN(32, mask.value)) };
}

function unexpected(text: string, letter: string): Failure {
  return new Failure(`unexpected value '${text}' with -${letter} option`);
}

/** Keywords of a list, in the order in which a beginning is matched. */
export type Keywords = readonly (readonly [word: string, bits: number])[];

export interface ListReading {
  set: number;
  /** Bits of the elements with `!`. */
  clear: number;
  readonly warnings: string[];
}

/** Elements that every list knows, and passes over with a warning. */
const TRANSLATION_WORDS = [
  ["SRC_NAT", "WARNING: ignoring SRC_NAT, use --src-nat instead"],
  ["DST_NAT", "WARNING: ignoring DST_NAT, use --dst-nat instead"],
] as const;

export interface ListRules {
  readonly keywords: Keywords;
  /** `!` in front of an element clears its bits. */
  readonly negates?: true;
  /** A word that means the opposite of these bits: `UNREPLIED`. */
  readonly opposite?: readonly [word: string, bits: number];
}

/** Elements between commas: case does not matter, the beginning of a keyword is enough. */
export function keywordList(text: string, rules: ListRules): ListReading {
  const reading: ListReading = { set: 0, clear: 0, warnings: [] };
  let rest = text;
  for (;;) {
    const negated = rules.negates === true && rest.startsWith("!");
    if (negated) rest = rest.slice(1);
    const comma = rest.indexOf(",");
    const element = comma < 0 ? rest : rest.slice(0, comma);
    if (!readElement(element, negated, rules, reading)) {
      throw usageFailure(`Bad parameter \`${rest}'`);
    }
    if (comma < 0) return reading;
    rest = rest.slice(comma + 1);
  }
}

function readElement(
  element: string,
  negated: boolean,
  { keywords, opposite }: ListRules,
  reading: ListReading,
): boolean {
  if (element === "") return false;
  if (opposite !== undefined && !negated && element.startsWith(opposite[0])) {
    reading.clear |= opposite[1];
    return true;
  }
  const upper = element.toUpperCase();
  const ignored = TRANSLATION_WORDS.find(([word]) => word.startsWith(upper));
  if (ignored !== undefined) {
    reading.warnings.push(ignored[1]);
    return true;
  }
  const keyword = keywords.find(([word]) => word.toUpperCase().startsWith(upper));
  if (keyword === undefined) return false;
  if (negated) reading.clear |= keyword[1];
  else reading.set |= keyword[1];
  return true;
}

/** Longest text of an address that is looked at: that of IPv6. */
const ADDRESS_CHARACTERS = 45;

/** An address that was read: its bytes lie in `words`, in network order. */
export class AddressReading {
  readonly words = new Uint32Array(4);
  readonly #bytes = new Uint8Array(this.words.buffer);
  family = 0;
  /** The text behind a slash. */
  length: string | undefined;

  /** @throws Failure where the text is no address */
  read(text: string): void {
    const slash = text.indexOf("/");
    this.length = slash < 0 ? undefined : text.slice(slash + 1);
    const address = (slash < 0 ? text : text.slice(0, slash)).slice(0, ADDRESS_CHARACTERS);
    const ipv4 = readIpv4(address);
    this.words.fill(0);
    if (ipv4 >= 0) {
      this.family = AF_INET;
      this.#bytes[0] = ipv4 >>> 24;
      this.#bytes[1] = ipv4 >>> 16;
      this.#bytes[2] = ipv4 >>> 8;
      this.#bytes[3] = ipv4;
    } else if (readIpv6(address, this.#bytes, 0)) {
      this.family = AF_INET6;
    } else {
      throw usageFailure(`Invalid IP address \`${text}'`);
    }
  }

  /** The number of bits behind the slash; the whole address without one. */
  prefix(): number {
    const bits = this.family === AF_INET ? 32 : 128;
    if (this.length === undefined) return bits;
    const value = this.length === "" ? 0 : Number(this.length);
    const isNumber = /^(?:[\t-\r ]*[+-]?\d+)?$/.test(this.length);
    if (!isNumber || value < 0 || value > bits) throw usageFailure("Invalid netmask");
    return Math.abs(value);
  }
}

/** Write a mask of `bits` bits into four words in network order. */
export function prefixMask(bits: number, out: Uint32Array, at: number): void {
  const bytes = new Uint8Array(16);
  for (let i = 0; i < bits; i++) bytes[i >> 3]! |= 0x80 >> (i & 7);
  out.set(new Uint32Array(bytes.buffer), at);
}

/** `ADDR`, `ADDR:PORT` or `[ADDR6]:PORT`. The port is checked before the address is looked at. */
export function translation(text: string): { address: string; port: number | undefined } {
  const open = text.indexOf("[");
  let address = text;
  let port: string | undefined;
  if (open >= 0) {
    const inner = text.slice(open + 1);
    const close = inner.indexOf("]");
    if (close === 0) throw usageFailure("No IPv6 address specified");
    if (close < 0) throw usageFailure("No closing ']' around IPv6 address");
    const colon = inner.indexOf(":", close);
    if (colon >= 0) {
      address = inner.slice(0, close);
      port = inner.slice(colon + 1);
    }
  } else if (text.indexOf(":") >= 0 && text.indexOf(":") === text.lastIndexOf(":")) {
    const colon = text.indexOf(":");
    address = text.slice(0, colon);
    port = text.slice(colon + 1);
  }
  return { address, port: port === undefined ? undefined : portNumber(port) };
}

function portNumber(text: string): number {
  if (text === "") throw usageFailure("No port specified after `:'");
  if (!/^\d+$/.test(text) || Number(text) > 0xffff) throw usageFailure(`Invalid port \`${text}'`);
  return Number(text);
}
