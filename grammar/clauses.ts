/**
 * The clauses of conntrackd.conf: one row a clause.
 *
 * A row feeds the tokens, the parser, completion, and the generated pages: the manual page of the
 * file, the EBNF and the diagrams. What a clause does to the configuration is in src/config; that
 * its defaults are the ones named here, a test checks.
 */

import { legacyClauses } from "./legacy.ts";
import { type Element, readShape } from "./shape.ts";

export interface ClauseRow {
  /** Unique: `IPv4_address` is three clauses. */
  readonly id: string;
  /** Absent where bare words are listed: `Protocol Accept { TCP }`. */
  readonly keyword?: string;
  /** Older spellings that nothing warns about. */
  readonly synonyms: readonly string[];
  /** Clauses whose braces it may stand in; `file` is the top. */
  readonly in: readonly string[];
  /** What follows the keyword; see shape.ts. */
  readonly shape: string;
  readonly elements: readonly Element[];
  /** For people: what the clause is for. */
  readonly help: string;
  /** As it would be written. */
  readonly default?: string;
  readonly unit?: string;
  readonly range?: string;
  /** For a clause of an older release: what to do with it now. */
  readonly legacy?: string;
  /** Its braces hold what the braces of that clause hold. */
  readonly bodyOf?: string;
}

/** A row as it is written down. */
export interface ClauseText extends Omit<ClauseRow, "elements" | "synonyms"> {
  readonly synonyms?: readonly string[];
}

const states =
  "SYN_SENT|SYN_RECV|ESTABLISHED|FIN_WAIT|CLOSE_WAIT|LAST_ACK|TIME_WAIT|CLOSE|LISTEN* for TCP";

const sections: readonly ClauseText[] = [
  {
    ...{ id: "general", keyword: "General", in: ["file"], shape: "{}" },
    help: "Settings of the daemon itself, whatever its task.",
  },
  {
    ...{ id: "sync", keyword: "Sync", in: ["file"], shape: "{}" },
    help: "Replicate flows to another firewall. Excludes `Stats`.",
  },
  {
    ...{ id: "stats", keyword: "Stats", in: ["file"], shape: "{}" },
    help: "Log flows that have ended. Excludes `Sync`.",
  },
  {
    ...{ id: "helper", keyword: "Helper", in: ["file"], shape: "{}" },
    help: "Connection helpers that run in user space.",
  },
];

