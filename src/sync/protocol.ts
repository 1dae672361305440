/**
 * What the engine, the caches and the reports need of a protocol: FT-FW, ALARM and NOTRACK meet it.
 *
 * A protocol moves records between queues and writes messages. It reads no clock, sends nothing, and
 * does not know what a record holds beyond its header.
 *
 * Described in: doc/sync/machines.md.
 */
import type { Followed, RecordQueue } from "../cache/queue.ts";

/** What the protocol says of a received message. */
export const Verdict = { data: 0, control: 1, drop: 2, bad: 3 } as const;
export type Verdict = (typeof Verdict)[keyof typeof Verdict];

/** Silence after which a sign of life is due, in milliseconds. */
export const IDLE_MS = 1000;

export interface ProtocolCounters {
  /** Messages that never came, as the reference counts them: two too many for each gap. */
  lost: number;
  /** Messages that came behind their place. */
  before: number;
  /** Messages that fell out of a full resend queue. */
  resendOverflow: number;
}

export interface UnacknowledgedMessage {
  readonly control: boolean;
  readonly sequence: number;
  readonly flags: number;
}

const NO_FLAGS = -1;

/** What was not acknowledged at one time, two words a message: there may be millions. */
export class UnacknowledgedList implements Iterable<UnacknowledgedMessage> {
  readonly length: number;
  readonly #words: Int32Array;

  constructor(length: number) {
    this.length = length;
    this.#words = new Int32Array(2 * length);
  }

  /** `flags`: those of a control message; undefined: it is data. */
  set(i: number, sequence: number, flags: number | undefined): void {
    this.#words[2 * i] = sequence;
    this.#words[2 * i + 1] = flags ?? NO_FLAGS;
  }

  at(i: number): UnacknowledgedMessage {
    const sequence = this.#words[2 * i]! >>> 0;
    const flags = this.#words[2 * i + 1]!;
    return flags === NO_FLAGS
      ? { control: false, sequence, flags: 0 }
      : { control: true, sequence, flags };
  }

  *[Symbol.iterator](): Generator<UnacknowledgedMessage> {
    for (let i = 0; i < this.length; i++) yield this.at(i);
  }
}

/** What every protocol calls back. */
export interface ProtocolEvents {
  /** The peer lost everything and asks for it. */
  readonly onResync: () => void;
  /** Nobody waits for this dead entry any more. It is in no queue; its cache removes it. */
  readonly onForget: (ref: number) => void;
}

export interface Protocol {
  readonly counters: ProtocolCounters;
  /** Records that wait to be sent. */
  readonly transmitQueue: RecordQueue;
  /** Records that were sent and are not acknowledged; undefined where nobody acknowledges. */
  readonly unacknowledged: number | undefined;
  /** Control messages that are kept. */
  readonly controls: number;
  /** Who must know when a record moves, by queue id, for `CacheOptions.queues`. */
  readonly queues: readonly (Followed | undefined)[];
  /** Whether the peer is asked for its flows, and told all of ours when it asks. */
  readonly resyncs: boolean;

  /** An entry is new, changed or dead, and the peer is to be told. */
  enqueue(ref: number): void;
  /** An entry is new or changed, and the peer is not to be told now. */
  keep(ref: number): void;
  /** An entry is about to be removed: it leaves whatever queue it is in. */
  dequeue(ref: number): void;

  /**
   * A message of a known version arrived. `from` and `to` are those of an ACK or NACK.
   * Data may be applied only after the verdict `data`.
   */
  receive(type: number, flags: number, sequence: number, from: number, to: number): Verdict;
  /** Write what waits into the outbox. False: the outbox is full and more waits. */
  transmit(now: number): boolean;
  /** When `tick` has something to do, in milliseconds. */
  nextDeadline(): number;
  tick(now: number): void;
  /** Ask the peer for all its flows, where the mode can. */
  requestResync(): void;

  /**
   * The entries of the arena are about to be forgotten with their memory: keep the control messages.
   * `empty` gives the memory back; afterwards they wait again where they waited.
   */
  surviveClear(empty: () => void): void;
  /** What is not acknowledged, oldest first, as `-s rsqueue` lists it. */
  resendList(): UnacknowledgedList;
}
