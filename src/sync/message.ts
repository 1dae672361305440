/**
 * Replication messages: the header, and what counts as malformed.
 *
 * The first word of a message, as it lies in memory on a little-endian host:
 * bits 0-3 type, 4-7 version, 8-15 flags, then the length in network order.
 *
 * Described in: doc/sync/wire.md, "Messages".
 */
import { swap16 } from "../kit/bytes.ts";

export const VERSION = 1;

export const MessageType = {
  CT_NEW: 0,
  CT_UPD: 1,
  CT_DEL: 2,
  EXP_NEW: 3,
  EXP_UPD: 4,
  EXP_DEL: 5,
  CTL: 10,
} as const;

export const Flag = {
  RESYNC: 0x02,
  NACK: 0x04,
  ACK: 0x08,
  ALIVE: 0x10,
  HELLO: 0x20,
  HELLO_BACK: 0x40,
} as const;

/** Header of data messages and ALIVE. */
export const SHORT_HEADER_BYTES = 8;
/** Header of ACK, NACK and RESYNC: with a range of sequence numbers. */
export const LONG_HEADER_BYTES = 16;

const RANGED = Flag.ACK | Flag.NACK | Flag.RESYNC;

/** First word of a message to be sent. */
export function headerWord(type: number, flags: number, bytes: number): number {
  return (VERSION << 4) | type | (flags << 8) | (swap16(bytes) << 16);
}

export function versionOf(word: number): number {
  return (word >>> 4) & 0xf;
}

export function typeOf(word: number): number {
  return word & 0xf;
}

export function flagsOf(word: number): number {
  return (word >>> 8) & 0xff;
}

export function lengthOf(word: number): number {
  return swap16(word >>> 16);
}

/** Whether the message has a range behind the sequence number. */
export function isRanged(word: number): boolean {
  return typeOf(word) === MessageType.CTL && (flagsOf(word) & RANGED) !== 0;
}

/** What was refused, by reason; `malformed` is their sum. */
export interface WireCounters {
  malformed: number;
  version: number;
  header: number;
  payload: number;
  type: number;
  truncated: number;
  size: number;
}

export function newWireCounters(): WireCounters {
  return { malformed: 0, version: 0, header: 0, payload: 0, type: 0, truncated: 0, size: 0 };
}

export type Refusal = Exclude<keyof WireCounters, "malformed">;

export function refuse(counters: WireCounters, reason: Refusal): void {
  counters.malformed += 1;
  counters[reason] += 1;
}
