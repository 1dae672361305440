/**
 * Commit: the external cache goes into the kernel, in bounded steps.
 *
 * Flows without a master first, then those that have one. Requests travel in batches without asking
 * for acknowledgements: the kernel reports what it refuses. An entry that exists is deleted and created
 * again. Nothing stops a commit early, and it leaves the cache as it was.
 *
 * Described in: doc/sync/machines.md, "Commit".
 */
import type { FlowCache } from "../cache/flow-cache.ts";
import { isRelated, type KernelRequests } from "../flow/kernel-request.ts";
import { FlowRegister, Has0, W } from "../flow/register.ts";
import { RequestBatch } from "../flow/request-batch.ts";
import type { Journal } from "../kit/journal.ts";
import { BATCH_REQUESTS, EEXIST, ENOENT, type KernelPort } from "../netlink/kernel-port.ts";

/** Timeout of an entry whose own cannot be told, in seconds. */
const FALLBACK_TIMEOUT = 60;
/** Entries of one step: about two milliseconds of work. */
export const COMMIT_STEP_ENTRIES = 512;

export interface CommitOptions {
  /** `CommitTimeout` in seconds; 0 means what is left of each entry's own. */
  readonly timeout: number;
  /** The flow line of an entry that could not be committed. */
  readonly flowLine: (flow: FlowRegister) => string;
  /** A clock in microseconds, for the duration in the log. */
  readonly microseconds: () => number;
}

export class Commit {
  readonly #cache: FlowCache;
  readonly #requests: KernelRequests;
  readonly #journal: Journal;
  readonly #options: CommitOptions;
  readonly #batch: RequestBatch;
  readonly #flow = new FlowRegister();
  /** The entry behind each request of the batch. */
  readonly #entries = new Int32Array(BATCH_REQUESTS);
  #bucket = -1;
  #relatedPass = false;
  #relatedSeen = false;
  #committed = 0;
  #failed = 0;
  #startedAt = 0;
  #now = 0;
  #done: () => void = () => {};

  constructor(
    cache: FlowCache,
    kernel: KernelPort,
    requests: KernelRequests,
    journal: Journal,
    options: CommitOptions,
  ) {
    this.#cache = cache;
    this.#batch = new RequestBatch(kernel, "commit");
    this.#requests = requests;
    this.#journal = journal;
    this.#options = options;
  }

  /** Entries there are to commit. */
  get size(): number {
    return this.#cache.active;
  }

  get running(): boolean {
    return this.#bucket >= 0;
  }

  /** Begin; `done` is called when the last entry was tried. */
  start(done: () => void): void {
    this.#bucket = 0;
    this.#relatedPass = false;
    this.#relatedSeen = false;
    this.#committed = 0;
    this.#failed = 0;
    this.#startedAt = this.#options.microseconds();
    this.#done = done;
    this.#cache.beginScan();
  }

  /** Commit the next entries. `now` in seconds, the clock of the cache's entries. */
  step(now: number): void {
    this.#now = now;
    const next = this.#cache.scan(this.#bucket, COMMIT_STEP_ENTRIES, this.#visit);
    this.#sendBatch();
    this.#bucket = next;
    if (next >= 0) return;
    if (!this.#relatedPass && this.#relatedSeen) {
      this.#relatedPass = true;
      this.#bucket = 0;
      return;
    }
    this.#finish();
  }

  readonly #visit = (ref: number): void => {
    this.#cache.load(ref, this.#flow);
    const related = isRelated(this.#flow);
    this.#relatedSeen ||= related;
    if (related !== this.#relatedPass) return;
    this.#entries[this.#batch.count] = ref;
    this.#create(ref, this.#flow);
    if (this.#batch.isFull) this.#sendBatch();
  };

  #create(ref: number, flow: FlowRegister): void {
    const timeout = this.#timeoutOf(ref, flow);
    this.#requests.create(this.#batch.writer, flow, timeout, this.#batch.next());
  }

  #timeoutOf(ref: number, flow: FlowRegister): number {
    if (this.#options.timeout !== 0) return this.#options.timeout;
    const own = flow.has0(Has0.timeout) ? flow.words[W.timeout]! : 0;
    const elapsed = this.#now - this.#cache.updated(ref);
    const left = own - (elapsed < 0 ? FALLBACK_TIMEOUT : elapsed);
    if (left < 0) return FALLBACK_TIMEOUT;
    return left === 0 ? own : left;
  }

  #sendBatch(): void {
    const count = this.#batch.send();
    let existing = 0;
    for (let i = 0; i < count; i++) {
      const errno = this.#batch.errorOf(i);
      if (errno === 0) this.#committed += 1;
      else if (errno === EEXIST) this.#entries[existing++] = this.#entries[i]!;
      else this.#fail("commit-create", errno, this.#entries[i]!);
    }
    if (existing > 0) this.#replace(existing);
  }

  /** Entries that exist: delete each, then create it once more. */
  #replace(count: number): void {
    for (let from = 0; from < count; from += BATCH_REQUESTS / 2) {
      const end = Math.min(count, from + BATCH_REQUESTS / 2);
      for (let i = from; i < end; i++) {
        const ref = this.#entries[i]!;
        this.#cache.load(ref, this.#flow);
        this.#requests.delete(this.#batch.writer, this.#flow, this.#batch.next());
        this.#create(ref, this.#flow);
      }
      this.#batch.send();
      for (let i = from; i < end; i++) {
        const deleted = this.#batch.errorOf((i - from) * 2);
        const created = this.#batch.errorOf((i - from) * 2 + 1);
        if (deleted !== 0 && deleted !== ENOENT)
          this.#fail("commit-destroy", deleted, this.#entries[i]!);
        else if (created !== 0) this.#fail("commit-create", created, this.#entries[i]!);
        else this.#committed += 1;
      }
    }
  }

  #fail(what: string, errno: number, ref: number): void {
    this.#failed += 1;
    this.#journal.error(`${what}: ${this.#journal.errnoText(errno)}`);
    this.#cache.load(ref, this.#flow);
    this.#flow.words[W.timeout] = this.#timeoutOf(ref, this.#flow);
    this.#flow.words[W.has0]! |= Has0.timeout;
    this.#journal.flow(this.#options.flowLine(this.#flow));
  }

  #finish(): void {
    this.#cache.endScan();
    const microseconds = Math.max(0, Math.round(this.#options.microseconds() - this.#startedAt));
    this.#journal.notice(`Committed ${this.#committed} new entries`);
    if (this.#failed > 0) this.#journal.notice(`${this.#failed} entries can't be committed`);
    const seconds = Math.floor(microseconds / 1e6);
    const rest = String(microseconds % 1e6).padStart(6, "0");
    this.#journal.notice(`commit has taken ${seconds}.${rest} seconds`);
    this.#done();
  }
}
