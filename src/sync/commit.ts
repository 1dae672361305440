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
import { decodeKernelFlow } from "../flow/kernel-table.ts";
import { FlowRegister, Has0, W } from "../flow/register.ts";
import { RequestBatch, RequestNumbers } from "../flow/request-batch.ts";
import type { Journal } from "../kit/journal.ts";
import { BATCH_REQUESTS, EEXIST, ENOENT, type KernelPort } from "../netlink/kernel-port.ts";
import { NFGEN_BYTES, NLMSG_HEADER_BYTES, readI32 } from "../netlink/message.ts";
import { CommitTally, timeoutLeft } from "./commit-tally.ts";

/** Entries of one step and of one batch: less than a millisecond of the kernel's work. */
export const COMMIT_STEP_ENTRIES = 256;
/** Requests of a batch; a step may see some entries more. */
const TRIP_REQUESTS = 2 * COMMIT_STEP_ENTRIES;
/** Entries that exist are replaced by this many at a time. */
const REPLACE_ENTRIES = BATCH_REQUESTS / 2;

/** A batch of creations, and where in it each request starts. */
interface Trip {
  readonly batch: RequestBatch;
  readonly offsets: Int32Array;
}

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
  readonly #options: CommitOptions;
  readonly #tally: CommitTally;
  readonly #flow = new FlowRegister();
  /** Deletes what exists and creates it again. */
  readonly #replacing: RequestBatch;
  /** Two batches: the kernel works through one while the other is filled. */
  #filling: Trip;
  #resting: Trip;
  #isTravelling = false;
  #bucket = -1;
  #relatedPass = false;
  #relatedSeen = false;
  #isRunning = false;
  #now = 0;
  #resume: () => void = () => {};
  #done: () => void = () => {};

  constructor(
    cache: FlowCache,
    kernel: KernelPort,
    requests: KernelRequests,
    journal: Journal,
    options: CommitOptions,
  ) {
    this.#cache = cache;
    this.#requests = requests;
    this.#options = options;
    this.#tally = new CommitTally("entries", journal, options.microseconds);
    const numbers = new RequestNumbers();
    const trip = (): Trip => ({
      batch: new RequestBatch(kernel, "commit", TRIP_REQUESTS, numbers),
      offsets: new Int32Array(TRIP_REQUESTS),
    });
    this.#filling = trip();
    this.#resting = trip();
    this.#replacing = new RequestBatch(kernel, "commit", BATCH_REQUESTS, numbers);
  }

  /** Entries there are to commit. */
  get size(): number {
    return this.#cache.active;
  }

  /** Begin. `resume` is called when `step` has something to do again, `done` after the last entry. */
  start(resume: () => void, done: () => void): void {
    this.#isRunning = true;
    this.#bucket = 0;
    this.#relatedPass = false;
    this.#relatedSeen = false;
    this.#tally.start();
    this.#resume = resume;
    this.#done = done;
    this.#cache.beginScan();
  }

  /** Do a piece; `now` in seconds, the clock of the cache's entries. False: wait for `resume`, or done. */
  step(now: number): boolean {
    this.#now = now;
    if (this.#bucket >= 0 && this.#filling.batch.count < COMMIT_STEP_ENTRIES) {
      this.#bucket = this.#cache.scan(this.#bucket, COMMIT_STEP_ENTRIES, this.#visit);
    }
    if (this.#isTravelling) return false;
    if (this.#filling.batch.count > 0) this.#depart();
    else if (this.#bucket < 0) this.#endPass();
    return this.#isRunning;
  }

  readonly #visit = (ref: number): void => {
    const { batch, offsets } = this.#filling;
    // More than a step ought to see: no waiting for the other batch.
    if (batch.isFull) this.#arrived(this.#filling, batch.send());
    const flow = this.#flow;
    this.#cache.load(ref, flow);
    const related = isRelated(flow);
    this.#relatedSeen ||= related;
    if (related !== this.#relatedPass) return;
    const index = batch.count;
    const sequence = batch.next();
    offsets[index] = batch.writer.length;
    this.#requests.create(batch.writer, flow, this.#timeoutOf(ref, flow), sequence);
  };

  #depart(): void {
    const trip = this.#filling;
    this.#filling = this.#resting;
    this.#resting = trip;
    this.#isTravelling = true;
    trip.batch.dispatch((count) => {
      this.#isTravelling = false;
      this.#arrived(trip, count);
      // At once, so that the kernel does not wait while this thread does something else.
      if (this.#filling.batch.count > 0) this.#depart();
      this.#resume();
    });
  }

  /** What a batch met. Its entries may be gone meanwhile: the requests tell which flows they were. */
  #arrived({ batch, offsets }: Trip, count: number): void {
    const { bytes } = batch.writer;
    let existing = 0;
    for (let i = 0; i < count; i++) {
      const errno = batch.errorOf(i);
      if (errno === 0) this.#tally.committed += 1;
      else if (errno === EEXIST) offsets[existing++] = offsets[i]!;
      else this.#fail("commit-create", errno, bytes, offsets[i]!);
    }
    for (let from = 0; from < existing; from += REPLACE_ENTRIES) {
      this.#replace(bytes, offsets.subarray(from, Math.min(existing, from + REPLACE_ENTRIES)));
    }
  }

  /** Entries that exist: delete each, then create it once more. */
  #replace(bytes: Uint8Array, offsets: Int32Array): void {
    const batch = this.#replacing;
    const { writer } = batch;
    for (const at of offsets) {
      this.#requests.delete(writer, this.#requested(bytes, at), batch.next());
      writer.repeat(bytes, at, batch.next());
    }
    batch.send();
    for (let i = 0; i < offsets.length; i++) {
      const deleted = batch.errorOf(i * 2);
      const created = batch.errorOf(i * 2 + 1);
      if (deleted !== 0 && deleted !== ENOENT) {
        this.#fail("commit-destroy", deleted, bytes, offsets[i]!);
      } else if (created !== 0) this.#fail("commit-create", created, bytes, offsets[i]!);
      else this.#tally.committed += 1;
    }
  }

  /** The flow of the request at `at`. */
  #requested(bytes: Uint8Array, at: number): FlowRegister {
    const attributes = at + NLMSG_HEADER_BYTES + NFGEN_BYTES;
    decodeKernelFlow(this.#flow, bytes, attributes, at + readI32(bytes, at));
    return this.#flow;
  }

  #timeoutOf(ref: number, flow: FlowRegister): number {
    if (this.#options.timeout !== 0) return this.#options.timeout;
    const own = flow.has0(Has0.timeout) ? flow.words[W.timeout]! : 0;
    return timeoutLeft(own, this.#now - this.#cache.updated(ref));
  }

  #fail(what: string, errno: number, bytes: Uint8Array, at: number): void {
    this.#tally.fail(what, errno, this.#options.flowLine(this.#requested(bytes, at)));
  }

  #endPass(): void {
    if (!this.#relatedPass && this.#relatedSeen) {
      this.#relatedPass = true;
      this.#bucket = 0;
      return;
    }
    this.#isRunning = false;
    this.#cache.endScan();
    this.#tally.finish();
    this.#done();
  }
}
