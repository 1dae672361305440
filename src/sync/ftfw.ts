/**
 * FT-FW: sequence numbers, acknowledgements, the resend queue, the hello handshake.
 *
 * Reads no clock and sends nothing: it moves records between two queues and writes messages into an
 * outbox. Which flow changed is the engine's business, and so is what a peer's message does.
 *
 * Described in: doc/sync/machines.md, "FT-FW".
 */
import { NULL_REF } from "../cache/arena.ts";
import type { FlowCache } from "../cache/flow-cache.ts";
import { QueueId, RecordQueue } from "../cache/queue.ts";
import { H, HEADER_WORDS, Meta, recordWords, State, wireWordsOf } from "../cache/record.ts";
import { swap32 } from "../kit/bytes.ts";
import { after, before } from "../kit/seq.ts";
import { Flag, headerWord, LONG_HEADER_BYTES, MessageType, SHORT_HEADER_BYTES } from "./message.ts";
import type { Outbox } from "./outbox.ts";

/** What the protocol says of a received message. */
export const Verdict = { data: 0, control: 1, drop: 2, bad: 3 } as const;
export type Verdict = (typeof Verdict)[keyof typeof Verdict];

/** Silence after which an acknowledgement or a sign of life is due, in milliseconds. */
export const IDLE_MS = 1000;
const CONTROL_WORDS = 3;
/** Payload words of a queued control message. */
const C = { flags: HEADER_WORDS, from: HEADER_WORDS + 1, to: HEADER_WORDS + 2 } as const;

const Hello = { init: 0, say: 1, done: 2 } as const;

export interface FtfwOptions {
  /** `ACKWindowSize`: accepted messages before an acknowledgement is forced. */
  readonly window: number;
  /** `ResendQueueSize`: most messages kept for a peer that has not acknowledged them. */
  readonly resendQueueSize: number;
  /** First sequence number, asked for when the first message is built. */
  readonly firstSequence: () => number;
  /** The peer lost everything and asks for it. */
  readonly onResync: () => void;
}

export interface FtfwCounters {
  lost: number;
  before: number;
  /** Messages that fell out of a full resend queue. */
  resendOverflow: number;
  /** Control messages in the queues. */
  controls: number;
}

export class Ftfw {
  readonly transmitQueue: RecordQueue;
  readonly resendQueue: RecordQueue;
  readonly counters: FtfwCounters = { lost: 0, before: 0, resendOverflow: 0, controls: 0 };
  readonly #cache: FlowCache;
  readonly #options: FtfwOptions;
  readonly #outbox: Outbox;
  #hello: number = Hello.init;
  #owesHelloBack = false;
  /** Next number to give out; none before the first message. */
  #sequence = 0;
  #started = false;
  /** The last message accepted. */
  #lastKnown = false;
  #last = 0;
  #ackPending = false;
  /** Oldest accepted and unacknowledged message. Invariant while pending: never ahead of `#last`. */
  #ackFrom = 0;
  /** Messages left before an acknowledgement is forced. */
  #credit: number;
  /** When silence calls for a message, in milliseconds. */
  idleAt: number;

  constructor(
    cache: FlowCache,
    queues: { readonly transmit: RecordQueue; readonly resend: RecordQueue },
    outbox: Outbox,
    options: FtfwOptions,
    now: number,
  ) {
    this.#cache = cache;
    this.transmitQueue = queues.transmit;
    this.resendQueue = queues.resend;
    this.#outbox = outbox;
    this.#options = options;
    this.#credit = options.window;
    this.idleAt = now + IDLE_MS;
  }

  /** A flow changed: it waits for transmission, whichever message it may have been part of before. */
  enqueue(ref: number): void {
    const queue = this.#queueOf(ref);
    if (queue === QueueId.transmit) return;
    if (queue === QueueId.resend) this.resendQueue.remove(ref);
    this.transmitQueue.append(ref);
  }

  /** Take a record out of whatever queue it is in. */
  dequeue(ref: number): void {
    const queue = this.#queueOf(ref);
    if (queue === QueueId.transmit) this.transmitQueue.remove(ref);
    else if (queue === QueueId.resend) this.resendQueue.remove(ref);
  }

