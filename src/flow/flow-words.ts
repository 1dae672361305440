/**
 * The words that the text and the XML of a flow share: protocol and state names, counters, strings
 * that a stranger chose, and the age of a flow.
 */
import {
  type FlowRegister,
  Has0,
  Has1,
  IPPROTO_DCCP,
  IPPROTO_SCTP,
  IPPROTO_TCP,
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

/** A 64-bit value in decimal, exact over its whole range. */
export function decimal64(words: Uint32Array, low: number): string {
  const high = words[low + 1]!;
  if (high === 0) return `${words[low]!}`;
  if (high < MAX_EXACT_HIGH) return `${high * 0x100000000 + words[low]!}`;
  return `${bigint64(words, low)}`;
}

/**
 * Whole seconds from the start of a flow to its stop, or to `now` (milliseconds since the Unix
 * epoch) while it lives. Never negative: clocks are set back.
 */
export function deltaSeconds(register: FlowRegister, now: number): bigint {
  const start = bigint64(register.words, W.startLow);
  const stop = register.has1(Has1.stop)
    ? bigint64(register.words, W.stopLow)
    : BigInt(Math.floor(now)) * 1_000_000n;
  return stop > start ? (stop - start) / NANOSECONDS : 0n;
}

/**
 * A string of the register. A helper name may come from a peer: whatever is not printable ASCII
 * becomes `?`, so that nobody writes a second line or a terminal sequence into our output.
 */
export function printableText(register: Register, word: number, length: number): string {
  let text = "";
  for (let i = 0; i < length; i++) {
    const byte = register.bytes[word * 4 + i]!;
    text += byte >= 0x20 && byte <= 0x7e ? String.fromCharCode(byte) : "?";
  }
  return text;
}

function bigint64(words: Uint32Array, low: number): bigint {
  return (BigInt(words[low + 1]!) << 32n) | BigInt(words[low]!);
}
