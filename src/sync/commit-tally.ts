/** What commits of flows and of expectations share: the timeout of an entry, the count, and the log lines. */
import type { Journal } from "../kit/journal.ts";

/** Timeout of an entry whose own cannot be told, in seconds. */
const FALLBACK_TIMEOUT = 60;

/** What is left of an entry's `own` timeout `elapsed` seconds after its last update, as the reference tells it. */
export function timeoutLeft(own: number, elapsed: number): number {
  const left = own - (elapsed < 0 ? FALLBACK_TIMEOUT : elapsed);
  if (left < 0) return FALLBACK_TIMEOUT;
  return left === 0 ? own : left;
}

export class CommitTally {
  committed = 0;
  readonly #what: "entries" | "expectations";
  readonly #journal: Journal;
  readonly #microseconds: () => number;
  #failed = 0;
  #startedAt = 0;

  /** `microseconds`: a clock, for the duration. */
  constructor(what: "entries" | "expectations", journal: Journal, microseconds: () => number) {
    this.#what = what;
    this.#journal = journal;
    this.#microseconds = microseconds;
  }

  start(): void {
    this.committed = 0;
    this.#failed = 0;
    this.#startedAt = this.#microseconds();
  }

  /** One could not be committed; `line` tells which. */
  fail(step: string, errno: number, line: string): void {
    this.#failed += 1;
    this.#journal.error(`${step}: ${this.#journal.errnoText(errno)}`);
    this.#journal.flow(line);
  }

  finish(): void {
    const microseconds = Math.max(0, Math.round(this.#microseconds() - this.#startedAt));
    this.#journal.notice(`Committed ${this.committed} new ${this.#what}`);
    if (this.#failed > 0) this.#journal.notice(`${this.#failed} ${this.#what} can't be committed`);
    const seconds = Math.floor(microseconds / 1e6);
    const rest = String(microseconds % 1e6).padStart(6, "0");
    this.#journal.notice(`commit has taken ${seconds}.${rest} seconds`);
  }
}
