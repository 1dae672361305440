/** Rules about how much the daemon can hold: tables, event buffer, events that are lost. */

import type { Written } from "../index.ts";
import type { FileRule } from "./rule.ts";
import { head, headOf, replaceValue, type Subject, valueText } from "./subject.ts";

const mib = 1024 * 1024;
/** Up to here a commit of the C daemon ends in its first step and is never marked as ended. */
const largestBrokenHashSize = 8192;
/** Chains longer than this are slow to search. */
const longChain = 16;
const smallHashLimit = 16384;
/** Room for some 4,000 events: a few milliseconds of a busy firewall. */
const smallEventBuffer = mib;
const hugeBuffer = 256 * mib;
/** Clauses that have no effect when the kernel is polled. */
const eventClauses = [
  ...["netlinkBufferSize", "netlinkBufferSizeMaxGrowth", "netlinkEventsReliable"],
  "netlinkOverrunResync",
] as const;
const bufferClauses = [
  ...["netlinkBufferSize", "netlinkBufferSizeMaxGrowth", "sndSocketBuffer", "rcvSocketBuffer"],
] as const;

function inMib(bytes: number): string {
  return bytes >= mib ? `${Math.round(bytes / mib)} MiB` : `${Math.round(bytes / 1024)} KiB`;
}

function raise(clause: Written | undefined, to: number) {
  if (clause === undefined) return {};
  const edits = replaceValue(clause, `${to}`);
  return { fix: { title: `write ${clause.keyword?.text} ${to}`, edits, isSafe: false } };
}

