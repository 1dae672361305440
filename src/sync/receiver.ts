/**
 * Datagrams of a peer: bounds, header, protocol, payload, in that order.
 *
 * Every byte here is hostile. What cannot be is counted and skipped, as doc/sync/wire.md, "What is
 * refused" lists it; nothing throws.
 */
import { ExpectationRegister } from "../flow/expectation.ts";
import { decodeWireExpectation } from "../flow/expectation-wire.ts";
import { FlowRegister } from "../flow/register.ts";
import { decodeWireFlow } from "../flow/wire-table.ts";
import { swap32 } from "../kit/bytes.ts";
import type { ExternalSide } from "./external.ts";
import {
  flagsOf,
  isRanged,
  LONG_HEADER_BYTES,
  lengthOf,
  MessageType,
  newWireCounters,
  refuse,
  SHORT_HEADER_BYTES,
  typeOf,
  VERSION,
  versionOf,
} from "./message.ts";
import { type Protocol, Verdict } from "./protocol.ts";

/** Largest datagram. */
export const DATAGRAM_MAX_BYTES = 65536;

export class Receiver {
  readonly counters = newWireCounters();
  readonly #protocol: Protocol;
  readonly #external: ExternalSide;
  readonly #expectations: ExternalSide<ExpectationRegister> | undefined;
  readonly #flow = new FlowRegister();
  readonly #expectation = new ExpectationRegister();
  /** A message that does not start at a multiple of four is copied here; with room behind for its padding. */
  readonly #aligned = new Int32Array(DATAGRAM_MAX_BYTES / 4 + 4);
  readonly #alignedBytes = new Uint8Array(this.#aligned.buffer);
  /** A message of the datagram at hand was accepted. */
  #accepted = false;

  constructor(
    protocol: Protocol,
    external: ExternalSide,
    expectations?: ExternalSide<ExpectationRegister>,
  ) {
    this.#protocol = protocol;
    this.#external = external;
    this.#expectations = expectations;
  }

  /**
   * Take the `length` bytes at byte `at`. `words` and `bytes` are views of the same memory and have at least four bytes
   * more than the datagram. `now` in seconds.
   * True: the protocol has accepted a message of it, so the peer sends on the link it came from.
   */
  datagram(words: Int32Array, bytes: Uint8Array, at: number, length: number, now: number): boolean {
    this.#accepted = false;
    let here = at;
    let left = length;
    while (left > 0) {
      const taken = this.#message(words, bytes, here, left, now);
      if (taken === 0) break;
      here += taken;
      left -= taken;
    }
    this.#external.flush();
    return this.#accepted;
  }

  /** Bytes of the message at `at`, or 0: the rest of the datagram is of no use. */
  #message(words: Int32Array, bytes: Uint8Array, at: number, left: number, now: number): number {
    if (left < SHORT_HEADER_BYTES) {
      refuse(this.counters, "truncated");
      return 0;
    }
    const head =
      bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    const length = lengthOf(head);
    if (length === 0 || length > left) {
      refuse(this.counters, "size");
      return 0;
    }
    const ranged = isRanged(head);
    if (ranged && left < LONG_HEADER_BYTES) {
      refuse(this.counters, "truncated");
      return 0;
    }
    if (length < (ranged ? LONG_HEADER_BYTES : SHORT_HEADER_BYTES)) {
      refuse(this.counters, "size");
      return 0;
    }
    if ((at & 3) === 0) {
      this.#process(words, at >> 2, head, length, ranged, now);
    } else {
      for (let i = 0; i < length; i++) this.#alignedBytes[i] = bytes[at + i]!;
      this.#process(this.#aligned, 0, head, length, ranged, now);
    }
    return length;
  }

  #process(
    words: Int32Array,
    at: number,
    head: number,
    length: number,
    ranged: boolean,
    now: number,
  ): void {
    if (versionOf(head) !== VERSION) {
      refuse(this.counters, "version");
      return;
    }
    const type = typeOf(head);
    const from = ranged ? swap32(words[at + 2]!) | 0 : 0;
    const to = ranged ? swap32(words[at + 3]!) | 0 : 0;
    const sequence = swap32(words[at + 1]!) | 0;
    const verdict = this.#protocol.receive(type, flagsOf(head), sequence, from, to);
    if (verdict === Verdict.bad) {
      refuse(this.counters, "header");
      return;
    }
    if (verdict === Verdict.drop) return;
    this.#accepted = true;
    if (verdict === Verdict.control) return;
    this.#payload(words, at + 2, type, length - SHORT_HEADER_BYTES, now);
  }

  #payload(words: Int32Array, at: number, type: number, length: number, now: number): void {
    if (type > MessageType.EXP_DEL) {
      refuse(this.counters, "type");
      return;
    }
    if (type > MessageType.CT_DEL) {
      this.#expectationPayload(words, at, type, length, now);
      return;
    }
    if (!decodeWireFlow(this.#flow, words, at, length)) {
      refuse(this.counters, "payload");
      return;
    }
    this.#external.apply(type, this.#flow, now);
  }

  /** Of a peer that replicates expectations. Without `ExpectationSync` here they have no place to go. */
  #expectationPayload(
    words: Int32Array,
    at: number,
    type: number,
    length: number,
    now: number,
  ): void {
    if (this.#expectations === undefined) return;
    if (!decodeWireExpectation(this.#expectation, words, at, length)) {
      refuse(this.counters, "payload");
      return;
    }
    // EXP_NEW, EXP_UPD and EXP_DEL mean what the messages of flows mean.
    this.#expectations.apply(type - MessageType.EXP_NEW, this.#expectation, now);
  }
}
