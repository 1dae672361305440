/**
 * The transmit queue: records that wait become messages in the outbox, in order, each with the next
 * sequence number. Control messages are records too, so that they keep their place.
 *
 * What happens to a record that was sent is the protocol's business.
 */
import { type Arena, NULL_REF } from "../cache/arena.ts";
import { QueueId, RecordQueue } from "../cache/queue.ts";
import { H, HEADER_WORDS, Meta, recordWords, State, wireWordsOf } from "../cache/record.ts";
import { swap32 } from "../kit/bytes.ts";
import { Flag, headerWord, LONG_HEADER_BYTES, MessageType, SHORT_HEADER_BYTES } from "./message.ts";
import type { Outbox } from "./outbox.ts";

const CONTROL_WORDS = 3;
/** Payload words of a queued control message. */
const C = { flags: HEADER_WORDS, from: HEADER_WORDS + 1, to: HEADER_WORDS + 2 } as const;

interface KeptControl {
  readonly queue: RecordQueue;
  readonly flags: number;
  readonly from: number;
  readonly to: number;
  readonly sequence: number;
}

export class Transmitter {
  readonly arena: Arena;
  readonly queue: RecordQueue;
  /** Control messages that exist, sent or not. */
  controls = 0;
  readonly #outbox: Outbox;
  readonly #firstSequence: () => number;
  /** Next number to give out; none before the first message. */
  #sequence = 0;
  #started = false;

  /** `firstSequence` is asked when the first message is built. */
  constructor(arena: Arena, outbox: Outbox, firstSequence: () => number) {
    this.arena = arena;
    this.queue = new RecordQueue(arena, QueueId.transmit);
    this.#outbox = outbox;
    this.#firstSequence = firstSequence;
  }

  /** Queue a control message. */
  control(flags: number, from: number, to: number): void {
    this.queue.append(this.#newControl(flags, from, to));
  }

  /**
   * Write the first record that waits; it leaves the queue and keeps its number. `greeting`: flags on
   * top of its own. Returns its reference, or `NULL_REF`: the outbox is full.
   */
  send(greeting: number): number {
    const ref = this.queue.head;
    const arena = this.arena;
    const page = arena.page(ref);
    const at = arena.offset(ref);
    const meta = page[at + H.meta]!;
    const isControl = (meta & Meta.control) !== 0;
    const isRanged = isControl && page[at + C.flags] !== Flag.ALIVE;
    const bytes = isControl
      ? isRanged
        ? LONG_HEADER_BYTES
        : SHORT_HEADER_BYTES
      : SHORT_HEADER_BYTES + wireWordsOf(meta) * 4;
    const to = this.#outbox.reserve(bytes);
    if (to < 0) return NULL_REF;
    this.queue.remove(ref);
    const flags = (isControl ? page[at + C.flags]! : 0) | greeting;
    const type = isControl ? MessageType.CTL : dataType(meta);
    const sequence = this.#nextSequence();
    const out = this.#outbox.words;
    out[to] = headerWord(type, flags, bytes);
    out[to + 1] = swap32(sequence);
    page[at + H.sequence] = sequence;
    if (!isControl) {
      const end = at + HEADER_WORDS + wireWordsOf(meta);
      let k = to + 2;
      for (let i = at + HEADER_WORDS; i < end; i++) out[k++] = page[i]!;
    } else if (isRanged) {
      out[to + 2] = swap32(page[at + C.from]!);
      out[to + 3] = swap32(page[at + C.to]!);
      // Sent again, it says again what it said the first time.
      page[at + C.flags] = flags;
    }
    return ref;
  }

  meta(ref: number): number {
    return this.arena.page(ref)[this.arena.offset(ref) + H.meta]!;
  }

  queueOf(ref: number): number {
    return (this.meta(ref) & Meta.queueMask) >> Meta.queueShift;
  }

  sequenceOf(ref: number): number {
    return this.arena.page(ref)[this.arena.offset(ref) + H.sequence]!;
  }

  isControl(ref: number): boolean {
    return (this.meta(ref) & Meta.control) !== 0;
  }

  /** Flags of a control message. */
  controlFlags(ref: number): number {
    return this.arena.page(ref)[this.arena.offset(ref) + C.flags]!;
  }

  isDead(ref: number): boolean {
    return (this.meta(ref) & Meta.stateMask) === State.dead;
  }

  /** Free a record that belongs to no cache: a control message, or a loose one. False: it is an entry. */
  release(ref: number): boolean {
    const meta = this.meta(ref);
    if ((meta & (Meta.control | Meta.loose)) === 0) return false;
    if ((meta & Meta.control) !== 0) this.controls -= 1;
    this.arena.free(ref, recordWords(meta));
    return true;
  }

  /** Empty `queues` and the arena with `empty`, but keep the control messages where they wait. */
  surviveClear(queues: readonly RecordQueue[], empty: () => void): void {
    const kept: KeptControl[] = [];
    for (const queue of queues) {
      for (let ref = queue.head; ref !== NULL_REF; ref = queue.next(ref)) {
        const page = this.arena.page(ref);
        const at = this.arena.offset(ref);
        if ((page[at + H.meta]! & Meta.control) === 0) continue;
        kept.push({
          queue,
          flags: page[at + C.flags]!,
          from: page[at + C.from]!,
          to: page[at + C.to]!,
          sequence: page[at + H.sequence]!,
        });
      }
      queue.reset();
    }
    empty();
    this.controls -= kept.length;
    for (const { queue, flags, from, to, sequence } of kept) {
      const ref = this.#newControl(flags, from, to);
      this.arena.page(ref)[this.arena.offset(ref) + H.sequence] = sequence;
      queue.append(ref);
    }
  }

  #newControl(flags: number, from: number, to: number): number {
    const { arena } = this;
    const ref = arena.allocate(HEADER_WORDS + CONTROL_WORDS);
    const page = arena.page(ref);
    const at = arena.offset(ref);
    page[at + H.meta] = Meta.control | (CONTROL_WORDS << Meta.wireShift);
    page[at + C.flags] = flags;
    page[at + C.from] = from;
    page[at + C.to] = to;
    this.controls += 1;
    return ref;
  }

  #nextSequence(): number {
    if (!this.#started) {
      this.#started = true;
      this.#sequence = this.#firstSequence() | 0;
    }
    const sequence = this.#sequence;
    this.#sequence = (sequence + 1) | 0;
    return sequence;
  }
}

/** New, changed or dead, of a flow or of an expectation. */
function dataType(meta: number): number {
  const first = (meta & Meta.expectation) === 0 ? MessageType.CT_NEW : MessageType.EXP_NEW;
  return first + (meta & Meta.stateMask);
}
