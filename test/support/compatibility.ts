/** The page that says what is tested with which partner. Every row names a test; test/pages.test.ts looks whether it exists. */
import { readFileSync } from "node:fs";
import { matrixTables } from "./matrix.ts";

const root = new URL("../../", import.meta.url);

/** `beside`: both programs get the same input, and answer the same. `mixed`: C on either side of the link. */
type Partner = "mixed" | "beside" | "ours";

/** What is tested, with whom, where, and words of that file that name the test. */
export type Row = readonly [what: string, partner: Partner, file: string, test: string];

const groups: Readonly<Record<string, readonly Row[]>> = {
  "Modes and their clauses": [
    [
      "messages of every mode for the same events",
      "beside",
      "differential/modes",
      "sends the same messages for the same events",
    ],
    ["`DisableInternalCache`", "mixed", "netns/modes", "NOTRACK without an internal cache"],
    [
      "`DisableExternalCache` with NOTRACK, with and without an internal cache",
      "mixed",
      "netns/modes",
      "NOTRACK, injection, bypass",
    ],
    [
      "`DisableExternalCache` with FTFW, and flows that the kernel has already, has otherwise, or lacks",
      "mixed",
      "netns/requests",
      "flows go straight into the kernel, and leave it, whatever it had before",
    ],
    [
      "`DisableExternalCache`, labels that the kernel has no room for (ENOSPC)",
      "mixed",
      "netns/refusals",
      "an update of labels that the kernel has no room for replaces the flow",
    ],
    [
      "`RefreshTime`, `CacheTimeout`",
      "mixed",
      "netns/modes",
      "repeats every flow, and forgets what is not repeated",
    ],
    ["`StartupResync`", "mixed", "netns/modes", "StartupResync on"],
    [
      "`PurgeTimeout` in every mode",
      "beside",
      "netns/requests",
      "PurgeTimeout: -t flushes when it is over",
    ],
    ["`CommitTimeout`", "ours", "netns/requests", "sets the timeout of committed flows"],
    ["`PollSecs`", "mixed", "netns/modes", "reads the table from time to time"],
  ],
  "Dedicated links": [
    [
      "a peer over TCP that vanishes without a word",
      "mixed",
      "netns/links",
      "is given up, and has everything when it is back",
    ],
    ["`Checksum`", "beside", "netns/links", "is there with Checksum on, and zero with off"],
    [
      "every transport and address family, link-local with its scope; restart of the peer",
      "mixed",
      "netns/links",
      "is there again after a restart of the peer",
    ],
    [
      "fail-over and fail-back of two links",
      "mixed",
      "netns/link-failover",
      "go over to the second when the cable of the first is pulled",
    ],
    [
      "the cable pulled under 20,000 new flows a second",
      "mixed",
      "netns/link-failover",
      "no flow is missing on the peer, nobody restarts",
    ],
  ],
  "Flows and expectations": [
    [
      "every protocol that the kernel tracks, on the wire",
      "beside",
      "differential/wire",
      "describeOnKernel",
    ],
    [
      "life of flows of all kinds, commit twice, restarts, bursts",
      "mixed",
      "netns/replication",
      "two hundred flows, made and ended in a burst",
    ],
    [
      "a related flow with helper and master",
      "mixed",
      "netns/replication",
      "is committed after its master, with helper and relation",
    ],
    [
      "FTP with vsftpd: passive, and active behind a translation",
      "mixed",
      "netns/expectations",
      "active, behind a translation",
    ],
    [
      "SIP and TFTP: replicated, committed, injected",
      "mixed",
      "netns/expectation-modes",
      "are replicated, committed, and gone when they end",
    ],
  ],
  "Kernel side": [
    [
      "bursts and overruns",
      "beside",
      "differential/overrun",
      "ours loses events nowhere where the reference loses none",
    ],
    [
      "`NetlinkEventsReliable`",
      "beside",
      "differential/reliable",
      "every end is told, with its counters",
    ],
    ["filters in user space and in the kernel", "beside", "differential/filter", "the same flows"],
  ],
  "Control socket and life": [
    [
      "every request, each client at each daemon",
      "beside",
      "differential/control",
      "the same words, whoever asks whom",
    ],
    [
      "every request in every mode, with its line in the log",
      "beside",
      "differential/modes",
      "the same requests leave the same lines in the log",
    ],
    ["log from the start to the end", "beside", "differential/logs", "at the start"],
    [
      "statistics mode: flow log, requests, polling, rotation",
      "beside",
      "differential/statistics",
      "writes the same line for every kind of flow that ends",
    ],
    ["system log and scheduler", "beside", "netns/life-cycle", "gets the reference's messages"],
    [
      "ten clients at a million flows, one silent, one that leaves; memory stays bounded",
      "ours",
      "netns/clients",
      "all are served, events too, and memory stays bounded",
    ],
    [
      "ten client programs at once, one that never reads, one that ends in the middle",
      "mixed",
      "netns/clients",
      "one of them never reads, one ends in the middle, the others are served",
    ],
    [
      "the clock on the wall is set, hours forwards and back",
      "mixed",
      "netns/clock",
      "both go on telling, ages and timeouts stay true, a purge is not early",
    ],
    [
      "a daemon starts again, hours earlier by the clock",
      "mixed",
      "netns/clock",
      "hours earlier, it starts again",
    ],
    [
      "the clock is set while ALARM repeats and forgets flows",
      "ours",
      "netns/clock",
      "back: it repeats its flows, forgets those that nobody repeats, and purges",
    ],
  ],
  "High availability": [
    [
      "fail-over with keepalived and real connections",
      "mixed",
      "netns/failover",
      "connections go on",
    ],
    [
      "rolling upgrade from C to ours and back, no connection lost",
      "mixed",
      "netns/cluster-life",
      "from C to ours and back again loses no connection",
    ],
    [
      "both nodes active, one dies and comes back",
      "mixed",
      "netns/cluster-life",
      "one takes over the other's, and gives it back",
    ],
    ["both daemons restart", "mixed", "netns/cluster-life", "each reads its kernel's table"],
  ],
};

