/**
 * FT-FW: sequence numbers, acknowledgements, the resend queue, the hello handshake.
 *
 * Reads no clock and sends nothing: it moves records between two queues and writes messages into an
 * outbox. Which flow changed is the engine's business, and so is what a peer's message does.
 *
 * Described in: doc/sync/machines.md, "FT-FW".
 */
import { NULL_REF } from "../cache/arena.ts";
import { QueueId, RecordQueue } from "../cache/queue.ts";
import { after, before } from "../kit/seq.ts";
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

const Hello = { init: 0, say: 1, done: 2 } as const;

export interface FtfwOptions {
  /** `ACKWindowSize`: accepted messages before an acknowledgement is forced. */
  readonly window: number;
  /** `ResendQueueSize`: most messages kept for a peer that has not acknowledged them. */
  readonly resendQueueSize: number;
}

export class Ftfw implements Protocol {
  readonly counters: ProtocolCounters = { lost: 0, before: 0, resendOverflow: 0 };
  readonly resyncs = true;
  readonly transmitQueue: RecordQueue;
  readonly queues: readonly (RecordQueue | undefined)[];
  readonly #transmitter: Transmitter;
  readonly #resendQueue: RecordQueue;
  readonly #options: FtfwOptions;
  readonly #events: ProtocolEvents;
  #hello: number = Hello.init;
  #owesHelloBack = false;
  /** The last message accepted. */
  #lastKnown = false;
  #last = 0;
  #ackPending = false;
  /** Oldest accepted and unacknowledged message. Invariant while pending: never ahead of `#last`. */
  #ackFrom = 0;
  /** Messages left before an acknowledgement is forced. */
  #credit: number;
  /** When silence calls for a message, in milliseconds. */
  #idleAt: number;

