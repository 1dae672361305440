/**
 * Clauses of older releases, which the reference refuses: a file that once worked goes on working.
 *
 * Their keywords are no keywords elsewhere: an interface may be called `Family`. What the daemon
 * says about them is in src/config/clauses-legacy.ts.
 */

import type { ClauseText } from "./clauses.ts";

const states =
  "SYN_SENT|SYN_RECV|ESTABLISHED|FIN_WAIT|CLOSE_WAIT|LAST_ACK|TIME_WAIT|CLOSE|LISTEN* for TCP|word";
const everyLink = ["multicast", "udp", "tcp"];

function old(
  id: string,
  keyword: string,
  at: readonly string[],
  shape: string,
  legacy: string,
): ClauseText {
  return { id, keyword, in: at, shape, legacy, help: `Of older releases: ${legacy}` };
}

export const legacyClauses: readonly ClauseText[] = [
  old("stripNat", "StripNAT", ["file"], "", "ignored."),
  old("ignoreProtocol", "IgnoreProtocol", ["file"], "{}", "use `Filter { Protocol Ignore { } }`."),
  {
    ...{ id: "ignoreProtocolName", in: ["ignoreProtocol"], shape: "number|word|TCP|UDP" },
    ...{ legacy: "a protocol's name or number.", help: "A protocol's name or number." },
  },
  old(
    ...(["ignoreTrafficFor", "IgnoreTrafficFor", ["file"], "{}"] as const),
    "use `Filter { Address Ignore { } }`.",
  ),
  old("replicate", "Replicate", ["sync"], states, "use `Filter { State Accept { } }`."),
  old("syncChecksum", "Checksum", ["sync"], "switch", "belongs into the first link."),
  old("relaxTransitions", "RelaxTransitions", ["sync", "alarm"], "", "ignored."),
  old("delayDestroyMessages", "DelayDestroyMessages", ["sync", "alarm"], "", "ignored."),
  old("listenTo", "ListenTo", ["sync"], "ip", "ignored."),
  old("cacheWriteThrough", "CacheWriteThrough", ["sync"], "switch", "ignored."),
  old("destroyTimeout", "DestroyTimeout", ["sync"], "number", "ignored."),
  old("resendBufferSize", "ResendBufferSize", ["ftfw"], "number", "use `ResendQueueSize`."),
  old("multicastBacklog", "Backlog", ["multicast"], "number", "ignored."),
  old(
    "mcastSndSocketBuffer",
    "McastSndSocketBuffer",
    everyLink,
    "number",
    "use `SndSocketBuffer`.",
  ),
  old(
    "mcastRcvSocketBuffer",
    "McastRcvSocketBuffer",
    everyLink,
    "number",
    "use `RcvSocketBuffer`.",
  ),
  old("family", "Family", ["general"], "word", "ignored."),
  old("lockfile", "Lockfile", ["general"], "path", "use `LockFile`."),
  old("logFileBufferSize", "LogFileBufferSize", ["stats"], "number", "ignored."),
  old(
    ...(["statsEventsReliable", "NetlinkEventsReliable", ["stats"], "switch"] as const),
    "belongs into `General`.",
  ),
  { ...old("persistent", "persistent", ["mode"], "{}", "use `ALARM`."), bodyOf: "alarm" },
];
