/**
 * `-D` on flows: entries that match are deleted, many with one system call, and printed. The kernel deletes on another
 * thread while the next entries are read.
 */
import { encodeDumpFilter } from "../../flow/dump-filter.ts";
import { encodeDelete } from "../../flow/kernel-template.ts";
import { flowMatch } from "../../flow/match.ts";
import type { FlowRegister } from "../../flow/register.ts";
import { RequestBatch, RequestNumbers } from "../../flow/request-batch.ts";
import { LineWriter } from "../../kit/line-writer.ts";
import { IPCTNL_MSG_CT_GET } from "../../netlink/message.ts";
import { writeOut } from "../../runtime/standard-output.ts";
import type { Command } from "./command.ts";
import { type Context, succeed, summarizeChange } from "./context.ts";
import { ENOENT } from "./failure.ts";
import { checkSelection } from "./legality.ts";
import { flowDump, flowVisitor } from "./list.ts";
import { FlowPrinter } from "./printing.ts";

/** Datagrams of a dump that are read before deletions may travel: of 32 KiB each. */
const PART_DATAGRAMS = 2;
/** Bytes of deletions from which on they travel. A deletion is shorter than the entry it was made from, so a part fits behind. */
const ENOUGH_BYTES = 60 << 10;
/** More deletions than a batch has room for: each takes 64 bytes and more. */
const CAPACITY = 2048;
/** Room for the lines of most trips. */
const LINES_BYTES = 1 << 18;

export async function deleteFlows(command: Command, context: Context): Promise<number> {
  checkSelection(command);
  const { template } = command;
  const { session } = context;
  const matches = flowMatch(template);
  const deletions = new Deletions(command, context);
  const visit = flowVisitor((flow) => {
    if (deletions.failure === 0 && matches(flow)) deletions.add(flow);
  });
  const request = flowDump(IPCTNL_MSG_CT_GET, command.family, (w) => encodeDumpFilter(w, template));
  const refused = session.beginDump(request, PART_DATAGRAMS);
  let errno = refused === 0 ? undefined : refused;
  while (errno === undefined) {
    errno = session.continueDump(visit);
    if (deletions.waitingBytes >= ENOUGH_BYTES) await deletions.depart();
  }
  await deletions.finish();
  succeed("delete", deletions.failure || errno);
  return summarizeChange(context, deletions.count, "deleted");
}

/** Deletions that travel together, and the line of each. */
interface Trip {
  readonly batch: RequestBatch;
  readonly lines: LineWriter;
  /** Where the line of each entry begins; one more: where the last one ends. */
  readonly starts: Int32Array;
}

/** One is at work in the kernel, the next waits at its door, a third is made ready. */
const TRIPS = 3;

class Deletions {
  count = 0;
  /** The first errno that ends the command. */
  failure = 0;
  readonly #printer: FlowPrinter;
  #filling: Trip;
  /** Trips that are neither made ready nor on their way. */
  readonly #resting: Trip[] = [];
  /** The end of each trip that is on its way. */
  readonly #travelling: Promise<void>[] = [];

  /** A dump goes on meanwhile: deletions take another socket. */
  constructor(command: Command, { changes }: Context) {
    const numbers = new RequestNumbers();
    const trip = (): Trip => ({
      batch: new RequestBatch(changes, "flush", CAPACITY, numbers),
      lines: new LineWriter(LINES_BYTES),
      starts: new Int32Array(CAPACITY + 1),
    });
    this.#filling = trip();
    for (let i = 1; i < TRIPS; i++) this.#resting.push(trip());
    this.#printer = new FlowPrinter(command, undefined, () => this.#filling.lines);
  }

  /** Bytes of the deletions that have not departed. */
  get waitingBytes(): number {
    const { batch } = this.#filling;
    return batch.count === 0 ? 0 : batch.writer.length;
  }

  add(flow: FlowRegister): void {
    const { batch, lines, starts } = this.#filling;
    starts[batch.count] = lines.length;
    this.#printer.add(flow, "deleted");
    encodeDelete(batch.writer, flow, batch.next());
  }

  /** Resolves when they are on their way. */
  async depart(): Promise<void> {
    while (this.#resting.length === 0) await this.#travelling.shift();
    const trip = this.#filling;
    this.#filling = this.#resting.pop()!;
    trip.starts[trip.batch.count] = trip.lines.length;
    const arrival = new Promise<void>((resolve) => {
      trip.batch.dispatch((count) => {
        this.#arrived(trip, count);
        this.#resting.push(trip);
        resolve();
      });
    });
    this.#travelling.push(arrival);
  }

  async finish(): Promise<void> {
    if (this.waitingBytes > 0) await this.depart();
    await Promise.all(this.#travelling);
  }

  /** Writes the lines of what was deleted; what had gone by itself is no mistake. */
  #arrived({ batch, lines, starts }: Trip, count: number): void {
    let kept = 0;
    for (let i = 0; i < count; i++) {
      const errno = batch.errorOf(i);
      const start = starts[i]!;
      const end = starts[i + 1]!;
      if (errno === 0) {
        if (kept < start) lines.bytes.copyWithin(kept, start, end);
        kept += end - start;
        this.count += 1;
      } else if (errno !== ENOENT) {
        this.failure ||= errno;
      }
    }
    if (kept > 0) writeOut(lines.bytes, kept);
    lines.cut();
  }
}