const general: readonly ClauseText[] = [
  {
    ...{ id: "hashSize", keyword: "HashSize", in: ["general"], shape: "number" },
    ...{ default: "65536", unit: "buckets" },
    help: "Buckets of each cache's hash table. Accepted; the table grows by itself.",
  },
  {
    ...{ id: "hashLimit", keyword: "HashLimit", in: ["general"], shape: "number" },
    ...{ default: "262144", unit: "entries" },
    help: "Most entries of each cache. Further flows are not kept, and are counted.",
  },
  {
    ...{ id: "logFile", keyword: "LogFile", in: ["general"], shape: "switch|path" },
    ...{ default: "off", range: "at most 256 bytes" },
    help: "Log to a file. `on` is `/var/log/conntrackd.log`.",
  },
  {
    ...{ id: "syslog", keyword: "Syslog", in: ["general"], shape: "switch|word" },
    ...{ default: "off", range: "`daemon`, `local0` to `local7`" },
    help: "Log to the system log. `on` is the facility `daemon`.",
  },
  {
    ...{ id: "lockFile", keyword: "LockFile", in: ["general"], shape: "path" },
    ...{ default: "/var/lock/conntrackd.lock", range: "at most 256 bytes" },
    help: "File that keeps a second daemon from starting.",
  },
  {
    ...{ id: "unix", keyword: "UNIX", in: ["general"], shape: "{}" },
    help: "The control socket.",
  },
  {
    ...{ id: "unixPath", keyword: "Path", in: ["unix"], shape: "path" },
    range: "at most 107 bytes",
    help: "Path of the control socket. Without it no client reaches the daemon.",
  },
  {
    ...{ id: "unixBacklog", keyword: "Backlog", in: ["unix"], shape: "number" },
    help: "Ignored, with a warning: the listen queue has a fixed length.",
  },
  {
    ...{ id: "netlinkBufferSize", keyword: "NetlinkBufferSize", in: ["general"], shape: "number" },
    ...{ synonyms: ["SocketBufferSize"], default: "0", unit: "bytes" },
    help: "Receive buffer of the event socket. Counts only where it is not above `NetlinkBufferSizeMaxGrowth`. 0: left to the daemon.",
  },
  {
    id: "netlinkBufferSizeMaxGrowth",
    ...{ keyword: "NetlinkBufferSizeMaxGrowth", in: ["general"], shape: "number" },
    synonyms: ["SocketBufferSizeMaxGrowth", "SocketBufferSizeMaxGrown"],
    ...{ default: "0", unit: "bytes" },
    help: "Size up to which that buffer is doubled when events are lost.",
  },
  {
    id: "netlinkOverrunResync",
    ...{ keyword: "NetlinkOverrunResync", in: ["general"], shape: "switch|number" },
    ...{ default: "30", unit: "seconds" },
    help: "Time from a lost event to the dump that repairs it. `on` and 0 are 30, `off` is never.",
  },
  {
    id: "netlinkEventsReliable",
    ...{ keyword: "NetlinkEventsReliable", in: ["general"], shape: "switch", default: "off" },
    help: "The kernel keeps a flow until the event of its end was delivered.",
  },
  {
    id: "eventIterationLimit",
    ...{ keyword: "EventIterationLimit", in: ["general"], shape: "number" },
    ...{ default: "100", unit: "events" },
    help: "Most events of one turn, before other sources are served.",
  },
  {
    ...{ id: "pollSecs", keyword: "PollSecs", in: ["general"], shape: "number" },
    ...{ unit: "seconds", range: "1 and more" },
    help: "Read the whole kernel table at this interval, instead of listening to events.",
  },
  {
    ...{ id: "nice", keyword: "Nice", in: ["general"], shape: "signed" },
    help: "Ignored, with a warning: use nice(1).",
  },
  {
    ...{ id: "scheduler", keyword: "Scheduler", in: ["general"], shape: "{}" },
    help: "Real-time scheduling of the daemon.",
  },
  {
    ...{
      id: "schedulerType",
      keyword: "Type",
      in: ["scheduler"],
      shape: "word",
      range: "`RR`, `FIFO`",
    },
    help: "Scheduling policy, in any case. Without it the priority is ignored.",
  },
  {
    ...{ id: "schedulerPriority", keyword: "Priority", in: ["scheduler"], shape: "number" },
    range: "0 to 99",
    help: "Real-time priority. 0 where only `Type` is given.",
  },
  {
    ...{ id: "systemd", keyword: "Systemd", in: ["general"], shape: "switch", default: "on" },
    help: "Tell systemd about readiness and liveness.",
  },
];

