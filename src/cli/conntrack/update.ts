/** `-U`: entries that match are changed, many with one system call, read again and printed. */
import { encodeTupleFilter } from "../../flow/dump-filter.ts";
import { decodeKernelFlow } from "../../flow/kernel-table.ts";
import { encodeGet, UpdateRequests } from "../../flow/kernel-template.ts";
import { updateMatch } from "../../flow/match.ts";
import { FlowRegister } from "../../flow/register.ts";
import { RequestBatch, RequestNumbers } from "../../flow/request-batch.ts";
import { IPCTNL_MSG_CT_GET } from "../../netlink/message.ts";
import type { Command } from "./command.ts";
import { ATTRIBUTES, type Context, succeed, summarizeChange } from "./context.ts";
import { ENOENT, ENOSPC } from "./failure.ts";
import { checkSelection, optionBit } from "./legality.ts";
import { dumpFlows } from "./list.ts";
import { FlowPrinter } from "./printing.ts";

/** Updates in one system call; their answers must fit the socket. */
const BATCH = 64;
const LABEL_DEL = optionBit("label-del");

export function updateFlows(command: Command, context: Context): number {
  checkSelection(command);
  const { template, addBits, clearBits, options, labelsToClear } = command;
  const labels = {
    add: addBits,
    clear: clearBits,
    clearAll: (options & LABEL_DEL) !== 0 && labelsToClear.length === 0,
  };
  const changesLabels = labels.clearAll || addBits.length > 0 || clearBits.length > 0;
  const matches = updateMatch(template);
  const requests = new UpdateRequests(template, labels);
  const work = new UpdateWork(context, new FlowPrinter(command, context.labels), changesLabels);
  const errno = dumpFlows(
    context.session,
    IPCTNL_MSG_CT_GET,
    command.family,
    (w) => encodeTupleFilter(w, template),
    (flow) => {
      if (work.failure === 0 && matches(flow) && requests.shape(flow)) work.add(flow, requests);
    },
  );
  work.send();
  work.printer.flush();
  succeed("update", work.failure || errno);
  return summarizeChange(context, work.count, "updated");
}

/** Updates that travel together, and the look at what became of them. */
class UpdateWork {
  readonly printer: FlowPrinter;
  count = 0;
  /** The first errno that ends the command. */
  failure = 0;
  readonly #changesLabels: boolean;
  readonly #updates: RequestBatch;
  readonly #lookups: RequestBatch;
  /** The entries of the batch, to look them up afterwards. */
  readonly #entries = Array.from({ length: BATCH }, () => new FlowRegister());

  constructor({ changes }: Context, printer: FlowPrinter, changesLabels: boolean) {
    this.printer = printer;
    this.#changesLabels = changesLabels;
    // The numbers of both are one sequence, because they share a socket.
    const numbers = new RequestNumbers();
    this.#updates = new RequestBatch(changes, "flush", BATCH, numbers);
    this.#lookups = new RequestBatch(changes, "flush", BATCH, numbers);
    const flow = new FlowRegister();
    changes.onMessage = (bytes, at, end) => {
      if (!decodeKernelFlow(flow, bytes, at + ATTRIBUTES, end)) return;
      this.count += 1;
      printer.line(flow, "updated");
    };
  }

  add(flow: FlowRegister, requests: UpdateRequests): void {
    this.#entries[this.#updates.count]!.copyFrom(flow);
    requests.encode(this.#updates.writer, this.#updates.next());
    if (this.#updates.isFull) this.send();
  }

  send(): void {
    const sent = this.#updates.send();
    for (let i = 0; i < sent; i++) {
      const errno = this.#updates.errorOf(i);
      if (errno === 0) encodeGet(this.#lookups.writer, this.#entries[i]!, this.#lookups.next());
      else if (!this.#isHarmless(errno)) this.failure ||= errno;
    }
    const asked = this.#lookups.send();
    for (let i = 0; i < asked; i++) {
      const errno = this.#lookups.errorOf(i);
      if (errno !== 0 && errno !== ENOENT) this.failure ||= errno;
    }
  }

  /** The entry has gone; or it was made without room for labels. */
  #isHarmless(errno: number): boolean {
    return errno === ENOENT || (errno === ENOSPC && this.#changesLabels);
  }
}