  requestResync(): void {
    this.#enqueueControl(Flag.RESYNC, 0, 0);
  }

  /** Nothing was sent for `IDLE_MS`: acknowledge, or show that we live. */
  idle(now: number): void {
    if (this.#ackPending && this.#lastKnown) {
      this.#enqueueControl(Flag.ACK, this.#ackFrom, this.#last);
      this.#ackPending = false;
    } else {
      this.#enqueueControl(Flag.ALIVE, 0, 0);
    }
    this.idleAt = now + IDLE_MS;
  }

  /** Write what waits into the outbox. False: the outbox is full and more waits. */
  transmit(now: number): boolean {
    const queue = this.transmitQueue;
    if (queue.length === 0) return true;
    while (queue.head !== NULL_REF) {
      if (!this.#send(queue.head)) return false;
    }
    this.idleAt = now + IDLE_MS;
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

  /** Records of the resend queue, oldest first, as `-s rsqueue` lists them. */
  *resendList(): Generator<{ control: boolean; sequence: number; flags: number }> {
    let ref = this.resendQueue.head;
    while (ref !== NULL_REF) {
      const page = this.#cache.arena.page(ref);
      const at = this.#cache.arena.offset(ref);
      const control = (page[at + H.meta]! & Meta.control) !== 0;
      yield {
        control,
        sequence: page[at + H.sequence]! >>> 0,
        flags: control ? page[at + C.flags]! : 0,
      };
      ref = this.resendQueue.next(ref);
    }
  }

  /**
   * The flows of the cache are about to be forgotten with their memory: keep the control messages.
   * `empty` gives the memory back; afterwards they wait again where they waited.
   */
  surviveClear(empty: () => void): void {
    const kept: [RecordQueue, number, number, number, number][] = [];
    for (const queue of [this.transmitQueue, this.resendQueue]) {
      let ref = queue.head;
      while (ref !== NULL_REF) {
        const page = this.#cache.arena.page(ref);
        const at = this.#cache.arena.offset(ref);
        if ((page[at + H.meta]! & Meta.control) !== 0) {
          kept.push([
            queue,
            page[at + C.flags]!,
            page[at + C.from]!,
            page[at + C.to]!,
            page[at + H.sequence]!,
          ]);
        }
        ref = queue.next(ref);
      }
      queue.head = queue.tail = NULL_REF;
      queue.length = 0;
    }
    empty();
    this.counters.controls -= kept.length;
    for (const [queue, flags, from, to, sequence] of kept) {
      const ref = this.#newControl(flags, from, to);
      this.#cache.arena.page(ref)[this.#cache.arena.offset(ref) + H.sequence] = sequence;
      queue.append(ref);
    }
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
      this.#enqueueControl(Flag.ACK, this.#ackFrom, sequence);
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
    if (this.#ackPending) this.#enqueueControl(Flag.ACK, this.#ackFrom, this.#last);
    this.#enqueueControl(Flag.NACK, (this.#last + 1) | 0, (sequence - 1) | 0);
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
      this.#options.onResync();
      return Verdict.control;
    }
    return (flags & Flag.ALIVE) !== 0 ? Verdict.control : Verdict.bad;
  }

  /** The queue is in order of sequence: skip what is older, stop behind `to`. */
  #walkRange(from: number, to: number, acknowledged: boolean): void {
    const arena = this.#cache.arena;
    let ref = this.resendQueue.head;
    while (ref !== NULL_REF) {
      const sequence = arena.page(ref)[arena.offset(ref) + H.sequence]!;
      if (after(sequence, to)) return;
      const next = this.resendQueue.next(ref);
      if (!before(sequence, from)) {
        this.resendQueue.remove(ref);
        if (acknowledged) this.#release(ref);
        else this.transmitQueue.append(ref);
      }
      ref = next;
    }
  }

  #dropResendQueue(): void {
    let ref = this.resendQueue.head;
    while (ref !== NULL_REF) {
      const next = this.resendQueue.next(ref);
      this.resendQueue.remove(ref);
      this.#release(ref);
      ref = next;
    }
  }

