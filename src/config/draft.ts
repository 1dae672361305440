/** What reading a file gathers, before ranges are checked and defaults are filled in (model.ts). */

import type { FilterInput, Input, InstanceInput, LinkInput } from "./model.ts";

/** Numbers of the language are 31 bits wide. */
export const maxNumber = 0x7fffffff;

export const tcpStates = [
  ...(["SYN_SENT", "SYN_RECV", "ESTABLISHED", "FIN_WAIT", "CLOSE_WAIT"] as const),
  ...(["LAST_ACK", "TIME_WAIT", "CLOSE", "LISTEN"] as const),
] as const;
export type TcpState = (typeof tcpStates)[number];

/** The kernel's number of a TCP state, 1 to 9: the order above. */
export function tcpStateNumber(state: TcpState): number {
  return tcpStates.indexOf(state) + 1;
}

/** What reading a file gathers: every value optional but the containers. */
export interface Draft {
  runMode?: Input["runMode"];
  hasHelper: boolean;
  readonly general: NonNullable<Input["general"]>;
  schedulerPriority?: number;
  readonly filter: FilterInput;
  readonly sync: NonNullable<Input["sync"]>;
  readonly links: LinkInput[];
  /** More were written than there may be, and it was said. */
  hasTooManyLinks?: boolean;
  /** From a `Checksum` outside the links, as older releases had it. */
  firstLinkChecksum?: boolean;
  readonly stats: NonNullable<Input["stats"]>;
  readonly instances: InstanceInput[];
  setup: boolean;
}

export interface Position {
  readonly line: number;
  readonly column: number;
  readonly offset: number;
}
