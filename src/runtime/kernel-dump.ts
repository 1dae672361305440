/** The kernel's own tables as text, in pieces: what `-i` shows where there is no internal cache. */
import { ExpectationRegister } from "../flow/expectation.ts";
import { decodeKernelExpectation } from "../flow/expectation-kernel.ts";
import { expectationText } from "../flow/expectation-text.ts";
import type { FlowFilter } from "../flow/filter.ts";
import { decodeKernelFlow } from "../flow/kernel-table.ts";
import { FlowRegister } from "../flow/register.ts";
import { writeFlowText } from "../flow/text.ts";
import type { LineWriter } from "../kit/line-writer.ts";
import { IPCTNL_MSG_CT_GET, IPCTNL_MSG_EXP_GET } from "../netlink/message.ts";
import type { CacheDump } from "./cache-dump.ts";
import type { TableReader, TableRequest } from "./kernel.ts";

export interface ShownTable {
  readonly request: TableRequest;
  /** Writes an entry; false: it is none of ours. `now` in milliseconds since the Unix epoch. */
  readonly write: (
    out: LineWriter,
    bytes: Uint8Array,
    at: number,
    end: number,
    now: number,
  ) => boolean;
}

/** Plain text whatever was asked for, with timeout and use count, as the reference shows it. */
export function flowTable(filter: FlowFilter): ShownTable {
  const flow = new FlowRegister();
  return {
    request: IPCTNL_MSG_CT_GET,
    write(out, bytes, at, end, now) {
      const isShown = decodeKernelFlow(flow, bytes, at, end) && filter(flow);
      if (isShown) writeFlowText(out, flow, { timeout: true, now });
      return isShown;
    },
  };
}

const expectation = new ExpectationRegister();

export const expectationTable: ShownTable = {
  request: IPCTNL_MSG_EXP_GET,
  write(out, bytes, at, end) {
    const isShown = decodeKernelExpectation(expectation, bytes, at, end);
    if (isShown) out.text(expectationText(expectation, { timeout: true }));
    return isShown;
  },
};

/** `reader` was opened with the table's request. */
export function dumpKernel(reader: TableReader, table: ShownTable): CacheDump {
  let isOpen = true;
  const close = (): void => {
    if (isOpen) reader.close();
    isOpen = false;
  };
  return {
    close,
    next(out) {
      if (!isOpen) return false;
      const now = Date.now();
      const end = reader.read((bytes, at, stop) => {
        if (table.write(out, bytes, at, stop, now)) out.newline();
      });
      if (end !== undefined) close();
      return isOpen;
    },
  };
}