const filter: readonly ClauseText[] = [
  {
    ...{
      id: "filter",
      keyword: "Filter",
      in: ["general"],
      shape: "[From Userspace|Kernelspace] {}",
    },
    default: "From Userspace",
    help: "Which flows the daemon looks after. Filters add up; the last `From` decides where events are filtered.",
  },
  {
    ...{ id: "filterProtocol", keyword: "Protocol", in: ["filter"], shape: "Accept|Ignore {}" },
    help: "By layer-4 protocol: only these, or all but these.",
  },
  {
    ...{ id: "filterProtocolName", in: ["filterProtocol"], shape: "word|TCP|UDP" },
    help: "A name from the protocols database, such as `TCP` or `icmp`.",
  },
  {
    ...{ id: "filterAddress", keyword: "Address", in: ["filter"], shape: "Accept|Ignore {}" },
    help: "By address of either end: only these, or all but these.",
  },
  {
    ...{ id: "filterIpv4", keyword: "IPv4_address", shape: "ip" },
    in: ["filterAddress", "ignoreTrafficFor"],
    help: "An IPv4 address, or a network with its prefix length: `10.0.0.0/8`.",
  },
  {
    ...{ id: "filterIpv6", keyword: "IPv6_address", shape: "ip" },
    in: ["filterAddress", "ignoreTrafficFor"],
    help: "An IPv6 address, or a network with its prefix length: `fd00::/8`.",
  },
  {
    ...{ id: "filterState", keyword: "State", in: ["filter"], shape: "Accept|Ignore {}" },
    help: "By TCP state: only these, or all but these. Other protocols pass.",
  },
  {
    ...{ id: "filterStateGroup", in: ["filterState"], shape: states },
    help: "TCP states, then `for TCP`.",
  },
];

const sync: readonly ClauseText[] = [
  {
    ...{ id: "mode", keyword: "Mode", in: ["sync"], shape: "<>" },
    help: "The protocol of replication. FTFW where none is given, with a warning.",
  },
  {
    ...{ id: "ftfw", keyword: "FTFW", in: ["mode"], shape: "{}" },
    help: "Reliable: what is not acknowledged is sent again. In any letter case.",
  },
  {
    ...{ id: "alarm", keyword: "ALARM", in: ["mode"], shape: "{}" },
    help: "Each flow is sent again from time to time. In any letter case.",
  },
  {
    ...{ id: "notrack", keyword: "NOTRACK", in: ["mode"], shape: "{}" },
    help: "Changes are sent once. In any letter case.",
  },
  {
    ...{ id: "refreshTime", keyword: "RefreshTime", in: ["sync", "alarm"], shape: "number" },
    ...{ default: "60", unit: "seconds" },
    help: "ALARM: longest time until an unchanged flow is sent again.",
  },
  {
    ...{ id: "cacheTimeout", keyword: "CacheTimeout", in: ["sync", "alarm"], shape: "number" },
    ...{ default: "180", unit: "seconds" },
    help: "ALARM: lifetime of a received flow without news.",
  },
  {
    ...{ id: "commitTimeout", keyword: "CommitTimeout", shape: "number" },
    in: ["sync", "alarm", "ftfw", "notrack"],
    ...{ default: "0", unit: "seconds" },
    help: "Timeout of committed flows. 0: what is left of each flow's own. Not 0: timeouts are not sent either.",
  },
  {
    ...{ id: "purgeTimeout", keyword: "PurgeTimeout", shape: "number" },
    in: ["sync", "alarm", "ftfw", "notrack"],
    ...{ default: "60", unit: "seconds" },
    help: "Time from `conntrackd -t` to the flush.",
  },
  {
    ...{ id: "resendQueueSize", keyword: "ResendQueueSize", in: ["ftfw"], shape: "number" },
    ...{ default: "131072", unit: "messages" },
    help: "Messages kept for a peer that has not acknowledged them.",
  },
  {
    ...{ id: "ackWindowSize", keyword: "ACKWindowSize", in: ["ftfw"], shape: "number" },
    ...{ default: "300", unit: "messages" },
    help: "Messages that one acknowledgement covers.",
  },
  {
    id: "disableInternalCache",
    ...{ keyword: "DisableInternalCache", in: ["notrack"], shape: "switch", default: "off" },
    help: "Events are sent without keeping the flow.",
  },
  {
    id: "disableExternalCache",
    ...{ keyword: "DisableExternalCache", in: ["ftfw", "notrack"], shape: "switch" },
    default: "off",
    help: "The peer's messages go straight into the kernel.",
  },
  {
    ...{ id: "startupResync", keyword: "StartupResync", in: ["ftfw", "notrack"], shape: "switch" },
    default: "off",
    help: "Ask the peer for all its flows at start.",
  },
  {
    ...{ id: "options", keyword: "Options", in: ["sync"], shape: "{}" },
    help: "Further settings of replication.",
  },
  {
    ...{ id: "tcpWindowTracking", keyword: "TCPWindowTracking", in: ["options"], shape: "switch" },
    default: "off",
    help: "Window scales are replicated, and committed flows are checked against windows.",
  },
  {
    ...{ id: "expectationSync", keyword: "ExpectationSync", in: ["options"], shape: "switch|{}" },
    default: "off",
    help: "Replicate expectations: all, none, or those of the helpers in braces.",
  },
  {
    ...{ id: "expectationHelper", in: ["expectationSync"], shape: "word" },
    range: "the first 16 bytes count",
    help: "A helper whose name begins so: `ftp`, `sip`, `h.245`.",
  },
];

