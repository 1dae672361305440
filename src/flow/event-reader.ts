/**
 * The kernel's announcements and table entries, read into a register, filtered and counted. What a
 * change means to a cache is not known here.
 *
 * Described in: doc/sync/machines.md, "Kernel events".
 */
import { newEventCounters } from "../netlink/event-counters.ts";
import {
  IPCTNL_MSG_CT_DELETE,
  IPCTNL_MSG_CT_NEW,
  NFGEN_BYTES,
  NLM_F_CREATE,
  NLMSG_HEADER_BYTES,
  readU16,
} from "../netlink/message.ts";
import type { FlowFilter } from "./filter.ts";
import { decodeKernelFlow } from "./kernel-table.ts";
import { FlowRegister } from "./register.ts";

/** What happened to the flow in the register; `none`: there is nothing to look at. */
export const Happened = { none: 0, created: 1, updated: 2, destroyed: 3 } as const;
export type Happened = (typeof Happened)[keyof typeof Happened];

export interface EventReaderOptions {
  readonly filter: FlowFilter;
  /** Events were filtered by the kernel already; table entries never are. */
  readonly filteredByKernel: boolean;
}

export class EventReader {
  /** The flow that was read last. */
  readonly flow = new FlowRegister();
  readonly counters = newEventCounters();
  readonly #filter: FlowFilter;
  readonly #filteredByKernel: boolean;

  constructor({ filter, filteredByKernel }: EventReaderOptions) {
    this.#filter = filter;
    this.#filteredByKernel = filteredByKernel;
  }

  /** A message of the event socket, header and all; it ends before `end`. */
  event(bytes: Uint8Array, at: number, end: number): Happened {
    this.counters.received += 1;
    const type = readU16(bytes, at + 4);
    if (type !== IPCTNL_MSG_CT_NEW && type !== IPCTNL_MSG_CT_DELETE) {
      this.counters.unknown += 1;
      return Happened.none;
    }
    if (!decodeKernelFlow(this.flow, bytes, at + NLMSG_HEADER_BYTES + NFGEN_BYTES, end)) {
      this.counters.failed += 1;
      return Happened.none;
    }
    if (!this.#filteredByKernel && !this.#filter(this.flow)) {
      this.counters.filtered += 1;
      return Happened.none;
    }
    if (type === IPCTNL_MSG_CT_DELETE) return Happened.destroyed;
    const isNew = (readU16(bytes, at + 6) & NLM_F_CREATE) !== 0;
    return isNew ? Happened.created : Happened.updated;
  }

  /** The attributes of a table entry. False: it cannot be read, or is none of ours. */
  entry(bytes: Uint8Array, at: number, end: number): boolean {
    if (!decodeKernelFlow(this.flow, bytes, at, end)) {
      this.counters.dumpUnknown += 1;
      return false;
    }
    return this.#filter(this.flow);
  }

  /** The socket overran: something was lost. */
  overran(): void {
    this.counters.overruns += 1;
    this.counters.failed += 1;
  }
}
