/**
 * Entries that a batch file creates: kept as the requests that they become, and sent many at a time.
 *
 * The kernel goes on behind a request that it refuses; the reference does not. So every request creates
 * and never changes: then what was created behind a failure can be taken back. An entry that `-A` finds
 * in place is changed by a request of its own, when all before it have succeeded.
 *
 * Described in: doc/conntrack.md, "Batch files".
 */
import { KERNEL_FLOW_MAX_BYTES } from "../../flow/kernel-encode.ts";
import { decodeKernelFlow } from "../../flow/kernel-table.ts";
import { encodeCreate, encodeDelete } from "../../flow/kernel-template.ts";
import { FlowRegister } from "../../flow/register.ts";
import { MessageWriter, NLM_F_EXCL, readI32 } from "../../netlink/message.ts";
import type { NetlinkSession } from "../../runtime/netlink-session.ts";
import { ATTRIBUTES } from "./context.ts";
import { EEXIST } from "./failure.ts";
import type { Creation } from "./line-shapes.ts";

const PAGE_BYTES = 1 << 20;
/** Requests of one system call. */
const BATCH = 128;
const FIRST_LINES = 1024;

/** A request that the kernel refused. */
export interface Refused {
  readonly errno: number;
  readonly line: number;
  /** It was `-I`. */
  readonly isExclusive: boolean;
}

export class Creations {
  readonly #pages: MessageWriter[] = [];
  /** Of each request: its line, times two, plus one for `-I`. */
  #lines = new Uint32Array(FIRST_LINES);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add({ template, isExclusive }: Creation, line: number): void {
    let page = this.#pages.at(-1);
    if (page === undefined || page.room < KERNEL_FLOW_MAX_BYTES) {
      page = new MessageWriter(PAGE_BYTES);
      this.#pages.push(page);
    }
    if (this.#count === this.#lines.length) {
      const larger = new Uint32Array(this.#count * 2);
      larger.set(this.#lines);
      this.#lines = larger;
    }
    this.#lines[this.#count] = line * 2 + (isExclusive ? 1 : 0);
    encodeCreate(page, template, true, this.#count);
    this.#count += 1;
  }

  /** Send them all; the first that is refused ends it. */
  run(session: NetlinkSession): Refused | undefined {
    for (const page of this.#pages) {
      for (let at = 0; at < page.length; ) {
        const batch = takeBatch(page, at);
        const refused = this.#send(session, page.bytes, batch);
        if (refused !== undefined) return refused;
        at = batch.end;
      }
    }
    return undefined;
  }

  #send(session: NetlinkSession, bytes: Uint8Array, batch: Batch): Refused | undefined {
    const { starts, end } = batch;
    const first = readI32(bytes, starts[0]! + 8);
    const errors = new Map<number, number>();
    const at = starts[0]!;
    const failed = session.transact("commit", bytes.subarray(at), end - at, (sequence, errno) =>
      errors.set(sequence - first, errno),
    );
    if (failed !== 0) return this.#refused(first, failed);
    if (errors.size === 0) return undefined;
    for (let i = 0; i < starts.length; i++) {
      let errno = errors.get(i) ?? 0;
      const isAdd = (this.#lines[first + i]! & 1) === 0;
      if (errno === EEXIST && isAdd) errno = changeInPlace(session, bytes, starts[i]!);
      if (errno === 0) continue;
      const created = starts.slice(i + 1).filter((_, behind) => !errors.has(i + 1 + behind));
      takeBack(session, bytes, created);
      return this.#refused(first + i, errno);
    }
    return undefined;
  }

  #refused(index: number, errno: number): Refused {
    const line = this.#lines[index]!;
    return { errno, line: line >>> 1, isExclusive: (line & 1) === 1 };
  }
}

interface Batch {
  /** Where each request begins. */
  readonly starts: readonly number[];
  readonly end: number;
}

function takeBatch(page: MessageWriter, from: number): Batch {
  const starts: number[] = [];
  let at = from;
  while (at < page.length && starts.length < BATCH) {
    starts.push(at);
    at += readI32(page.bytes, at);
  }
  return { starts, end: at };
}

/** The same request, without the demand that the entry must not exist. */
function changeInPlace(session: NetlinkSession, bytes: Uint8Array, at: number): number {
  bytes[at + 7]! &= ~(NLM_F_EXCL >> 8);
  let refused = 0;
  const length = readI32(bytes, at);
  const failed = session.transact("commit", bytes.subarray(at), length, (_sequence, errno) => {
    refused = errno;
  });
  return failed || refused;
}

/** Delete what was created behind a failure. */
function takeBack(session: NetlinkSession, bytes: Uint8Array, starts: readonly number[]): void {
  const flow = new FlowRegister();
  const w = new MessageWriter(KERNEL_FLOW_MAX_BYTES);
  for (const at of starts) {
    if (!decodeKernelFlow(flow, bytes, at + ATTRIBUTES, at + readI32(bytes, at))) continue;
    w.reset();
    encodeDelete(w, flow, 1);
    session.request(w, () => undefined);
  }
}
