/**
 * NOTRACK: every change is sent once. Nothing is acknowledged, nothing is asked for again; losses are
 * counted. A node can ask for the whole table.
 *
 * Described in: doc/sync/machines.md, "NOTRACK".
 */
import { NULL_REF } from "../cache/arena.ts";
import { QueueId, type RecordQueue } from "../cache/queue.ts";
import { after } from "../kit/seq.ts";
import { Flag, MessageType } from "./message.ts";
import {
  IDLE_MS,
  type Protocol,
  type ProtocolCounters,
  type ProtocolEvents,
  UnacknowledgedList,
  Verdict,
} from "./protocol.ts";
import type { Transmitter } from "./transmitter.ts";

export class Notrack implements Protocol {
  readonly counters: ProtocolCounters = { lost: 0, before: 0, resendOverflow: 0 };
  readonly resyncs = true;
  readonly unacknowledged = undefined;
  readonly transmitQueue: RecordQueue;
  readonly queues: readonly (RecordQueue | undefined)[];
  readonly #transmitter: Transmitter;
  readonly #events: ProtocolEvents;
  /** The last message that arrived. */
  #lastKnown = false;
  #last = 0;
  #idleAt: number;

  constructor(transmitter: Transmitter, events: ProtocolEvents, now: number) {
    this.#transmitter = transmitter;
    this.transmitQueue = transmitter.queue;
    this.queues = [undefined, this.transmitQueue];
    this.#events = events;
    this.#idleAt = now + IDLE_MS;
  }

  get controls(): number {
    return this.#transmitter.controls;
  }

  nextDeadline(): number {
    return this.#idleAt;
  }

  /** A record that waits already tells the latest when its turn comes. */
  enqueue(ref: number): void {
    if (this.#transmitter.queueOf(ref) === QueueId.none) this.transmitQueue.append(ref);
  }

  keep(): void {}

  dequeue(ref: number): void {
    if (this.#transmitter.queueOf(ref) !== QueueId.none) this.transmitQueue.remove(ref);
  }

  requestResync(): void {
    this.#transmitter.control(Flag.RESYNC, 0, 0);
  }

  /** Nothing was sent for `IDLE_MS`: show that we live. */
  tick(now: number): void {
    if (now < this.#idleAt) return;
    this.#idleAt = now + IDLE_MS;
    // A link that takes nothing is not made to take more.
    if (this.transmitQueue.length === 0) this.#transmitter.control(Flag.ALIVE, 0, 0);
  }

  transmit(now: number): boolean {
    if (this.transmitQueue.length === 0) return true;
    while (this.transmitQueue.head !== NULL_REF) {
      const ref = this.#transmitter.send(0);
      if (ref === NULL_REF) return false;
      if (!this.#transmitter.release(ref)) this.#forget(ref);
    }
    this.#idleAt = now + IDLE_MS;
    return true;
  }

  receive(type: number, flags: number, sequence: number): Verdict {
    this.#track(sequence);
    const verdict = classify(type, flags);
    if (verdict === Verdict.bad) return verdict;
    this.#last = sequence;
    this.#lastKnown = true;
    if (type === MessageType.CTL && (flags & Flag.RESYNC) !== 0) this.#events.onResync();
    return verdict;
  }

  resendList(): UnacknowledgedList {
    return new UnacknowledgedList(0);
  }

  surviveClear(empty: () => void): void {
    this.#transmitter.surviveClear([this.transmitQueue], empty);
  }

  #forget(ref: number): void {
    if (this.#transmitter.isDead(ref)) this.#events.onForget(ref);
  }

  /** What is missing is counted and not missed. A refused message counts, too, as in the reference. */
  #track(sequence: number): void {
    const expected = (this.#last + 1) | 0;
    if (this.#lastKnown && sequence !== expected) {
      // The reference counts two too many for each gap; scripts compare the numbers.
      if (after(sequence, expected)) this.counters.lost += (sequence - this.#last + 1) >>> 0;
      else this.counters.before += 1;
    }
  }
}

function classify(type: number, flags: number): Verdict {
  if (type <= MessageType.EXP_DEL) {
    return (flags & ~(Flag.HELLO | Flag.HELLO_BACK)) === 0 ? Verdict.data : Verdict.bad;
  }
  const isKnown = type === MessageType.CTL && (flags & (Flag.RESYNC | Flag.ALIVE)) !== 0;
  return isKnown && (flags & (Flag.ACK | Flag.NACK)) === 0 ? Verdict.control : Verdict.bad;
}
