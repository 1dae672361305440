/** What a daemon runs: replication, or statistics. The daemon's own life is the same for both. */
import type { EventCounters } from "../netlink/event-counters.ts";
import type { Reply } from "./control-reply.ts";

export interface Service {
  readonly eventCounters: EventCounters;
  /** Receive buffer of the event socket as the kernel counts it, or what was asked for without one. */
  readonly eventBufferBytes: number;
  /** Take events from now on. */
  start(): void;
  /** Must end the reply, now or later; a request that means nothing here is answered with nothing. */
  answer(code: number, reply: Reply): void;
  /** Follow a rotation of files. */
  reopen(): void;
  /** Send and write what waits, close everything. */
  close(): void;
}
