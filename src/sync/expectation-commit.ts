/**
 * Commit of expectations: the external cache of expectations goes into the kernel, in bounded steps.
 *
 * It comes after the flows: the kernel takes an expectation only where its master exists and has a
 * helper. One that exists is deleted and created again. Nothing stops a commit early.
 *
 * Described in: doc/sync/machines.md, "Commit".
 */
import type { ExpectationCache } from "../cache/expectation-cache.ts";
import { ExpectationRegister, HasX, X } from "../flow/expectation.ts";
import { createExpectation, deleteExpectation } from "../flow/expectation-kernel.ts";
import { RequestBatch } from "../flow/request-batch.ts";
import type { Job } from "../kit/job.ts";
import type { Journal } from "../kit/journal.ts";
import { BATCH_REQUESTS, EEXIST, ENOENT, type KernelPort } from "../netlink/kernel-port.ts";
import { CommitTally, timeoutLeft } from "./commit-tally.ts";

/** Entries of one step. */
const STEP_ENTRIES = 256;

export interface ExpectationCommitOptions {
  /** `CommitTimeout` in seconds; 0 means what is left of each expectation's own. */
  readonly timeout: number;
  /** The line of an expectation that could not be committed. */
  readonly line: (expectation: ExpectationRegister) => string;
  /** A clock in microseconds, for the duration in the log. */
  readonly microseconds: () => number;
}

export class ExpectationCommit implements Job {
  readonly #cache: ExpectationCache;
  readonly #options: ExpectationCommitOptions;
  readonly #tally: CommitTally;
  readonly #batch: RequestBatch;
  readonly #stored = new ExpectationRegister();
  /** The entry behind each request of the batch. */
  readonly #entries = new Int32Array(BATCH_REQUESTS);
  #bucket = -1;
  #now = 0;
  #done: () => void = () => {};

  constructor(
    cache: ExpectationCache,
    kernel: KernelPort,
    journal: Journal,
    options: ExpectationCommitOptions,
  ) {
    this.#cache = cache;
    this.#options = options;
    this.#tally = new CommitTally("expectations", journal, options.microseconds);
    this.#batch = new RequestBatch(kernel, "commit");
  }

  /** Begin; `done` is called after the last expectation. */
  start(done: () => void): void {
    this.#bucket = 0;
    this.#tally.start();
    this.#done = done;
    this.#cache.beginScan();
  }

  /** Commit the next ones. `now` in milliseconds, the clock of the engine. */
  step(now: number): boolean {
    this.#now = Math.floor(now / 1000);
    this.#bucket = this.#cache.scan(this.#bucket, STEP_ENTRIES, this.#visit);
    this.#send();
    if (this.#bucket >= 0) return true;
    this.#cache.endScan();
    this.#tally.finish();
    this.#done();
    return false;
  }

  readonly #visit = (ref: number): void => {
    this.#entries[this.#batch.count] = ref;
    this.#create(this.#load(ref));
    if (this.#batch.isFull) this.#send();
  };

  /** The expectation as it is to be created, with the timeout it has left. */
  #load(ref: number): ExpectationRegister {
    const stored = this.#stored;
    this.#cache.load(ref, stored);
    const own = stored.has(HasX.timeout) ? stored.words[X.timeout]! : 0;
    const elapsed = this.#now - this.#cache.updated(ref);
    stored.words[X.timeout] = this.#options.timeout || timeoutLeft(own, elapsed);
    stored.words[X.has]! |= HasX.timeout;
    return stored;
  }

  #create(expectation: ExpectationRegister): void {
    createExpectation(this.#batch.writer, expectation, this.#batch.next());
  }

  #send(): void {
    const count = this.#batch.send();
    let existing = 0;
    for (let i = 0; i < count; i++) {
      const errno = this.#batch.errorOf(i);
      if (errno === 0) this.#tally.committed += 1;
      else if (errno === EEXIST) this.#entries[existing++] = this.#entries[i]!;
      else this.#fail("commit-create", errno, this.#entries[i]!);
    }
    for (let i = 0; i < existing; i++) this.#replace(this.#entries[i]!);
  }

  /** One that exists: delete it, then create it once more. */
  #replace(ref: number): void {
    const batch = this.#batch;
    const stored = this.#load(ref);
    deleteExpectation(batch.writer, stored, batch.next());
    this.#create(stored);
    batch.send();
    const deleted = batch.errorOf(0);
    const created = batch.errorOf(1);
    if (deleted !== 0 && deleted !== ENOENT) this.#fail("commit-destroy", deleted, ref);
    else if (created !== 0) this.#fail("commit-create", created, ref);
    else this.#tally.committed += 1;
  }

  #fail(step: string, errno: number, ref: number): void {
    this.#tally.fail(step, errno, this.#options.line(this.#load(ref)));
  }
}
