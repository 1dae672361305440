/** The kernel's own tables as text, in pieces: what `-i` shows where there is no internal cache. */
import { ExpectationRegister } from "../flow/expectation.ts";
import { decodeKernelExpectation } from "../flow/expectation-kernel.ts";
import { expectationText } from "../flow/expectation-text.ts";
import type { FlowFilter } from "../flow/filter.ts";
import { decodeKernelFlow } from "../flow/kernel-table.ts";
import { FlowRegister } from "../flow/register.ts";
import { flowText } from "../flow/text.ts";
import { IPCTNL_MSG_CT_GET, IPCTNL_MSG_EXP_GET } from "../netlink/message.ts";
import type { CacheDump } from "./cache-dump.ts";
import type { TableReader, TableRequest } from "./kernel.ts";

export interface ShownTable {
  readonly request: TableRequest;
  /** The line of an entry; undefined: it is none of ours. `now` in milliseconds since the Unix epoch. */
  readonly line: (bytes: Uint8Array, at: number, end: number, now: number) => string | undefined;
}

/** Plain text whatever was asked for, with timeout and use count, as the reference shows it. */
export function flowTable(filter: FlowFilter): ShownTable {
  const flow = new FlowRegister();
  return {
    request: IPCTNL_MSG_CT_GET,
    line(bytes, at, end, now) {
      const isShown = decodeKernelFlow(flow, bytes, at, end) && filter(flow);
      return isShown ? flowText(flow, { timeout: true, now }) : undefined;
    },
  };
}

const expectation = new ExpectationRegister();

export const expectationTable: ShownTable = {
  request: IPCTNL_MSG_EXP_GET,
  line(bytes, at, end) {
    const isShown = decodeKernelExpectation(expectation, bytes, at, end);
    return isShown ? expectationText(expectation, { timeout: true }) : undefined;
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
    next() {
      let piece = "";
      const now = Date.now();
      while (isOpen && piece === "") {
        const end = reader.read((bytes, at, stop) => {
          const line = table.line(bytes, at, stop, now);
          if (line !== undefined) piece += `${line}\n`;
        });
        if (end !== undefined) close();
      }
      return piece === "" ? null : piece;
    },
  };
}
