/**
 * The words that the text and the XML of a flow share: protocol and state names, counters, strings
 * that a stranger chose, and the age of a flow.
 */
import type { LineWriter } from "../kit/line-writer.ts";
import type { LabelMap } from "./label-map.ts";
import {
  AF_INET,
  AF_INET6,
  type FlowRegister,
  Has0,
  Has1,
  IPPROTO_DCCP,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  LABEL_MAX_WORDS,
  type Register,
  W,
} from "./register.ts";

const PROTOCOL_NAMES: Readonly<Record<number, string>> = {
  1: "icmp",
  6: "tcp",
  17: "udp",
  33: "dccp",
  47: "gre",
  58: "icmpv6",
  132: "sctp",
  136: "udplite",
};

/** Kernel states, numbered from 0. */
export const TCP_STATES: readonly string[] =
  "NONE SYN_SENT SYN_RECV ESTABLISHED FIN_WAIT CLOSE_WAIT LAST_ACK TIME_WAIT CLOSE SYN_SENT2".split(
    " ",
  );
export const SCTP_STATES: readonly string[] =
  "NONE CLOSED COOKIE_WAIT COOKIE_ECHOED ESTABLISHED SHUTDOWN_SENT SHUTDOWN_RECD SHUTDOWN_ACK_SENT HEARTBEAT_SENT HEARTBEAT_ACKED".split(
    " ",
  );
export const DCCP_STATES: readonly string[] =
  "NONE REQUEST RESPOND PARTOPEN OPEN CLOSEREQ CLOSING TIMEWAIT IGNORE INVALID".split(" ");

const NANOSECONDS = 1_000_000_000n;
const MAX_EXACT_HIGH = 0x200000;

export function protocolName(protocol: number): string {
  return PROTOCOL_NAMES[protocol] ?? "unknown";
}

/** The number of the state that belongs to the flow's protocol; -1 when it is not known. */
export function protocolState(words: Uint32Array): number {
  const has = words[W.has0]!;
  switch (words[W.protocol]) {
    case IPPROTO_TCP:
      return (has & Has0.tcpState) === 0 ? -1 : words[W.tcpState]!;
    case IPPROTO_SCTP:
      return (has & Has0.sctpState) === 0 ? -1 : words[W.sctpState]!;
    case IPPROTO_DCCP:
      return (has & Has0.dccpState) === 0 ? -1 : words[W.dccpState]!;
    default:
      return -1;
  }
}

/** A name, or `NONE` for a number that a newer kernel may have and we do not. */
export function stateName(names: readonly string[], state: number): string {
  return names[state] ?? "NONE";
}

export function familyName(family: number): string {
  if (family === AF_INET) return "ipv4";
  return family === AF_INET6 ? "ipv6" : "unknown";
}

/** A 64-bit value in decimal, exact over its whole range. */
export function writeDecimal64(w: LineWriter, words: Uint32Array, low: number): void {
  const high = words[low + 1]!;
  if (high === 0) w.decimal(words[low]!);
  else w.text(decimal64(words, low));
}

/** The same as a string. */
export function decimal64(words: Uint32Array, low: number): string {
  const high = words[low + 1]!;
  if (high < MAX_EXACT_HIGH) return `${high * 0x100000000 + words[low]!}`;
  return `${bigint64(words, low)}`;
}

/** Nanoseconds as seconds with nine decimals, exact. */
export function nanosecondsText(words: Uint32Array, low: number): string {
  const digits = decimal64(words, low).padStart(10, "0");
  return `${digits.slice(0, -9)}.${digits.slice(-9)}`;
}

/** Nanoseconds as whole seconds. */
export function wholeSeconds(words: Uint32Array, low: number): number {
  return Number(bigint64(words, low) / NANOSECONDS);
}

/**
 * Whole seconds from the second of a flow's start to that of its stop, or to that of `now`
 * (milliseconds since the Unix epoch) while it lives. Never negative: clocks are set back.
 */
export function writeAge(w: LineWriter, register: FlowRegister, now: number): void {
  const { words } = register;
  const stop = register.has1(Has1.stop) ? wholeSeconds(words, W.stopLow) : Math.floor(now / 1000);
  w.text(`${Math.max(0, stop - wholeSeconds(words, W.startLow))}`);
}

/** XML counts the whole seconds between start and stop instead. */
export function writeExactAge(w: LineWriter, register: FlowRegister, now: number): void {
  const { words } = register;
  if (register.has1(Has1.stop)) {
    const age = bigint64(words, W.stopLow) - bigint64(words, W.startLow);
    w.text(`${age > 0n ? age / NANOSECONDS : 0n}`);
  } else {
    writeAge(w, register, now);
  }
}

/**
 * A string of the register. A helper name may come from a peer: whatever is not printable ASCII
 * becomes `?`, so that nobody writes a second line or a terminal sequence into our output.
 */
export function writePrintable(
  w: LineWriter,
  register: Register,
  word: number,
  length: number,
): void {
  w.text(printableText(register, word, length));
}

/** The same as a string. */
export function printableText(register: Register, word: number, length: number): string {
  let text = "";
  for (let i = 0; i < length; i++) {
    const byte = register.bytes[word * 4 + i]!;
    text += byte >= 0x20 && byte <= 0x7e ? String.fromCharCode(byte) : "?";
  }
  return text;
}

/** The names of the labels that are set, by bit; those without a name are left out. */
export function labelNames(words: Uint32Array, names: LabelMap): string[] {
  const found: string[] = [];
  const count = Math.min(words[W.labelWords]!, LABEL_MAX_WORDS) * 32;
  for (let bit = 0; bit < count; bit++) {
    if ((words[W.labels + (bit >> 5)]! & (1 << (bit & 31))) === 0) continue;
    const name = names.name(bit);
    if (name !== undefined) found.push(name);
  }
  return found;
}

function bigint64(words: Uint32Array, low: number): bigint {
  return (BigInt(words[low + 1]!) << 32n) | BigInt(words[low]!);
}