const partnerWords: Readonly<Record<Partner, string>> = {
  mixed: "C on either side",
  beside: "compared with C",
  ours: "Flowkeeper alone",
};

/** Rows whose test is not there any more. */
export function lostRows(): string[] {
  return Object.values(groups)
    .flat()
    .filter(([, , file, test]) => !readFileSync(pathOf(file), "utf8").includes(test))
    .map(([, , file, test]) => `${file}: ${test}`);
}

function pathOf(file: string): URL {
  return new URL(`test/${file}.test.ts`, root);
}

function groupTable([title, rows]: readonly [string, readonly Row[]]): string {
  const lines = rows.map(
    ([what, partner, file]) =>
      `| ${what} | ${partnerWords[partner]} | [${file}](../test/${file}.test.ts) |`,
  );
  return [`| ${title} | Partner | Test |`, "| --- | --- | --- |", ...lines, ""].join("\n");
}

export function compatibilityPage(): string {
  return `<!-- Written by a program, from test/support/matrix.ts and test/support/compatibility.ts: npm run docs -->

# Compatibility

What is tested on real kernels, with which partner. C is the \`conntrackd\` of conntrack-tools 1.4.7.

## Mode, transport, partner, event

Each ✓ is a test of its own: \`test/netns/matrix.test.ts\` is made of the same rows as this page. In each pair the first node
tells, and the second hears and takes over. A dash is an event that the mode does not have: ALARM knows neither \`-B\` nor \`-n\`,
and repeats every flow by itself.

${matrixTables()}
## What else

${Object.entries(groups).map(groupTable).join("\n")}
What differs on purpose is in [differences.md](differences.md).
`;
}
