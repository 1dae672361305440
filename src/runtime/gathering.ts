/**
 * Giving events time to gather: under load the system calls are the cost, and one call that serves many events is
 * cheaper than one for each. Whoever listens alone to few events serves each at once.
 *
 * What counts is how many arrive in a time, not how many a look finds: a daemon that is quick finds them one by one.
 */
import * as native from "../../native/index.ts";

/** So many events within a period are many. */
const MANY = 4;
const PERIOD_MS = 1;
/** How long events gather, at the most: the price is paid in the delay of each. */
const GATHER_MAX_MICROSECONDS = 4000;
/** A smaller buffer may overrun while events gather: it is emptied as they come. */
const MIN_BUFFER_BYTES = 1 << 20;
/** So much of the buffer for a microsecond: more than any kernel fills in it. */
const BUFFER_BYTES_PER_MICROSECOND = 512;

export class Gathering {
  /** Finer than a timer of Node, and without its bookkeeping. */
  readonly #timerFd: number;
  readonly #timer: native.Poll;
  #isWaiting = false;
  #periodStart = 0;
  #inPeriod = 0;
  /** How long events gather; 0: never. */
  #microseconds = 0;

  /** `onTime` is called when events have had their time. */
  constructor(onTime: () => void) {
    this.#timerFd = native.timerCreate();
    this.#timer = new native.Poll(this.#timerFd, onTime);
  }

  /** What the event buffer holds, as the kernel counts it: the more, the longer events may gather. */
  set bufferBytes(bytes: number) {
    const room = Math.floor(bytes / BUFFER_BYTES_PER_MICROSECOND);
    this.#microseconds = bytes < MIN_BUFFER_BYTES ? 0 : Math.min(GATHER_MAX_MICROSECONDS, room);
  }

  /** `count` events were taken by a look at `now` (milliseconds): whether so many come that the next ones shall gather. */
  isWorthwhile(count: number, now: number): boolean {
    if (this.#microseconds === 0) return false;
    if (this.#isWaiting) return count * PERIOD_MS * 1000 >= MANY * this.#microseconds;
    if (now - this.#periodStart > PERIOD_MS) {
      this.#periodStart = now;
      this.#inPeriod = 0;
    }
    this.#inPeriod += count;
    return this.#inPeriod >= MANY;
  }

  /** Begin to wait, or go on: setting the timer again takes back that it has expired. */
  wait(): void {
    if (!this.#isWaiting) this.#timer.start(native.READABLE);
    this.#isWaiting = true;
    native.timerArm(this.#timerFd, this.#microseconds);
  }

  stop(): void {
    if (!this.#isWaiting) return;
    this.#isWaiting = false;
    // Who does not listen may end: nothing here keeps a program alive.
    this.#timer.stop();
    native.timerArm(this.#timerFd, 0);
  }

  close(): void {
    this.#timer.close();
  }
}