  constructor(transmitter: Transmitter, options: FtfwOptions, events: ProtocolEvents, now: number) {
    this.#transmitter = transmitter;
    this.transmitQueue = transmitter.queue;
    this.#resendQueue = new RecordQueue(transmitter.arena, QueueId.resend);
    this.queues = [undefined, this.transmitQueue, this.#resendQueue];
    this.#options = options;
    this.#events = events;
    this.#credit = options.window;
    this.#idleAt = now + IDLE_MS;
  }

  get unacknowledged(): number {
    return this.#resendQueue.length;
  }

  get controls(): number {
    return this.#transmitter.controls;
  }

  nextDeadline(): number {
    return this.#idleAt;
  }

  /** A flow changed: it waits for transmission, whichever message it may have been part of before. */
  enqueue(ref: number): void {
    const queue = this.#transmitter.queueOf(ref);
    if (queue === QueueId.transmit) return;
    if (queue === QueueId.resend) this.#resendQueue.remove(ref);
    this.transmitQueue.append(ref);
  }

  /** A record that was sent and is not acknowledged stays where it is: sent again, it tells the latest. */
  keep(): void {}

  /** Take a record out of whatever queue it is in. */
  dequeue(ref: number): void {
    const queue = this.#transmitter.queueOf(ref);
    if (queue === QueueId.transmit) this.transmitQueue.remove(ref);
    else if (queue === QueueId.resend) this.#resendQueue.remove(ref);
  }

  requestResync(): void {
    this.#transmitter.control(Flag.RESYNC, 0, 0);
  }

  /** Nothing was sent for `IDLE_MS`: acknowledge, or show that we live. */
  tick(now: number): void {
    if (now < this.#idleAt) return;
    this.#idleAt = now + IDLE_MS;
    // A link that takes nothing is not made to take more.
    if (this.transmitQueue.length > 0) return;
    if (this.#ackPending && this.#lastKnown) {
      this.#transmitter.control(Flag.ACK, this.#ackFrom, this.#last);
      this.#ackPending = false;
    } else {
      this.#transmitter.control(Flag.ALIVE, 0, 0);
    }
  }

  /** Write what waits into the outbox. False: the outbox is full and more waits. */
  transmit(now: number): boolean {
    const queue = this.transmitQueue;
    if (queue.length === 0) return true;
    while (queue.head !== NULL_REF) {
      const isGreeting = this.#hello !== Hello.done || this.#owesHelloBack;
      const ref = this.#transmitter.send(isGreeting ? this.#greeting() : 0);
      if (ref === NULL_REF) return false;
      if (isGreeting) this.#greeted();
      if (this.#isKept(ref)) this.#retain(ref);
      else this.#transmitter.release(ref);
    }
    this.#idleAt = now + IDLE_MS;
    return true;
  }

  /**
   * A message of a known version arrived. `from` and `to` are those of an ACK or NACK.
   * Data may be applied only after the verdict `data`.
   */
  receive(type: number, flags: number, sequence: number, from: number, to: number): Verdict {
    if ((flags & Flag.HELLO) !== 0) this.#owesHelloBack = true;
    if ((flags & Flag.HELLO_BACK) !== 0 && this.#hello === Hello.say) this.#hello = Hello.done;
    if ((flags & Flag.HELLO) !== 0) {
      if (this.#ackPending && before(sequence, this.#ackFrom)) {
        this.#credit = this.#options.window - 1;
        this.#ackFrom = sequence;
      }
      this.#dropResendQueue();
      return this.#accept(type, flags, sequence, from, to);
    }
    const expected = (this.#last + 1) | 0;
    if (!this.#lastKnown || sequence === expected) {
      return this.#accept(type, flags, sequence, from, to);
    }
    if (!after(sequence, expected)) {
      this.counters.before += 1;
      return Verdict.drop;
    }
    return this.#afterGap(type, flags, sequence, from, to);
  }

  resendList(): UnacknowledgedList {
    const transmitter = this.#transmitter;
    const queue = this.#resendQueue;
    const list = new UnacknowledgedList(queue.length);
    let i = 0;
    for (let ref = queue.head; ref !== NULL_REF; ref = queue.next(ref)) {
      const flags = transmitter.isControl(ref) ? transmitter.controlFlags(ref) : undefined;
      list.set(i++, transmitter.sequenceOf(ref), flags);
    }
    return list;
  }

  surviveClear(empty: () => void): void {
    this.#transmitter.surviveClear([this.transmitQueue, this.#resendQueue], empty);
  }

  #accept(type: number, flags: number, sequence: number, from: number, to: number): Verdict {
    const verdict = this.#digest(type, flags, from, to);
    if (verdict === Verdict.bad) return verdict;
    if (!this.#ackPending) {
      this.#ackPending = true;
      this.#ackFrom = sequence;
    }
    this.#credit -= 1;
    if (this.#credit <= 0) {
      this.#transmitter.control(Flag.ACK, this.#ackFrom, sequence);
      this.#credit = this.#options.window;
      this.#ackPending = false;
    }
    this.#last = sequence;
    this.#lastKnown = true;
    return verdict;
  }

  #afterGap(type: number, flags: number, sequence: number, from: number, to: number): Verdict {
    // The reference counts two too many for each gap; scripts compare the numbers.
    this.counters.lost += (sequence - this.#last + 1) >>> 0;
    const verdict = this.#digest(type, flags, from, to);
    if (verdict === Verdict.bad) return verdict;
    if (this.#ackPending) this.#transmitter.control(Flag.ACK, this.#ackFrom, this.#last);
    this.#transmitter.control(Flag.NACK, (this.#last + 1) | 0, (sequence - 1) | 0);
    this.#credit = this.#options.window - 1;
    this.#ackFrom = sequence;
    this.#ackPending = true;
    this.#last = sequence;
    return verdict;
  }

  #digest(type: number, flags: number, from: number, to: number): Verdict {
    if (type <= MessageType.EXP_DEL) {
      return (flags & ~(Flag.HELLO | Flag.HELLO_BACK)) === 0 ? Verdict.data : Verdict.bad;
    }
    if (type !== MessageType.CTL) return Verdict.bad;
    if ((flags & (Flag.ACK | Flag.NACK)) !== 0) {
      if (before(to, from)) return Verdict.bad;
      this.#walkRange(from, to, (flags & Flag.ACK) !== 0);
      return Verdict.control;
    }
    if ((flags & Flag.RESYNC) !== 0) {
      this.#events.onResync();
      return Verdict.control;
    }
    return (flags & Flag.ALIVE) !== 0 ? Verdict.control : Verdict.bad;
  }

  /** The queue is in order of sequence: skip what is older, stop behind `to`. */
  #walkRange(from: number, to: number, acknowledged: boolean): void {
    let ref = this.#resendQueue.head;
    while (ref !== NULL_REF) {
      const sequence = this.#transmitter.sequenceOf(ref);
      if (after(sequence, to)) return;
      const next = this.#resendQueue.next(ref);
      if (!before(sequence, from)) {
        this.#resendQueue.remove(ref);
        if (acknowledged) this.#release(ref);
        else this.transmitQueue.append(ref);
      }
      ref = next;
    }
  }

  #dropResendQueue(): void {
    let ref = this.#resendQueue.head;
    while (ref !== NULL_REF) {
      const next = this.#resendQueue.next(ref);
      this.#resendQueue.remove(ref);
      this.#release(ref);
      ref = next;
    }
  }

  /** Nobody waits for this record any more: a dead entry goes, a control message is freed. */
  #release(ref: number): void {
    const transmitter = this.#transmitter;
    if (!transmitter.release(ref) && transmitter.isDead(ref)) this.#events.onForget(ref);
  }

  /** ALIVE has a number, and nobody needs it again. */
  #isKept(ref: number): boolean {
    const transmitter = this.#transmitter;
    return !transmitter.isControl(ref) || (transmitter.controlFlags(ref) & Flag.ALIVE) === 0;
  }

  /** Remember a sent message until it is acknowledged; the oldest makes room. */
  #retain(ref: number): void {
    const queue = this.#resendQueue;
    if (queue.length >= this.#options.resendQueueSize) {
      this.counters.resendOverflow += 1;
      const oldest = queue.head;
      if (oldest !== NULL_REF) {
        queue.remove(oldest);
        this.#release(oldest);
      }
    }
    queue.append(ref);
  }

  /** Hello flags of the next message. */
  #greeting(): number {
    const hello = this.#hello === Hello.done ? 0 : Flag.HELLO;
    return hello | (this.#owesHelloBack ? Flag.HELLO_BACK : 0);
  }

  /** A message has left with those flags. */
  #greeted(): void {
    if (this.#hello === Hello.init) this.#hello = Hello.say;
    this.#owesHelloBack = false;
  }
}
