/**
 * `DisableExternalCache`: a peer's messages go straight into the kernel.
 *
 * Requests gather in a batch; a second message about a flow that is already in the batch sends it first,
 * so the fall-backs of one message never overtake the next. Fall-backs per message as in
 * doc/sync/machines.md, "Injection".
 */

import { KERNEL_FLOW_MAX_BYTES } from "../flow/kernel-encode.ts";
import type { KernelRequests } from "../flow/kernel-request.ts";
import { hashFlow } from "../flow/key.ts";
import { FlowRegister, Has0, W } from "../flow/register.ts";
import { MessageWriter } from "../netlink/message.ts";
import { BATCH_REQUESTS, EEXIST, ENOENT, type Journal, type KernelPort } from "./kernel-port.ts";
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

export class Injector {
  readonly counters: InjectCounters = {
    created: 0,
    createFailed: 0,
    updated: 0,
    updateFailed: 0,
    destroyed: 0,
    destroyFailed: 0,
  };
  readonly #kernel: KernelPort;
  readonly #requests: KernelRequests;
  readonly #journal: Journal;
  readonly #flowLine: (flow: FlowRegister) => string;
  readonly #writer = new MessageWriter(BATCH_REQUESTS * KERNEL_FLOW_MAX_BYTES);
  readonly #single = new MessageWriter(KERNEL_FLOW_MAX_BYTES);
  /** The flows of the batch, for fall-backs. */
  readonly #flows = Array.from({ length: BATCH_REQUESTS }, () => new FlowRegister());
  readonly #types = new Uint8Array(BATCH_REQUESTS);
  readonly #hashes = new Int32Array(BATCH_REQUESTS);
  readonly #errors = new Int32Array(BATCH_REQUESTS);
  #batched = 0;
  #sequence = 1;

  constructor(
    kernel: KernelPort,
    requests: KernelRequests,
    journal: Journal,
    flowLine: (flow: FlowRegister) => string,
  ) {
    this.#kernel = kernel;
    this.#requests = requests;
    this.#journal = journal;
    this.#flowLine = flowLine;
  }

  /** Take a message of a peer: CT_NEW, CT_UPD or CT_DEL. */
  apply(type: number, flow: FlowRegister): void {
    const hash = hashFlow(flow, 0);
    for (let i = 0; i < this.#batched; i++) {
      if (this.#hashes[i] === hash) {
        this.flush();
        break;
      }
    }
    const slot = this.#batched;
    this.#hashes[slot] = hash;
    this.#types[slot] = type;
    this.#flows[slot]!.copyFrom(flow);
    const sequence = this.#sequence + slot;
    if (type === MessageType.CT_NEW) this.#create(this.#writer, flow, sequence);
    else if (type === MessageType.CT_UPD) this.#requests.update(this.#writer, flow, sequence);
    else this.#requests.delete(this.#writer, flow, sequence);
    this.#batched += 1;
    if (this.#batched === BATCH_REQUESTS) this.flush();
  }

  /** Send what has gathered. */
  flush(): void {
    const count = this.#batched;
    if (count === 0) return;
    const first = this.#sequence;
    this.#errors.fill(0, 0, count);
    const refused = this.#kernel.transact(
      "inject",
      this.#writer.bytes,
      this.#writer.length,
      (sequence, errno) => {
        const at = sequence - first;
        if (at >= 0 && at < count) this.#errors[at] = errno;
      },
    );
    this.#writer.reset();
    this.#sequence += count;
    this.#batched = 0;
    for (let i = 0; i < count; i++) {
      this.#settle(this.#types[i]!, this.#flows[i]!, refused !== 0 ? refused : this.#errors[i]!);
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
      failed = this.#one((w, sequence) => this.#create(w, flow, sequence));
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
    const deleted = this.#one((w, sequence) => this.#requests.delete(w, flow, sequence));
    if (deleted !== 0 && deleted !== ENOENT) return deleted;
    return this.#one((w, sequence) => this.#create(w, flow, sequence));
  }

  #create(w: MessageWriter, flow: FlowRegister, sequence: number): void {
    const timeout = flow.has0(Has0.timeout) ? flow.words[W.timeout]! : FALLBACK_TIMEOUT;
    this.#requests.create(w, flow, timeout, sequence);
  }

  /** One request on its own; the errno it met. */
  #one(write: (w: MessageWriter, sequence: number) => void): number {
    const sequence = this.#sequence++;
    let met = 0;
    write(this.#single, sequence);
    const refused = this.#kernel.transact(
      "inject",
      this.#single.bytes,
      this.#single.length,
      (of, errno) => {
        if (of === sequence) met = errno;
      },
    );
    this.#single.reset();
    return refused !== 0 ? refused : met;
  }

  #warn(text: string, errno: number, flow: FlowRegister): void {
    this.#journal.warning(`${text}: ${this.#journal.errnoText(errno)}`);
    this.#journal.flow(this.#flowLine(flow));
  }
}