  /** Nobody waits for this record any more: a dead flow goes, a control message is freed. */
  #release(ref: number): void {
    const meta = this.#meta(ref);
    if ((meta & Meta.control) !== 0) this.#freeControl(ref);
    else if ((meta & Meta.stateMask) === State.dead) this.#cache.remove(ref);
  }

  #send(ref: number): boolean {
    const arena = this.#cache.arena;
    const page = arena.page(ref);
    const at = arena.offset(ref);
    const meta = page[at + H.meta]!;
    const control = (meta & Meta.control) !== 0;
    const ranged = control && page[at + C.flags] !== Flag.ALIVE;
    const bytes = control
      ? ranged
        ? LONG_HEADER_BYTES
        : SHORT_HEADER_BYTES
      : SHORT_HEADER_BYTES + wireWordsOf(meta) * 4;
    const to = this.#outbox.reserve(bytes);
    if (to < 0) return false;
    this.transmitQueue.remove(ref);
    const flags = (control ? page[at + C.flags]! : 0) | this.#helloFlags();
    const type = control ? MessageType.CTL : meta & Meta.stateMask;
    const sequence = this.#nextSequence();
    const out = this.#outbox.words;
    out[to] = headerWord(type, flags, bytes);
    out[to + 1] = swap32(sequence);
    page[at + H.sequence] = sequence;
    if (!control) {
      const end = at + HEADER_WORDS + wireWordsOf(meta);
      let k = to + 2;
      for (let i = at + HEADER_WORDS; i < end; i++) out[k++] = page[i]!;
    } else if (ranged) {
      out[to + 2] = swap32(page[at + C.from]!);
      out[to + 3] = swap32(page[at + C.to]!);
      page[at + C.flags] = flags;
    } else {
      this.#freeControl(ref);
      return true;
    }
    this.#keep(ref);
    return true;
  }

  /** Remember a sent message until it is acknowledged; the oldest makes room. */
  #keep(ref: number): void {
    const queue = this.resendQueue;
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

  #helloFlags(): number {
    if (this.#hello === Hello.done && !this.#owesHelloBack) return 0;
    let flags = 0;
    if (this.#hello === Hello.init) this.#hello = Hello.say;
    if (this.#hello === Hello.say) flags |= Flag.HELLO;
    if (this.#owesHelloBack) flags |= Flag.HELLO_BACK;
    this.#owesHelloBack = false;
    return flags;
  }

  #nextSequence(): number {
    if (!this.#started) {
      this.#started = true;
      this.#sequence = this.#options.firstSequence() | 0;
    }
    const sequence = this.#sequence;
    this.#sequence = (sequence + 1) | 0;
    return sequence;
  }

  #enqueueControl(flags: number, from: number, to: number): void {
    this.transmitQueue.append(this.#newControl(flags, from, to));
  }

  #newControl(flags: number, from: number, to: number): number {
    const arena = this.#cache.arena;
    const ref = arena.allocate(HEADER_WORDS + CONTROL_WORDS);
    const page = arena.page(ref);
    const at = arena.offset(ref);
    page[at + H.meta] = Meta.control | (CONTROL_WORDS << Meta.wireShift);
    page[at + C.flags] = flags;
    page[at + C.from] = from;
    page[at + C.to] = to;
    this.counters.controls += 1;
    return ref;
  }

  #freeControl(ref: number): void {
    this.#cache.arena.free(ref, recordWords(this.#meta(ref)));
    this.counters.controls -= 1;
  }

  #meta(ref: number): number {
    return this.#cache.arena.page(ref)[this.#cache.arena.offset(ref) + H.meta]!;
  }

  #queueOf(ref: number): number {
    return (this.#meta(ref) & Meta.queueMask) >> Meta.queueShift;
  }
}

/** The two queues of a cache, by queue id, for `CacheOptions.queues`. */
export function ftfwQueues(arena: FlowCache["arena"]): {
  readonly transmit: RecordQueue;
  readonly resend: RecordQueue;
  readonly byId: readonly (RecordQueue | undefined)[];
} {
  const transmit = new RecordQueue(arena, QueueId.transmit);
  const resend = new RecordQueue(arena, QueueId.resend);
  return { transmit, resend, byId: [undefined, transmit, resend] };
}
