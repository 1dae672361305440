/**
 * `DisableExternalCache`: what a peer says of expectations goes straight into the kernel, one by one.
 *
 * Expectations are few, and each needs its master in the kernel first: the flows that came before it are
 * sent before it. Described in: doc/sync/machines.md, "Injection".
 */
import type { ExpectationRegister } from "../flow/expectation.ts";
import { createExpectation, deleteExpectation } from "../flow/expectation-kernel.ts";
import { RequestBatch } from "../flow/request-batch.ts";
import type { Journal } from "../kit/journal.ts";
import { EEXIST, ENOENT, type KernelPort } from "../netlink/kernel-port.ts";
import type { ExternalSide } from "./external.ts";
import { type InjectCounters, newInjectCounters } from "./inject.ts";
import { MessageType } from "./message.ts";

export class InjectedExpectations implements ExternalSide<ExpectationRegister> {
  readonly counters: InjectCounters = newInjectCounters();
  readonly #flows: { flush(): void };
  readonly #journal: Journal;
  readonly #line: (expectation: ExpectationRegister) => string;
  readonly #single: RequestBatch;

  /** `flows`: what gathers there goes first. */
  constructor(
    flows: { flush(): void },
    kernel: KernelPort,
    journal: Journal,
    line: (expectation: ExpectationRegister) => string,
  ) {
    this.#flows = flows;
    this.#journal = journal;
    this.#line = line;
    this.#single = new RequestBatch(kernel, "inject", 1);
  }

  apply(type: number, expectation: ExpectationRegister): void {
    this.#flows.flush();
    if (type === MessageType.CT_DEL) this.#destroy(expectation);
    else this.#replace(type, expectation);
  }

  flush(): void {}

  expire(): boolean {
    return true;
  }

  /** What is in the kernel stays there. */
  clear(): void {}

  #replace(type: number, expectation: ExpectationRegister): void {
    let text = "could not add new exp entry";
    let failed = this.#create(expectation);
    if (failed === EEXIST) {
      text = "could not add new exp entry, even when deleting it first";
      failed = this.#delete(expectation);
      if (failed === 0 || failed === ENOENT) failed = this.#create(expectation);
    }
    const { counters } = this;
    if (type === MessageType.CT_UPD) counters[failed === 0 ? "updated" : "updateFailed"] += 1;
    else counters[failed === 0 ? "created" : "createFailed"] += 1;
    if (failed !== 0) this.#warn(text, failed, expectation);
  }

  #destroy(expectation: ExpectationRegister): void {
    const failed = this.#delete(expectation);
    if (failed === 0) this.counters.destroyed += 1;
    else if (failed !== ENOENT) {
      this.counters.destroyFailed += 1;
      this.#warn("could not delete exp entry", failed, expectation);
    }
  }

  #create(expectation: ExpectationRegister): number {
    createExpectation(this.#single.writer, expectation, this.#single.next());
    this.#single.send();
    return this.#single.errorOf(0);
  }

  #delete(expectation: ExpectationRegister): number {
    deleteExpectation(this.#single.writer, expectation, this.#single.next());
    this.#single.send();
    return this.#single.errorOf(0);
  }

  #warn(text: string, errno: number, expectation: ExpectationRegister): void {
    this.#journal.warning(`${text}: ${this.#journal.errnoText(errno)}`);
    this.#journal.flow(this.#line(expectation));
  }
}
