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
import { KERNEL_FLOW_MAX_BYTES } from "../flow/kernel-encode.ts";
import { isRelated, type KernelRequests } from "../flow/kernel-request.ts";
import { FlowRegister, Has0, W } from "../flow/register.ts";
import { MessageWriter } from "../netlink/message.ts";
import { BATCH_REQUESTS, EEXIST, ENOENT, type Journal, type KernelPort } from "./kernel-port.ts";

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
  readonly #kernel: KernelPort;
  readonly #requests: KernelRequests;
  readonly #journal: Journal;
  readonly #options: CommitOptions;
  readonly #writer = new MessageWriter(BATCH_REQUESTS * KERNEL_FLOW_MAX_BYTES);
  readonly #flow = new FlowRegister();
  readonly #batch = new Int32Array(BATCH_REQUESTS);
  readonly #errors = new Int32Array(BATCH_REQUESTS);
  #batched = 0;
  #sequence = 1;
  #bucket = -1;
  #relatedPass = false;
  #relatedSeen = false;
  #committed = 0;
  #failed = 0;
  #startedAt = 0;
  #now = 0;
  #waiting: (() => void)[] = [];

  constructor(
    cache: FlowCache,
    kernel: KernelPort,
    requests: KernelRequests,
    journal: Journal,
    options: CommitOptions,
  ) {
    this.#cache = cache;
    this.#kernel = kernel;
    this.#requests = requests;
    this.#journal = journal;
    this.#options = options;
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
    this.#waiting.push(done);
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
    this.#batch[this.#batched] = ref;
    this.#create(ref, this.#flow, this.#sequence + this.#batched);
    this.#batched += 1;
    if (this.#batched === BATCH_REQUESTS) this.#sendBatch();
  };

  #create(ref: number, flow: FlowRegister, sequence: number): void {
    this.#requests.create(this.#writer, flow, this.#timeoutOf(ref, flow), sequence);
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
    const count = this.#batched;
    if (count === 0) return;
    const first = this.#sequence;
    this.#errors.fill(0, 0, count);
    const refused = this.#transact(first, count);
    this.#sequence += count;
    this.#batched = 0;
    let retry = 0;
    for (let i = 0; i < count; i++) {
      const errno = refused !== 0 ? refused : this.#errors[i]!;
      if (errno === 0) this.#committed += 1;
      else if (errno === EEXIST) this.#batch[retry++] = this.#batch[i]!;
      else this.#fail("commit-create", errno, this.#batch[i]!);
    }
    if (retry > 0) this.#replace(retry);
  }

  /** Entries that exist: delete each, then create it once more. */
  #replace(count: number): void {
    for (let from = 0; from < count; from += BATCH_REQUESTS / 2) {
      const some = Math.min(BATCH_REQUESTS / 2, count - from);
      const first = this.#sequence;
      for (let i = 0; i < some; i++) {
        const ref = this.#batch[from + i]!;
        this.#cache.load(ref, this.#flow);
        this.#requests.delete(this.#writer, this.#flow, first + i * 2);
        this.#create(ref, this.#flow, first + i * 2 + 1);
      }
      this.#errors.fill(0, 0, some * 2);
      const refused = this.#transact(first, some * 2);
      this.#sequence += some * 2;
      for (let i = 0; i < some; i++) {
        const ref = this.#batch[from + i]!;
        const deleted = refused !== 0 ? refused : this.#errors[i * 2]!;
        const created = this.#errors[i * 2 + 1]!;
        if (deleted !== 0 && deleted !== ENOENT) this.#fail("commit-destroy", deleted, ref);
        else if (created !== 0) this.#fail("commit-create", created, ref);
        else this.#committed += 1;
      }
    }
  }

  #transact(first: number, count: number): number {
    const refused = this.#kernel.transact(
      "commit",
      this.#writer.bytes,
      this.#writer.length,
      (sequence, errno) => {
        const at = sequence - first;
        if (at >= 0 && at < count) this.#errors[at] = errno;
      },
    );
    this.#writer.reset();
    return refused;
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
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const done of waiting) done();
  }
}
