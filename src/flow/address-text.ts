/**
 * Addresses as text: raw network-order bytes to dotted IPv4 and to canonical compressed IPv6.
 *
 * It only prints; reading addresses belongs to the configuration. IPv6 text follows RFC 5952, with
 * the one habit of the C library: an IPv4-mapped or IPv4-compatible address ends in dotted form.
 */
import type { LineWriter } from "../kit/line-writer.ts";
import { AF_INET, AF_INET6 } from "./register.ts";

const GROUPS = 8;

/** Each octet's text with its dot, so that a line of a dump needs no number formatting. */
const DOTTED: readonly string[] = Array.from({ length: 256 }, (_, octet) => `${octet}.`);
const PLAIN: readonly string[] = Array.from({ length: 256 }, (_, octet) => `${octet}`);

/** The address of `family` at byte `at`; nothing for any other family. */
export function writeAddress(w: LineWriter, family: number, bytes: Uint8Array, at: number): void {
  if (family === AF_INET) w.dotted(bytes, at);
  else if (family === AF_INET6) w.text(ipv6Text(bytes, at));
}

/** The same as a string. */
export function addressText(family: number, bytes: Uint8Array, at: number): string {
  if (family === AF_INET) return ipv4Text(bytes, at);
  return family === AF_INET6 ? ipv6Text(bytes, at) : "";
}

/** Four bytes at `at`: `192.0.2.1`. */
export function ipv4Text(bytes: Uint8Array, at: number): string {
  return (
    DOTTED[bytes[at]!]! + DOTTED[bytes[at + 1]!]! + DOTTED[bytes[at + 2]!]! + PLAIN[bytes[at + 3]!]!
  );
}

/** Sixteen bytes at `at`: `2001:db8::1`. */
export function ipv6Text(bytes: Uint8Array, at: number): string {
  const zeros = longestZeroRun(bytes, at);
  const hasIpv4Tail =
    zeros.start === 0 &&
    (zeros.length === 6 || (zeros.length === 5 && group(bytes, at, 5) === 0xffff));
  let text = "";
  for (let i = 0; i < GROUPS; i++) {
    if (i === zeros.start) {
      text += "::";
      i += zeros.length - 1;
      continue;
    }
    if (hasIpv4Tail && i === 6)
      return (text.endsWith(":") ? text : `${text}:`) + ipv4Text(bytes, at + 12);
    if (text !== "" && !text.endsWith(":")) text += ":";
    text += group(bytes, at, i).toString(16);
  }
  return text;
}

function group(bytes: Uint8Array, at: number, index: number): number {
  return (bytes[at + index * 2]! << 8) | bytes[at + index * 2 + 1]!;
}

/** The first longest run of two or more zero groups; `start` is -1 when there is none. */
function longestZeroRun(bytes: Uint8Array, at: number): { start: number; length: number } {
  let start = -1;
  let length = 1; // A single zero group is never compressed.
  let run = 0;
  for (let i = 0; i < GROUPS; i++) {
    run = group(bytes, at, i) === 0 ? run + 1 : 0;
    if (run > length) {
      length = run;
      start = i - run + 1;
    }
  }
  return { start, length: start < 0 ? 0 : length };
}
