/**
 * `DisableExternalCache`: a peer's messages go straight into the kernel.
 *
 * Requests gather in a batch; a second message about a flow that is already in the batch sends it first,
 * so the fall-backs of one message never overtake the next. Fall-backs per message as in
 * doc/sync/machines.md, "Injection".
 */
import type { KernelRequests } from "../flow/kernel-request.ts";
import { hashFlow } from "../flow/key.ts";
import { FlowRegister, Has0, W } from "../flow/register.ts";
import { RequestBatch } from "../flow/request-batch.ts";
import type { Journal } from "../kit/journal.ts";
import { BATCH_REQUESTS, EEXIST, ENOENT, type KernelPort } from "../netlink/kernel-port.ts";
import { MessageType } from "./message.ts";

/** Timeout of a flow whose sender keeps it to itself (`CommitTimeout` there), in seconds. */
const FALLBACK_TIMEOUT = 60;

export interface InjectCounters {
  created: number;
  createFailed: number;
  updated: number;
  updateFailed: number;
  destroyed: number;
  destroyFailed: number;
}

export function newInjectCounters(): InjectCounters {
  return {
    created: 0,
    createFailed: 0,
    updated: 0,
    updateFailed: 0,
    destroyed: 0,
    destroyFailed: 0,
  };
}

export class Injector {
  readonly counters: InjectCounters = newInjectCounters();
  readonly #requests: KernelRequests;
  readonly #journal: Journal;
  readonly #flowLine: (flow: FlowRegister) => string;
  readonly #batch: RequestBatch;
  /** For fall-backs, one request at a time. */
  readonly #single: RequestBatch;
  /** The flows of the batch, for fall-backs. */
  readonly #flows = Array.from({ length: BATCH_REQUESTS }, () => new FlowRegister());
  readonly #types = new Uint8Array(BATCH_REQUESTS);
  readonly #hashes = new Int32Array(BATCH_REQUESTS);

  constructor(
    kernel: KernelPort,
    requests: KernelRequests,
    journal: Journal,
    flowLine: (flow: FlowRegister) => string,
  ) {
    this.#batch = new RequestBatch(kernel, "inject");
    this.#single = new RequestBatch(kernel, "inject", 1);
    this.#requests = requests;
    this.#journal = journal;
    this.#flowLine = flowLine;
  }

  /** Take a message of a peer: CT_NEW, CT_UPD or CT_DEL. */
  apply(type: number, flow: FlowRegister): void {
    const hash = hashFlow(flow, 0);
    for (let i = 0; i < this.#batch.count; i++) {
      if (this.#hashes[i] === hash) {
        this.flush();
        break;
      }
    }
    const slot = this.#batch.count;
    this.#hashes[slot] = hash;
    this.#types[slot] = type;
    this.#flows[slot]!.copyFrom(flow);
    if (type === MessageType.CT_NEW) this.#create(this.#batch, flow);
    else if (type === MessageType.CT_UPD) {
      this.#requests.update(this.#batch.writer, flow, this.#batch.next());
    } else this.#requests.delete(this.#batch.writer, flow, this.#batch.next());
    if (this.#batch.isFull) this.flush();
  }

  /** Send what has gathered. */
  flush(): void {
    const count = this.#batch.send();
    for (let i = 0; i < count; i++) {
      this.#settle(this.#types[i]!, this.#flows[i]!, this.#batch.errorOf(i));
    }
  }

  #settle(type: number, flow: FlowRegister, errno: number): void {
    if (type === MessageType.CT_NEW) this.#settleNew(flow, errno);
    else if (type === MessageType.CT_UPD) this.#settleUpdate(flow, errno);
    else this.#settleDelete(flow, errno);
  }

  #settleNew(flow: FlowRegister, errno: number): void {
    let failed = errno;
    let text = "could not add new ct entry";
    if (errno === EEXIST) {
      text = "could not add new ct entry, even when deleting it first";
      failed = this.#recreate(flow);
    }
    if (failed === 0) this.counters.created += 1;
    else {
      this.counters.createFailed += 1;
      this.#warn(text, failed, flow);
    }
  }

  #settleUpdate(flow: FlowRegister, errno: number): void {
    let failed = errno;
    let text = "could not update ct entry";
    if (errno === ENOENT) {
      text = "could not update ct entry, even if creating it instead";
      failed = this.#createNow(flow);
    } else if (errno !== 0) {
      text = "could not update ct entry, even when deleting it first";
      failed = this.#recreate(flow);
    }
    if (failed === 0) this.counters.updated += 1;
    else {
      this.counters.updateFailed += 1;
      this.#warn(text, failed, flow);
    }
  }

  #settleDelete(flow: FlowRegister, errno: number): void {
    if (errno === 0) this.counters.destroyed += 1;
    else if (errno !== ENOENT) {
      this.counters.destroyFailed += 1;
      this.#warn("could not destroy ct entry", errno, flow);
    }
  }

  #recreate(flow: FlowRegister): number {
    this.#requests.delete(this.#single.writer, flow, this.#single.next());
    this.#single.send();
    const deleted = this.#single.errorOf(0);
    return deleted === 0 || deleted === ENOENT ? this.#createNow(flow) : deleted;
  }

  #createNow(flow: FlowRegister): number {
    this.#create(this.#single, flow);
    this.#single.send();
    return this.#single.errorOf(0);
  }

  #create(batch: RequestBatch, flow: FlowRegister): void {
    const timeout = flow.has0(Has0.timeout) ? flow.words[W.timeout]! : FALLBACK_TIMEOUT;
    this.#requests.create(batch.writer, flow, timeout, batch.next());
  }

  #warn(text: string, errno: number, flow: FlowRegister): void {
    this.#journal.warning(`${text}: ${this.#journal.errnoText(errno)}`);
    this.#journal.flow(this.#flowLine(flow));
  }
}