export const capacityRules: readonly FileRule[] = [
  {
    id: "hash-size-breaks-flush",
    severity: "warning",
    isReferences: true,
    summary: "`HashSize` of 8192 or less",
    reason:
      "With the C daemon 1.4.9 a commit of so small a table is never marked as ended: every later `conntrackd -f` is refused, expectations are never committed, and the second fail-over works with stale flows.",
    fix: "Write a larger `HashSize`; 65536 is the default.",
    example: "General {\n    HashSize 8192\n}\n",
    better: "General {\n    HashSize 65536\n}\n",
    run: ({ config, last }, report) => {
      const { hashSize } = config.general;
      if (hashSize > largestBrokenHashSize) return;
      const clause = last("hashSize");
      const message = `${hashSize} buckets break \`conntrackd -f\` of the C daemon after a commit`;
      report({ at: headOf(clause), message, ...raise(clause, 65536) });
    },
  },
  {
    id: "hash-chains",
    severity: "note",
    summary: "many more entries than buckets",
    reason:
      "The C daemon's table has a fixed number of buckets: each look-up walks a chain, for every event, on the only thread there is.",
    fix: "Raise `HashSize` to a quarter of `HashLimit` or more.",
    example: "General {\n    HashSize 16384\n    HashLimit 2000000\n}\n",
    better: "General {\n    HashSize 524288\n    HashLimit 2000000\n}\n",
    run: ({ config, last }, report) => {
      const { hashSize, hashLimit } = config.general;
      const length = Math.floor(hashLimit / hashSize);
      if (length <= longChain) return;
      const clause = last("hashSize");
      const message = `up to ${length} entries share a bucket`;
      const at = headOf(clause, last("hashLimit"));
      report({ at, message, ...raise(clause, Math.ceil(hashLimit / 4)) });
    },
  },
  {
    id: "hash-limit-small",
    severity: "warning",
    summary: "room for few flows",
    reason:
      "What exceeds `HashLimit` is not replicated, and nothing but a counter (`conntrackd -s cache`) tells: after a fail-over those connections are cut.",
    fix: "Write at least the kernel's own limit: `sysctl net.netfilter.nf_conntrack_max`.",
    example: "General {\n    HashLimit 4096\n}\n",
    better: "General {\n    HashLimit 262144\n}\n",
    run: ({ config, last }, report) => {
      const { hashLimit } = config.general;
      if (hashLimit >= smallHashLimit) return;
      const clause = last("hashLimit");
      const message = `the caches hold ${hashLimit} flows at most; the rest is silently left out`;
      report({ at: headOf(clause), message, ...raise(clause, 262144) });
    },
  },
  {
    id: "buffer-growth-below-start",
    severity: "warning",
    summary: "`NetlinkBufferSize` above `NetlinkBufferSizeMaxGrowth`",
    reason:
      "The size is then not applied at all: the event socket keeps the system's default of some 200 KiB, and events are lost under load. A missing `NetlinkBufferSizeMaxGrowth` counts as 0.",
    fix: "Write a `NetlinkBufferSizeMaxGrowth` of at least `NetlinkBufferSize`.",
    example:
      "General {\n    NetlinkBufferSize 8388608\n    NetlinkBufferSizeMaxGrowth 2097152\n}\n",
    better: "General {\n    NetlinkBufferSize 2097152\n    NetlinkBufferSizeMaxGrowth 8388608\n}\n",
    run: ({ config, last }, report) => {
      const { netlinkBufferSize: size, netlinkBufferSizeMaxGrowth: growth } = config.general;
      const start = last("netlinkBufferSize");
      const ceiling = last("netlinkBufferSizeMaxGrowth");
      if (size <= growth || start === undefined) return;
      const below = ceiling === undefined ? "there is no ceiling, which counts as 0" : `${growth}`;
      report({
        at: head(start),
        message: `\`${start.keyword?.text} ${size}\` is not applied: it exceeds its ceiling (${below})`,
        advice: `Write \`NetlinkBufferSizeMaxGrowth ${Math.max(size * 4, 8 * mib)}\`.`,
        ...raise(ceiling, size),
        ...(ceiling ? { related: { at: head(ceiling), message: "the ceiling" } } : {}),
      });
    },
  },
  {
    id: "event-buffer-small",
    severity: "warning",
    summary: "a small buffer for the kernel's events",
    reason:
      "The kernel drops events that do not fit. Lost flows come back with the next resync only; a fail-over before it cuts them.",
    fix: "Write `NetlinkBufferSize 2097152` and `NetlinkBufferSizeMaxGrowth 8388608`, or more.",
    example: "General {\n    SocketBufferSize 262142\n    SocketBufferSizeMaxGrown 655355\n}\n",
    better: "General {\n    NetlinkBufferSize 2097152\n    NetlinkBufferSizeMaxGrowth 8388608\n}\n",
    run: ({ config, last }, report) => {
      const { netlinkBufferSize: size, netlinkBufferSizeMaxGrowth: growth } = config.general;
      const clause = last("netlinkBufferSizeMaxGrowth", "netlinkBufferSize");
      const most = Math.max(size, growth);
      if (clause === undefined || most === 0 || most >= smallEventBuffer) return;
      const message = `the event buffer never exceeds ${inMib(most)}: a burst overruns it`;
      report({ at: head(clause), message });
    },
  },
  {
    id: "event-buffer-not-set",
    severity: "note",
    fromAbsence: true,
    summary: "no size for the buffer of the kernel's events",
    reason:
      "The C daemon then works with the system's default, some 260 events, and loses what does not fit; this one takes 8 MiB where the system permits it.",
    fix: "Write `NetlinkBufferSize 2097152` and `NetlinkBufferSizeMaxGrowth 8388608` into `General`.",
    example: "General {\n    HashSize 65536\n}\nStats {\n}\n",
    better:
      "General {\n    NetlinkBufferSize 2097152\n    NetlinkBufferSizeMaxGrowth 8388608\n}\nStats {\n}\n",
    run: ({ config, last }, report) => {
      const { netlinkBufferSize, pollSecs } = config.general;
      if (config.runMode === "none" || netlinkBufferSize > 0 || pollSecs !== null) return;
      report({ at: headOf(last("general")), message: "`NetlinkBufferSize` is not given" });
    },
  },
  {
    id: "buffer-huge",
    severity: "warning",
    summary: "a socket buffer of more than 256 MiB",
    reason:
      "It is memory of the kernel that cannot be swapped; a burst that fills it takes minutes to work through, and all that time the caches are wrong.",
    fix: "8 MiB to 64 MiB serve; a daemon that needs more has another problem.",
    example:
      "General {\n    NetlinkBufferSize 2097152\n    NetlinkBufferSizeMaxGrowth 2000000000\n}\n",
    better: "General {\n    NetlinkBufferSize 2097152\n    NetlinkBufferSizeMaxGrowth 8388608\n}\n",
    run: ({ all }, report) => {
      for (const clause of all(...bufferClauses)) {
        const bytes = Number(valueText(clause));
        if (bytes <= hugeBuffer) continue;
        report({ at: head(clause), message: `a buffer of ${inMib(bytes)} is asked for` });
      }
    },
  },
  {
    id: "overrun-not-repaired",
    severity: "warning",
    summary: "no resync after lost events",
    reason:
      "When the event buffer overruns, the cache and the kernel part, and stay apart: a fail-over days later brings back flows that have ended and misses those that live.",
    fix: "Remove the clause, or write the seconds to wait: `NetlinkOverrunResync 30`.",
    example: "General {\n    NetlinkOverrunResync off\n}\n",
    better: "General {\n    NetlinkOverrunResync 30\n}\n",
    run: ({ config, last }, report) => {
      const clause = last("netlinkOverrunResync");
      if (clause === undefined || config.general.netlinkOverrunResync >= 0) return;
      report({ at: head(clause), message: "lost events are never made up for" });
    },
  },
  {
    id: "reliable-events",
    severity: "note",
    summary: "`NetlinkEventsReliable`",
    reason:
      "The kernel keeps each ended flow until its event was delivered: a daemon that is too slow or stopped fills the kernel's table, and then new connections are refused.",
    fix: "Leave it off, and give the buffer room; if you need it, watch nf_conntrack_count.",
    example: "General {\n    NetlinkEventsReliable on\n}\n",
    better: "General {\n    NetlinkEventsReliable off\n}\n",
    run: ({ config, last }, report) => {
      const clause = last("netlinkEventsReliable");
      if (clause === undefined || !config.general.netlinkEventsReliable) return;
      report({ at: head(clause), message: "a slow daemon makes the kernel's table run full" });
    },
  },
  {
    id: "iteration-limit",
    severity: "note",
    summary: "an `EventIterationLimit` that starves somebody",
    reason:
      "It is the number of events between two looks at the peer and at commands. A small one costs a system call for every few events; a very large one keeps acknowledgements and `conntrackd -c` waiting in a burst.",
    fix: "Leave it out (100), or stay between 50 and 10000.",
    example: "General {\n    EventIterationLimit 1\n}\n",
    better: "General {\n    EventIterationLimit 200\n}\n",
    run: ({ config, last }, report) => {
      const { eventIterationLimit: limit } = config.general;
      const clause = last("eventIterationLimit");
      if (clause === undefined || (limit >= 10 && limit <= 10000)) return;
      const who = limit < 10 ? "events wait" : "the peer and commands wait";
      report({ at: head(clause), message: `with ${limit} events a turn, ${who}` });
    },
  },
  {
    id: "polling-in-sync",
    severity: "warning",
    summary: "`PollSecs` with `Sync`",
    reason:
      "Changes reach the peer up to that many seconds late, flows shorter than that never do, and the whole table is read each time.",
    fix: "Remove `PollSecs`, so that the kernel reports events.",
    example: "General {\n    PollSecs 15\n}\nSync {\n    Mode FTFW {\n    }\n}\n",
    better: "General {\n}\nSync {\n    Mode FTFW {\n    }\n}\n",
    run: ({ config, last }, report) => {
      const clause = last("pollSecs");
      if (clause === undefined || config.runMode !== "sync") return;
      const { pollSecs } = config.general;
      report({ at: head(clause), message: `the peer lags up to ${pollSecs} s behind` });
    },
  },
  {
    id: "polling-without-events",
    severity: "warning",
    summary: "settings of the event socket beside `PollSecs`",
    reason: "There is no event socket when the kernel is polled: these clauses do nothing.",
    fix: "Remove them, or remove `PollSecs`.",
    example: "General {\n    PollSecs 15\n    NetlinkEventsReliable on\n}\n",
    better: "General {\n    PollSecs 15\n}\n",
    run: (subject, report) => {
      const poll = subject.last("pollSecs");
      if (poll === undefined) return;
      for (const clause of withoutEffect(subject)) {
        report({
          at: head(clause),
          message: `\`${clause.keyword?.text}\` has no effect`,
          related: { at: head(poll), message: "because the kernel is polled" },
        });
      }
    },
  },
];

function withoutEffect({ all, config }: Subject): readonly Written[] {
  const isKernelFilter = config.general.filter.from === "kernelspace";
  return [...all(...eventClauses), ...(isKernelFilter ? all("filter") : [])];
}
