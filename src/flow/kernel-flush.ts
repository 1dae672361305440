/** `-F`: the kernel's table is emptied, as far as the filter goes. */
import type { KernelPort } from "../netlink/kernel-port.ts";
import type { FlowFilter } from "./filter.ts";
import type { KernelRequests } from "./kernel-request.ts";
import { decodeKernelFlow } from "./kernel-table.ts";
import { FlowRegister } from "./register.ts";
import { RequestBatch } from "./request-batch.ts";

/** Deletes the kernel's flows that pass the filter: what is ignored stays. */
export class KernelFlush {
  readonly #kernel: KernelPort;
  readonly #requests: KernelRequests;
  readonly #filter: FlowFilter;
  readonly #batch: RequestBatch;
  readonly #flow = new FlowRegister();
  running = false;

  constructor(kernel: KernelPort, requests: KernelRequests, filter: FlowFilter) {
    this.#kernel = kernel;
    this.#requests = requests;
    this.#filter = filter;
    this.#batch = new RequestBatch(kernel, "flush");
  }

  start(): void {
    this.running = this.#kernel.dump("flush", {
      onEntry: (bytes, at, end) => {
        if (!decodeKernelFlow(this.#flow, bytes, at, end) || !this.#filter(this.#flow)) return;
        this.#requests.delete(this.#batch.writer, this.#flow, this.#batch.next());
        // Errors do not matter: a flow that ended meanwhile is as good as deleted.
        if (this.#batch.isFull) this.#batch.send();
      },
      onDone: () => {
        this.#batch.send();
        this.running = false;
      },
    });
  }
}
