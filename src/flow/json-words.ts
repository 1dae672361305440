/**
 * The words that the JSON of a flow and of an expectation share: tuples, strings that a stranger
 * chose, and who caused an event.
 *
 * Whatever is written is ASCII, so that every line is JSON whatever a name holds.
 *
 * Described in: doc/json.md.
 */
import type { LineWriter } from "../kit/line-writer.ts";
import { writeAddress } from "./address-text.ts";
import { familyName, printableText, protocolName } from "./flow-words.ts";
import { hasPorts, IPPROTO_GRE, isIcmp, type Register } from "./register.ts";

/** Who asked the kernel for what an event tells: a netlink port, and its program where it is known. */
export interface Origin {
  readonly port: number;
  readonly program: string | undefined;
}

/** What a line begins with, of an event. */
export interface JsonEvent {
  /** `new`, `update` or `destroy`; undefined for an entry that was only listed. */
  readonly event?: string | undefined;
  /** Milliseconds since the Unix epoch, with microseconds as their fraction. */
  readonly time?: number | undefined;
  readonly origin?: Origin | undefined;
}

const PROTOCOLS: readonly string[] = Array.from(
  { length: 256 },
  (_, protocol) => `","protocol":${protocol},"protocol_name":"${protocolName(protocol)}"`,
);

/** The brace, the event, family and protocol. */
export function beginJson(
  w: LineWriter,
  { event, time = 0 }: JsonEvent,
  family: number,
  protocol: number,
): void {
  if (event === undefined) w.text('{"family":"');
  else {
    w.text('{"event":"');
    w.text(event);
    w.text('","time":');
    w.text((time / 1000).toFixed(6));
    w.text(',"family":"');
  }
  w.text(familyName(family));
  w.text(PROTOCOLS[protocol & 0xff]!);
}

/** Who caused the event, and the brace. */
export function endJson(w: LineWriter, { origin }: JsonEvent): void {
  if (origin !== undefined) {
    w.text(',"origin":{"portid":');
    w.decimal(origin.port);
    if (origin.program !== undefined) {
      w.text(',"program":');
      w.text(quoted(origin.program));
    }
    w.text("}");
  }
  w.text("}");
}

/** Addresses and l4 part of a tuple, without the brace that ends it. `src` and `dst` are words. */
export function beginTuple(
  w: LineWriter,
  { bytes }: Register,
  family: number,
  src: number,
  dst: number,
): void {
  w.text(':{"src":"');
  writeAddress(w, family, bytes, src * 4);
  w.text('","dst":"');
  writeAddress(w, family, bytes, dst * 4);
  w.text('"');
}

export function writeJsonLayer4(w: LineWriter, protocol: number, from: number, to: number): void {
  if (protocol === IPPROTO_GRE) {
    jsonNumber(w, ',"srckey":', from);
    jsonNumber(w, ',"dstkey":', to);
  } else if (hasPorts(protocol)) {
    jsonNumber(w, ',"sport":', from);
    jsonNumber(w, ',"dport":', to);
  } else if (isIcmp(protocol)) {
    jsonNumber(w, ',"type":', (to >>> 8) & 0xff);
    jsonNumber(w, ',"code":', to & 0xff);
    jsonNumber(w, ',"id":', from);
  }
}

export function jsonNumber(w: LineWriter, name: string, value: number): void {
  w.text(name);
  w.decimal(value);
}

/** A string of a register. */
export function jsonString(
  w: LineWriter,
  name: string,
  register: Register,
  word: number,
  length: number,
): void {
  w.text(name);
  w.text(JSON.stringify(printableText(register, word, length)));
}

/** Bytes that somebody chose, one a character: UTF-8 where they are, `U+FFFD` where they are not. */
export function quoted(bytes: string): string {
  const text = new TextDecoder().decode(Uint8Array.from(bytes, (byte) => byte.charCodeAt(0)));
  return JSON.stringify(text).replace(
    /[\x7f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