const everyLink = ["multicast", "udp", "tcp"];
const unicast = ["udp", "tcp"];

const links: readonly ClauseText[] = [
  {
    ...{ id: "multicast", keyword: "Multicast", in: ["sync"], shape: "[Default] {}" },
    help: "A dedicated link over UDP multicast. At most four links, all of one kind.",
  },
  {
    ...{ id: "udp", keyword: "UDP", in: ["sync"], shape: "[Default] {}" },
    help: "A dedicated link over UDP. `Default`: the link to start with, else the first.",
  },
  {
    ...{ id: "tcp", keyword: "TCP", in: ["sync"], shape: "[Default] {}" },
    help: "A dedicated link over TCP.",
  },
  {
    ...{ id: "multicastIpv4", keyword: "IPv4_address", in: ["multicast"], shape: "ip" },
    help: "IPv4 address of the group.",
  },
  {
    ...{ id: "multicastIpv6", keyword: "IPv6_address", in: ["multicast"], shape: "ip" },
    help: "IPv6 address of the group.",
  },
  {
    ...{ id: "ipv4Interface", keyword: "IPv4_interface", in: ["multicast"], shape: "ip" },
    help: "Address of this node, which joins the group.",
  },
  {
    ...{ id: "ipv6Interface", keyword: "IPv6_interface", in: ["multicast"], shape: "ip" },
    help: "Ignored, with a warning: `Interface` says it.",
  },
  {
    ...{ id: "group", keyword: "Group", in: ["multicast"], shape: "number" },
    ...{ default: "0", unit: "port", range: "1 to 65535" },
    help: "UDP port of the group.",
  },
  {
    ...{ id: "localIpv4", keyword: "IPv4_address", in: unicast, shape: "ip" },
    help: "IPv4 address of this node. Without it, any.",
  },
  {
    ...{ id: "localIpv6", keyword: "IPv6_address", in: unicast, shape: "ip" },
    help: "IPv6 address of this node. Without it, any.",
  },
  {
    ...{ id: "peerIpv4", keyword: "IPv4_Destination_Address", in: unicast, shape: "ip" },
    help: "IPv4 address of the peer.",
  },
  {
    ...{ id: "peerIpv6", keyword: "IPv6_Destination_Address", in: unicast, shape: "ip" },
    help: "IPv6 address of the peer.",
  },
  {
    ...{ id: "linkInterface", keyword: "Interface", in: everyLink, shape: "word" },
    help: "Network interface of the link. Its MTU is the limit of datagrams; it must exist when the daemon starts.",
  },
  {
    ...{ id: "port", keyword: "Port", in: unicast, shape: "number" },
    ...{ default: "0", unit: "port", range: "1 to 65535" },
    help: "Port on both nodes.",
  },
  {
    ...{ id: "sndSocketBuffer", keyword: "SndSocketBuffer", in: everyLink, shape: "number" },
    ...{ default: "0", unit: "bytes" },
    help: "Send buffer of the link. 0: the system's.",
  },
  {
    ...{ id: "rcvSocketBuffer", keyword: "RcvSocketBuffer", in: everyLink, shape: "number" },
    ...{ default: "0", unit: "bytes" },
    help: "Receive buffer of the link. 0: the system's.",
  },
  {
    ...{ id: "checksum", keyword: "Checksum", in: everyLink, shape: "switch", default: "on" },
    help: "UDP checksums of what is sent.",
  },
  {
    ...{ id: "errorQueueLength", keyword: "ErrorQueueLength", in: ["tcp"], shape: "number" },
    ...{ default: "128", unit: "messages" },
    help: "Most buffers that wait for a broken link. One value for all links.",
  },
];

