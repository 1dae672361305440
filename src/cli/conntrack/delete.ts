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

/** Deletions from which on they travel. A datagram of a dump holds some 270 entries at the most. */
const ENOUGH = 256;
const CAPACITY = 1024;
/** Bytes of lines from which on they are written. */
const PIECE_BYTES = 1 << 17;

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
  const refused = session.beginDump(request, 1);
  let errno = refused === 0 ? undefined : refused;
  while (errno === undefined) {
    errno = session.continueDump(visit);
    if (deletions.waiting >= ENOUGH) await deletions.depart();
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
  readonly #out = new LineWriter(PIECE_BYTES * 2);
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
      lines: new LineWriter(PIECE_BYTES),
      starts: new Int32Array(CAPACITY + 1),
    });
    this.#filling = trip();
    for (let i = 1; i < TRIPS; i++) this.#resting.push(trip());
    this.#printer = new FlowPrinter(command, undefined, () => this.#filling.lines);
  }

  /** Deletions that have not departed. */
  get waiting(): number {
    return this.#filling.batch.count;
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
    if (this.waiting > 0) await this.depart();
    await Promise.all(this.#travelling);
    this.#write();
  }

  /** Lines of what was deleted; what had gone by itself is no mistake. */
  #arrived({ batch, lines, starts }: Trip, count: number): void {
    for (let i = 0; i < count; i++) {
      const errno = batch.errorOf(i);
      if (errno === 0) {
        this.count += 1;
        this.#out.copy(lines, starts[i]!, starts[i + 1]!);
      } else if (errno !== ENOENT) {
        this.failure ||= errno;
      }
    }
    lines.cut();
    if (this.#out.length >= PIECE_BYTES) this.#write();
  }

  #write(): void {
    if (this.#out.length > 0) writeOut(this.#out.bytes, this.#out.length);
    this.#out.cut();
  }
}
