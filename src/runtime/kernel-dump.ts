/** The kernel's own table as text, in pieces: what `-i` shows where there is no internal cache. */
import type { FlowFilter } from "../flow/filter.ts";
import { decodeKernelFlow } from "../flow/kernel-table.ts";
import { FlowRegister } from "../flow/register.ts";
import { flowText } from "../flow/text.ts";
import type { CacheDump } from "./cache-dump.ts";
import type { TableReader } from "./kernel.ts";

/** Plain text whatever was asked for, with timeout and use count, as the reference shows it. */
export function dumpKernel(reader: TableReader, filter: FlowFilter): CacheDump {
  const flow = new FlowRegister();
  let isOpen = true;
  const close = (): void => {
    if (isOpen) reader.close();
    isOpen = false;
  };
  return {
    close,
    next() {
      let piece = "";
      const options = { timeout: true, now: Date.now() };
      while (isOpen && piece === "") {
        const end = reader.read((bytes, at, stop) => {
          if (!decodeKernelFlow(flow, bytes, at, stop) || !filter(flow)) return;
          piece += `${flowText(flow, options)}\n`;
        });
        if (end !== undefined) close();
      }
      return piece === "" ? null : piece;
    },
  };
}
