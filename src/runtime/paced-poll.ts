/**
 * A descriptor that is looked at when something is there. Where much comes, the next look waits a moment, so that it
 * gathers: under load the wake-ups and the system calls are the cost, and one look that finds many is cheaper than one
 * for each. Whoever waits alone for little is served at once.
 *
 * What counts is how much arrives in a time, not how much a look finds: a daemon that is quick finds it piece by piece.
 */
import * as native from "../../native/index.ts";

/** So many arrivals within a period are many. A burst of an otherwise quiet time is not. */
const MANY = 16;
const PERIOD_MS = 4;
/** How long to wait at the most: the price is paid in the delay of each arrival. With a quarter, an event costs some 40 % more CPU. */
const GATHER_MICROSECONDS = 4000;
/** A smaller buffer may overrun while it fills: it is emptied as things come. */
const MIN_BUFFER_BYTES = 1 << 20;
/** So much of the buffer for a microsecond: more than any kernel fills in it. */
const BUFFER_BYTES_PER_MICROSECOND = 512;
/** The next turn of the loop; nothing would disarm. */
const AT_ONCE_MICROSECONDS = 1;
/** The answer of a look that has not seen the end. */
export const MORE = -1;

export interface PacedPollOptions {
  readonly fd: number;
  /** Takes what is there at `now` (`loopTime`), and answers how many, or `MORE`. */
  readonly look: (now: number) => number;
}

export class PacedPoll {
  readonly #look: (now: number) => number;
  readonly #poll: native.Poll;
  /** Finer than a timer of Node, and without its bookkeeping. */
  readonly #timerFd: number;
  readonly #timer: native.Poll;
  #isPaused = true;
  #isListening = false;
  #isWaiting = false;
  #periodStart = 0;
  #inPeriod = 0;
  /** How long to wait; 0: never. */
  #microseconds = 0;

  constructor({ fd, look }: PacedPollOptions) {
    this.#look = look;
    this.#poll = new native.Poll(fd, this.#turn);
    this.#timerFd = native.timerCreate();
    this.#timer = new native.Poll(this.#timerFd, this.#turn);
  }

  /** What the receive buffer holds, as the kernel counts it: the more, the longer it may fill. */
  set bufferBytes(bytes: number) {
    const room = Math.floor(bytes / BUFFER_BYTES_PER_MICROSECOND);
    this.#microseconds = bytes < MIN_BUFFER_BYTES ? 0 : Math.min(GATHER_MICROSECONDS, room);
  }

  /** Look, or look again after a pause. */
  start(): void {
    this.#isPaused = false;
    this.#listen();
  }

  /** What comes meanwhile waits in the socket as far as it has room. */
  pause(): void {
    this.#isPaused = true;
    this.#stopWaiting();
    this.#ignore();
  }

  close(): void {
    this.#isPaused = true;
    this.#timer.close();
    this.#poll.close();
  }

  readonly #turn = (): void => {
    const now = native.loopTime();
    const count = this.#look(now);
    if (this.#isPaused) return;
    if (count === MORE) this.#lookSoon();
    else if (count > 0 && this.#isWorthwhile(count, now)) this.#lookLater();
    else this.#listen();
  };

  /** `count` were taken at `now`: whether so many come that the next ones shall gather. */
  #isWorthwhile(count: number, now: number): boolean {
    if (this.#microseconds === 0) return false;
    if (this.#isWaiting) return count * PERIOD_MS * 1000 >= MANY * this.#microseconds;
    if (now - this.#periodStart > PERIOD_MS) {
      this.#periodStart = now;
      this.#inPeriod = 0;
    }
    this.#inPeriod += count;
    return this.#inPeriod >= MANY;
  }

  #listen(): void {
    this.#stopWaiting();
    if (!this.#isListening) this.#poll.start(native.READABLE);
    this.#isListening = true;
  }

  /** More is there: go on when the other descriptors had their turn. An immediate of Node would be an object each time. */
  #lookSoon(): void {
    if (this.#isWaiting) native.timerArm(this.#timerFd, AT_ONCE_MICROSECONDS);
    else this.#listen();
  }

  /** Setting the timer again takes back that it has expired. */
  #lookLater(): void {
    this.#ignore();
    if (!this.#isWaiting) this.#timer.start(native.READABLE);
    this.#isWaiting = true;
    native.timerArm(this.#timerFd, this.#microseconds);
  }

  /** Who does not listen may end: a timer that is not needed keeps no program alive. */
  #stopWaiting(): void {
    if (!this.#isWaiting) return;
    this.#isWaiting = false;
    this.#timer.stop();
    native.timerArm(this.#timerFd, 0);
  }

  #ignore(): void {
    if (this.#isListening) this.#poll.stop();
    this.#isListening = false;
  }
}