const stats: readonly ClauseText[] = [
  {
    ...{ id: "statsLogFile", keyword: "LogFile", in: ["stats"], shape: "switch|path" },
    ...{ default: "off", range: "at most 256 bytes" },
    help: "Log ended flows to a file. `on` is `/var/log/conntrackd-stats.log`.",
  },
  {
    ...{ id: "statsSyslog", keyword: "Syslog", in: ["stats"], shape: "switch|word" },
    ...{ default: "off", range: "`daemon`, `local0` to `local7`" },
    help: "Log ended flows to the system log. `on` is the facility `daemon`.",
  },
];

const helperItems = ["helper", "helperType"];

const helper: readonly ClauseText[] = [
  {
    ...{ id: "setup", keyword: "Setup", in: ["helper"], shape: "switch", default: "off" },
    help: "Register the size of the helper's private data with the kernel too.",
  },
  {
    ...{ id: "helperType", keyword: "Type", in: helperItems, shape: "word word word {}" },
    range: "a name, `inet` or `inet6`, `tcp` or `udp`",
    help: "Run a helper. What stands in `Helper` outside braces belongs to the next `Type` that closes.",
  },
  {
    ...{ id: "queueNum", keyword: "QueueNum", in: helperItems, shape: "number", default: "0" },
    range: "0 to 65535",
    help: "Number of the packet queue that the helper reads. The first one counts.",
  },
  {
    ...{ id: "queueLen", keyword: "QueueLen", in: helperItems, shape: "number" },
    ...{ default: "0", unit: "packets" },
    help: "Length of that queue. 0: the kernel's 1024. The first one counts.",
  },
  {
    ...{ id: "policy", keyword: "Policy", in: helperItems, shape: "word {}" },
    range: "at most 16 bytes",
    help: "Limits of the connections that the helper expects. What is not given is 0.",
  },
  {
    ...{ id: "expectMax", keyword: "ExpectMax", in: ["policy"], shape: "number", default: "0" },
    help: "Most expectations at a time.",
  },
  {
    ...{ id: "expectTimeout", keyword: "ExpectTimeout", in: ["policy"], shape: "number" },
    ...{ default: "0", unit: "seconds" },
    help: "Lifetime of an expectation.",
  },
];

function row(text: ClauseText): ClauseRow {
  return { synonyms: [], ...text, elements: readShape(text.shape) };
}

/** In the order of the manual page; clauses of older releases come last. */
export const clauseRows: readonly ClauseRow[] = [
  ...[...sections, ...general, ...filter, ...sync, ...links, ...stats, ...helper],
  ...legacyClauses,
].map(row);

const byId = new Map(clauseRows.map((each) => [each.id, each]));
const byBlock = new Map<string, ClauseRow[]>();
for (const each of clauseRows) {
  for (const block of each.in) byBlock.set(block, [...(byBlock.get(block) ?? []), each]);
}

/** @throws when there is no such row. */
export function clauseRow(id: string): ClauseRow {
  const found = byId.get(id);
  if (found === undefined) throw new Error(`no clause row ${id}`);
  return found;
}

/** What may stand in a clause's braces, older releases included. */
export function clausesIn(block: string): readonly ClauseRow[] {
  return byBlock.get(byId.get(block)?.bodyOf ?? block) ?? [];
}
