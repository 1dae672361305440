/**
 * The keywords of conntrackd.conf: one row a keyword.
 *
 * A keyword is case-sensitive and is a keyword wherever it stands: an interface called `Port`
 * cannot be written. Synonyms are the same token under an older spelling; nothing warns about them.
 * No meaning lives here: ranges, defaults and effects are in src/config.
 */

export interface Keyword {
  readonly spelling: string;
  readonly synonyms: readonly string[];
  /** One line for people: what the clause is for. */
  readonly help: string;
}

function row(spelling: string, help: string, ...synonyms: string[]): Keyword {
  return { spelling, help, synonyms };
}

export const keywords: readonly Keyword[] = [
  // Sections.
  row("General", "Settings of the daemon itself, whatever its task."),
  row("Sync", "Replicate flows to another firewall; excludes `Stats`."),
  row("Stats", "Log flows that have ended; excludes `Sync`."),
  row("Helper", "Connection helpers that run in user space."),

  // General.
  row("HashSize", "Buckets of each cache's hash table."),
  row("HashLimit", "Most entries a cache may hold."),
  row("LogFile", "Log to a file: on, off, or its path."),
  row("Syslog", "Log to syslog: on, off, or a facility such as local0."),
  row("LockFile", "File that keeps a second daemon from starting."),
  row("UNIX", "The control socket."),
  row("Path", "Path of the control socket."),
  row("Backlog", "Obsolete; the length of the listen queue is fixed."),
  row("NetlinkBufferSize", "Receive buffer of the event socket, in bytes.", "SocketBufferSize"),
  row(
    "NetlinkBufferSizeMaxGrowth",
    "Ceiling of that buffer when it grows on overrun, in bytes.",
    "SocketBufferSizeMaxGrowth",
    "SocketBufferSizeMaxGrown",
  ),
  row("NetlinkOverrunResync", "Seconds from a lost event to a full resync: on, off, a number."),
  row("NetlinkEventsReliable", "Let the kernel hold back flows whose events cannot be delivered."),
  row("EventIterationLimit", "Events handled in one turn before other sources are served."),
  row("PollSecs", "Read the whole kernel table every so many seconds, without events."),
  row("Nice", "Obsolete; use nice(1)."),
  row("Scheduler", "Real-time scheduling of the daemon."),
  row("Type", "Scheduling policy (RR or FIFO), or the name of a helper."),
  row("Priority", "Real-time priority, 0 to 99."),
  row("Systemd", "Tell systemd about readiness and liveness."),

  // Filter.
  row("Filter", "Which flows to ignore."),
  row("From", "Where a filter runs: Userspace or Kernelspace."),
  row("Userspace", "Filter in the daemon."),
  row("Kernelspace", "Filter in the kernel, before events reach the daemon."),
  row("Protocol", "Filter by layer-4 protocol."),
  row("Address", "Filter by address or network."),
  row("State", "Filter by TCP state."),
  row("Accept", "Only flows in the list pass."),
  row("Ignore", "Flows in the list are ignored."),
  row("for", "Ends a group of states: `ESTABLISHED for TCP`."),
  row("SYN_SENT", "TCP state: the first SYN was seen."),
  row("SYN_RECV", "TCP state: SYN and ACK were seen."),
  row("ESTABLISHED", "TCP state: the handshake is complete."),
  row("FIN_WAIT", "TCP state: the first FIN was seen."),
  row("CLOSE_WAIT", "TCP state: the first FIN was acknowledged."),
  row("LAST_ACK", "TCP state: the second FIN was seen."),
  row("TIME_WAIT", "TCP state: the last ACK was seen."),
  row("CLOSE", "TCP state: closed by RST.", "CLOSED"),
  row("LISTEN", "TCP state: SYN from both sides."),

  // Sync.
  row("Mode", "How flows are replicated: FTFW, ALARM or NOTRACK."),
  row("RefreshTime", "ALARM: longest time until an unchanged flow is sent again, in seconds."),
  row("CacheTimeout", "ALARM: lifetime of a received flow without news, in seconds."),
  row("CommitTimeout", "Timeout of committed flows, in seconds; 0: computed."),
  row("PurgeTimeout", "Delay of the flush that `conntrackd -t` schedules, in seconds."),
  row("ResendQueueSize", "FTFW: most objects that wait for an acknowledgement."),
  row("ACKWindowSize", "FTFW: messages per acknowledgement."),
  row("DisableInternalCache", "NOTRACK: send events without keeping the flow."),
  row("DisableExternalCache", "Put received flows straight into the kernel."),
  row("StartupResync", "Ask the peer for all its flows at start."),
  row("Options", "Further settings of replication."),
  row("TCPWindowTracking", "Keep the kernel's window checks for replicated TCP flows."),
  row("ExpectationSync", "Replicate expectations: on, off, or a list of helpers."),

  // Links.
  row("Multicast", "A dedicated link over UDP multicast."),
  row("UDP", "A dedicated link over UDP, or the protocol in a filter."),
  row("TCP", "A dedicated link over TCP, or the protocol in a filter."),
  row("Default", "The link to use first."),
  row("IPv4_address", "IPv4 address: local, of the group, or in a filter."),
  row("IPv6_address", "IPv6 address: local, of the group, or in a filter."),
  row("IPv4_Destination_Address", "IPv4 address of the peer."),
  row("IPv6_Destination_Address", "IPv6 address of the peer."),
  row("IPv4_interface", "Local IPv4 address that joins the multicast group."),
  row("IPv6_interface", "Not needed; `Interface` says it."),
  row("Interface", "Network interface of the link."),
  row("Group", "UDP port of the multicast group."),
  row("Port", "Port on both ends of the link."),
  row("SndSocketBuffer", "Send buffer of the link, in bytes; 0: the system's."),
  row("RcvSocketBuffer", "Receive buffer of the link, in bytes; 0: the system's."),
  row("Checksum", "Compute UDP checksums of what is sent."),
  row("ErrorQueueLength", "TCP: most buffers that wait for a broken link."),

  // Helper.
  row("Setup", "Register the size of the helper's private data with the kernel."),
  row("QueueNum", "Number of the packet queue the helper reads."),
  row("QueueLen", "Length of that queue; 0: the kernel's default."),
  row("Policy", "Limits of the connections a helper expects."),
  row("ExpectMax", "Most expectations at a time."),
  row("ExpectTimeout", "Lifetime of an expectation, in seconds."),
];
