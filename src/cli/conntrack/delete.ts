/** `-D` on flows: entries that match are deleted, many with one system call, and printed. */
import { encodeDumpFilter } from "../../flow/dump-filter.ts";
import { encodeDelete } from "../../flow/kernel-template.ts";
import { flowMatch } from "../../flow/match.ts";
import { RequestBatch } from "../../flow/request-batch.ts";
import { IPCTNL_MSG_CT_GET } from "../../netlink/message.ts";
import type { Command } from "./command.ts";
import { type Context, succeed, summarizeChange } from "./context.ts";
import { ENOENT } from "./failure.ts";
import { checkSelection } from "./legality.ts";
import { dumpFlows } from "./list.ts";
import { FlowPrinter } from "./printing.ts";

/** Deletions in one system call. */
const BATCH = 128;

export function deleteFlows(command: Command, context: Context): number {
  checkSelection(command);
  const { template } = command;
  const matches = flowMatch(template);
  const printer = new FlowPrinter(command, undefined);
  const { writer } = printer;
  // A dump goes on meanwhile: deletions take another socket.
  const batch = new RequestBatch(context.changes, "flush", BATCH);
  /** Where the line of each entry of the batch begins, and what is printed of it. */
  const starts = new Int32Array(BATCH + 1);
  let count = 0;
  let failure = 0;
  const send = () => {
    const sent = batch.send();
    starts[sent] = writer.length;
    // From the last to the first, so that taking a line out moves none that is still to come.
    for (let i = sent - 1; i >= 0; i--) {
      const errno = batch.errorOf(i);
      if (errno === 0) count += 1;
      else writer.remove(starts[i]!, starts[i + 1]!);
      if (errno !== 0 && errno !== ENOENT) failure = errno;
    }
    printer.flushLarge();
  };
  const errno = dumpFlows(
    context.session,
    IPCTNL_MSG_CT_GET,
    command.family,
    (w) => encodeDumpFilter(w, template),
    (flow) => {
      if (failure !== 0 || !matches(flow)) return;
      starts[batch.count] = writer.length;
      printer.add(flow, "deleted");
      encodeDelete(batch.writer, flow, batch.next());
      if (batch.isFull) send();
    },
  );
  send();
  printer.flush();
  succeed("delete", failure || errno);
  return summarizeChange(context, count, "deleted");
}
