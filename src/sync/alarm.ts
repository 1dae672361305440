/**
 * ALARM: every change is sent once, and every flow again and again, at moments of its own. What a peer
 * has missed it hears at the next one; what it hears no more it forgets.
 *
 * Described in: doc/sync/machines.md, "ALARM".
 */
import { NULL_REF } from "../cache/arena.ts";
import { type Followed, QueueId, type RecordQueue } from "../cache/queue.ts";
import { TimingWheel } from "../cache/timing-wheel.ts";
import {
  IDLE_MS,
  type Protocol,
  type ProtocolEvents,
  UnacknowledgedList,
  Verdict,
} from "./protocol.ts";
import type { Transmitter } from "./transmitter.ts";

export interface AlarmOptions {
  /** `RefreshTime`: a flow is sent again after one to so many seconds, and up to a second more. */
  readonly refreshTime: number;
  /** Numbers from 0 to 1, 1 excluded. */
  readonly random: () => number;
}

/** Refresh moments are multiples of this, in milliseconds. */
export const TICK_MS = 200;
const TICKS_PER_SECOND = 1000 / TICK_MS;
/** The reference adds one to five fifths of a second. */
const JITTER_TICKS = 5;
/** A flow that is refreshed less often than once a week is not refreshed. */
const MAX_REFRESH_SECONDS = 604_800;
const MAX_SLOTS = 4096;
/** Flows that are refreshed in one turn. */
const TURN_RECORDS = 4096;

export class Alarm implements Protocol {
  readonly counters = { lost: 0, before: 0, resendOverflow: 0 };
  readonly resyncs = false;
  readonly unacknowledged = undefined;
  readonly controls = 0;
  readonly transmitQueue: RecordQueue;
  readonly queues: readonly (Followed | undefined)[];
  readonly #transmitter: Transmitter;
  readonly #events: ProtocolEvents;
  /** Flows that were sent, or are not to be sent now, until their next refresh. */
  readonly #waiting: TimingWheel;
  readonly #refreshSeconds: number;
  readonly #random: () => number;
  readonly #startedAt: number;
  #nextAt: number;
  /** The tick of the last transmission: what was sent then waits from then on. */
  #sentAt = 0;

  constructor(
    transmitter: Transmitter,
    options: AlarmOptions,
    events: ProtocolEvents,
    now: number,
  ) {
    this.#transmitter = transmitter;
    this.transmitQueue = transmitter.queue;
    this.#refreshSeconds = Math.min(options.refreshTime, MAX_REFRESH_SECONDS);
    this.#waiting = new TimingWheel(transmitter.arena, QueueId.timed, slots(this.#refreshSeconds));
    this.queues = [undefined, this.transmitQueue, undefined, this.#waiting];
    this.#random = options.random;
    this.#events = events;
    this.#startedAt = now;
    this.#nextAt = now + IDLE_MS;
  }

  nextDeadline(): number {
    return this.#nextAt;
  }

  enqueue(ref: number): void {
    const queue = this.#transmitter.queueOf(ref);
    if (queue === QueueId.transmit) return;
    if (queue === QueueId.timed) this.#waiting.remove(ref);
    this.transmitQueue.append(ref);
  }

  keep(ref: number): void {
    if (this.#transmitter.queueOf(ref) === QueueId.none) this.#wait(ref);
  }

  dequeue(ref: number): void {
    const queue = this.#transmitter.queueOf(ref);
    if (queue === QueueId.transmit) this.transmitQueue.remove(ref);
    else if (queue === QueueId.timed) this.#waiting.remove(ref);
  }

  /** This mode has no such request: the peer hears every flow anyway. */
  requestResync(): void {}

  tick(now: number): void {
    if (now < this.#nextAt) return;
    const isDone = this.#waiting.advance(this.#tickAt(now), TURN_RECORDS, this.#refresh);
    // An empty wheel may fill without anybody asking when to look again.
    if (isDone) this.#nextAt = now + (this.#waiting.length > 0 ? TICK_MS : IDLE_MS);
  }

  transmit(now: number): boolean {
    if (this.transmitQueue.length === 0) return true;
    this.#sentAt = this.#tickAt(now);
    while (this.transmitQueue.head !== NULL_REF) {
      const ref = this.#transmitter.send(0);
      if (ref === NULL_REF) return false;
      if (this.#transmitter.release(ref)) continue;
      if (this.#transmitter.isDead(ref)) this.#events.onForget(ref);
      else this.#wait(ref);
    }
    return true;
  }

  /** Whatever has a flag is of another mode. Numbers are not looked at. */
  receive(_type: number, flags: number): Verdict {
    return flags === 0 ? Verdict.data : Verdict.control;
  }

  resendList(): UnacknowledgedList {
    return new UnacknowledgedList(0);
  }

  surviveClear(empty: () => void): void {
    this.#transmitter.surviveClear([this.transmitQueue], () => {
      this.#waiting.reset();
      empty();
    });
  }

  readonly #refresh = (ref: number): void => this.transmitQueue.append(ref);

  #wait(ref: number): void {
    const seconds = 1 + Math.floor(this.#random() * this.#refreshSeconds);
    const jitter = 1 + Math.floor(this.#random() * JITTER_TICKS);
    const from = Math.max(this.#sentAt, this.#waiting.tick);
    this.#waiting.add(ref, from + seconds * TICKS_PER_SECOND + jitter);
  }

  #tickAt(now: number): number {
    return Math.floor((now - this.#startedAt) / TICK_MS);
  }
}

/** One round covers the longest wait, where that is not very long. */
function slots(refreshSeconds: number): number {
  const ticks = refreshSeconds * TICKS_PER_SECOND + JITTER_TICKS;
  return Math.min(MAX_SLOTS, 1 << Math.ceil(Math.log2(ticks + 1)));
}
