/** Rules about two nodes: what one expects and the other does not do. */

import { formatAddress } from "../address.ts";
import type { LinkConfig } from "../model.ts";
import { isSameAddress } from "./addresses.ts";
import type { PairExample, PairRule, Span } from "./rule.ts";
import { head, headOf, lastItem, type Subject, type WrittenLink } from "./subject.ts";

const modeOf = ({ config }: Subject) => config.sync.mode ?? "ftfw";
const isSync = ({ config }: Subject) => config.runMode === "sync";
const isCluster = (a: Subject, b: Subject) => isSync(a) && isSync(b);

interface NodeText {
  readonly own?: string;
  readonly peer?: string;
  readonly port?: number;
  readonly mode?: string;
  readonly timers?: string;
  readonly link?: string;
  readonly options?: string;
  readonly general?: string;
}

/** A node's file, as short as it goes. */
function node(text: NodeText): string {
  const { own = "192.168.100.1", peer = "192.168.100.2", port = 3780, mode = "FTFW" } = text;
  const { timers = "", link = "", options = "", general = "" } = text;
  const line = (words: string, indent: string) => (words === "" ? "" : `${indent}${words}\n`);
  return [
    general === "" ? "" : `General {\n    ${general}\n}\n`,
    `Sync {\n    Mode ${mode} {\n${line(timers, "        ")}    }\n`,
    `    UDP {\n        IPv4_address ${own}\n        IPv4_Destination_Address ${peer}\n`,
    `        Port ${port}\n        Interface eth2\n${line(link, "        ")}    }\n`,
    options === "" ? "" : `    Options {\n        ${options}\n    }\n`,
    "}\n",
  ].join("");
}

function other(text: NodeText): string {
  return node({ own: "192.168.100.2", peer: "192.168.100.1", ...text });
}

/** The same words in both files, but for the addresses. */
const both = (text: NodeText): PairExample => [node(text), other(text)];

const multicastNode = (group: string, own: string) =>
  `Sync {\n    Mode FTFW {\n    }\n    Multicast {\n        IPv4_address ${group}\n        Group 3780\n        IPv4_interface ${own}\n        Interface eth2\n    }\n}\n`;

/** Links by their place in the file: a node's first link leads to the other's first. */
function* linkPairs(
  own: Subject,
  partner: Subject,
): Generator<readonly [WrittenLink, WrittenLink]> {
  for (const [index, mine] of own.links.entries()) {
    const theirs = partner.links[index];
    if (theirs !== undefined && mine.link.kind === theirs.link.kind) yield [mine, theirs];
  }
}

const isUnicast = ({ kind }: LinkConfig) => kind !== "multicast";
const show = (address: Uint8Array | null) =>
  address === null ? "nothing" : formatAddress(address);

/** Points into the partner's file, at the clause or the nearest thing to it. */
function there(partner: Subject, message: string, ...ids: string[]): { at: Span; message: string } {
  const at = headOf(partner.last(...ids), partner.last("sync")) ?? { offset: 0, end: 0 };
  return { at, message };
}

/** A setting that has to be the same on both nodes. */
function sameValue<T>(
  value: (subject: Subject) => T,
  ids: readonly string[],
  words: (own: T, theirs: T) => readonly [string, string],
): PairRule["run"] {
  return (own, partner, report) => {
    if (!isCluster(own, partner)) return;
    const [mine, theirs] = [value(own), value(partner)];
    if (JSON.stringify(mine) === JSON.stringify(theirs)) return;
    const [message, beyond] = words(mine, theirs);
    const at = headOf(own.last(...ids), own.last("sync"));
    report({ at, message, related: there(partner, beyond, ...ids) });
  };
}

const yes = (on: boolean) => (on ? "on" : "off");

/** Names in lower case and sorted; null: off. */
function expectations({ config }: Subject): readonly string[] | null {
  const { expectationSync } = config.sync;
  if (expectationSync === false) return null;
  return expectationSync.helpers.map((name) => name.toLowerCase()).sort();
}

function listWords(names: readonly string[] | null): string {
  if (names === null) return "none";
  return names.length === 0 ? "all" : names.join(" ");
}

export const pairRules: readonly PairRule[] = [
  {
    id: "pair-task",
    severity: "error",
    isMutual: true,
    summary: "one of two nodes does not replicate",
    reason: "There is nobody at the other end: the files are not those of a cluster.",
    fix: "Give both nodes a `Sync` section, and check that the right files are compared.",
    example: [node({}), "Stats {\n    LogFile on\n}\n"],
    better: both({}),
    run: (own, partner, report) => {
      if (isSync(own) === isSync(partner)) return;
      report({
        at: headOf(own.last("sync", "stats", "general")),
        message: isSync(own)
          ? "the partner has no `Sync` section"
          : "this node has no `Sync` section",
      });
    },
  },
  {
    id: "pair-mode",
    severity: "error",
    isMutual: true,
    summary: "different modes",
    reason:
      "Each waits for messages that the other one never sends: FTFW asks in vain for acknowledgements, its queue runs full, and losses are never repaired.",
    fix: "Write the same `Mode` on both nodes.",
    example: [node({ mode: "FTFW" }), other({ mode: "NOTRACK" })],
    better: both({ mode: "FTFW" }),
    run: sameValue(modeOf, ["ftfw", "alarm", "notrack"], (mine, theirs) => [
      `this node runs ${mine.toUpperCase()}, its partner ${theirs.toUpperCase()}`,
      `${theirs.toUpperCase()} here`,
    ]),
  },
  {
    id: "pair-transport",
    severity: "error",
    isMutual: true,
    summary: "different kinds of links",
    reason: "They never meet: nothing is replicated in either direction.",
    fix: "Use `UDP`, `Multicast` or `TCP` on both nodes.",
    example: [node({}), other({}).replace("UDP", "TCP")],
    better: both({}),
    run: (own, partner, report) => {
      const [mine] = own.links;
      const [theirs] = partner.links;
      if (mine === undefined || theirs === undefined || mine.link.kind === theirs.link.kind) return;
      const [a, b] = [mine, theirs].map(({ link }) => link.kind.toUpperCase());
      const message = `this node's links are ${a}, its partner's ${b}`;
      report({
        at: head(mine.clause),
        message,
        related: { at: head(theirs.clause), message: "here" },
      });
    },
  },
  {
    id: "pair-link-count",
    severity: "warning",
    isMutual: true,
    summary: "different numbers of links",
    reason: "Where one node fails over to its second link, the other one hears nothing there.",
    fix: "Write the same links on both nodes, in the same order.",
    example: [`${node({}).slice(0, -2)}    UDP {\n        Port 3781\n    }\n}\n`, other({})],
    better: both({}),
    run: sameValue(
      ({ links }) => links.length,
      ["udp", "tcp", "multicast"],
      (mine, theirs) => [`this node has ${mine} links, its partner ${theirs}`, `${theirs} here`],
    ),
  },
  {
    id: "pair-same-file",
    severity: "error",
    isMutual: true,
    summary: "both nodes have the same address on the link",
    reason:
      "The file was copied and not changed: both nodes claim one address, and each sends to itself or to nobody.",
    fix: "Exchange the two addresses on one of the nodes; with `Multicast`, change `IPv4_interface`.",
    example: [node({}), node({})],
    better: both({}),
    run: (own, partner, report) => {
      for (const [mine, theirs] of linkPairs(own, partner)) {
        const address = (link: LinkConfig) =>
          isUnicast(link) ? link.localAddress : link.mcastInterfaceAddress;
        const mineIs = address(mine.link);
        if (mineIs === null || !isSameAddress(mineIs, address(theirs.link))) continue;
        const ids = ["localIpv4", "localIpv6", "ipv4Interface"];
        const at = headOf(lastItem(theirs.clause, ...ids)) ?? head(theirs.clause);
        report({
          at: headOf(lastItem(mine.clause, ...ids), mine.clause),
          message: `both nodes call ${show(mineIs)} their own`,
          related: { at, message: "here, too" },
        });
      }
    },
  },
  {
    id: "pair-addresses",
    severity: "error",
    isMutual: false,
    summary: "a link that does not lead to the partner",
    reason: "This node sends to an address where the other one does not listen.",
    fix: "The destination of each node is the address of the other.",
    example: [node({ peer: "192.168.100.3" }), other({})],
    better: both({}),
    run: (own, partner, report) => {
      for (const [mine, theirs] of linkPairs(own, partner)) {
        const { peerAddress, localAddress } = mine.link;
        const listens = theirs.link.localAddress;
        if (!isUnicast(mine.link) || peerAddress === null || listens === null) continue;
        if (isSameAddress(peerAddress, listens) || isSameAddress(localAddress, listens)) continue;
        const at = headOf(lastItem(theirs.clause, "localIpv4", "localIpv6")) ?? head(theirs.clause);
        report({
          at: headOf(lastItem(mine.clause, "peerIpv4", "peerIpv6"), mine.clause),
          message: `this node sends to ${show(peerAddress)}, and its partner listens on ${show(listens)}`,
          advice: `Write ${show(listens)} here, or ${show(peerAddress)} there.`,
          related: { at, message: "the partner's address" },
        });
      }
    },
  },
  {
    id: "pair-group",
    severity: "error",
    isMutual: true,
    summary: "different multicast groups",
    reason: "Each node listens to a group into which the other one does not send.",
    fix: "Write the same group on both nodes.",
    example: [
      multicastNode("225.0.0.50", "192.168.100.1"),
      multicastNode("225.0.0.51", "192.168.100.2"),
    ],
    better: [
      multicastNode("225.0.0.50", "192.168.100.1"),
      multicastNode("225.0.0.50", "192.168.100.2"),
    ],
    run: (own, partner, report) => {
      for (const [mine, theirs] of linkPairs(own, partner)) {
        const [a, b] = [mine.link.localAddress, theirs.link.localAddress];
        if (isUnicast(mine.link) || isSameAddress(a, b)) continue;
        const ids = ["multicastIpv4", "multicastIpv6"];
        const at = headOf(lastItem(theirs.clause, ...ids)) ?? head(theirs.clause);
        report({
          at: headOf(lastItem(mine.clause, ...ids), mine.clause),
          message: `this node is in group ${show(a)}, its partner in ${show(b)}`,
          related: { at, message: "here" },
        });
      }
    },
  },
  {
    id: "pair-port",
    severity: "error",
    isMutual: true,
    summary: "different ports",
    reason: "`Port` (or `Group`) is where a node listens and where it sends: they never meet.",
    fix: "Write the same number on both nodes.",
    example: [node({ port: 3780 }), other({ port: 3781 })],
    better: both({ port: 3780 }),
    run: (own, partner, report) => {
      for (const [mine, theirs] of linkPairs(own, partner)) {
        if (mine.link.port === theirs.link.port) continue;
        const at = headOf(lastItem(theirs.clause, "port", "group")) ?? head(theirs.clause);
        report({
          at: headOf(lastItem(mine.clause, "port", "group"), mine.clause),
          message: `port ${mine.link.port} here, ${theirs.link.port} on the partner`,
          related: { at, message: "here" },
        });
      }
    },
  },
  {
    id: "pair-checksum",
    severity: "note",
    isMutual: true,
    summary: "checksums in one direction only",
    reason: "It works; but somebody meant to switch them off, or on, on both nodes.",
    fix: "Write the same on both nodes, `Checksum on` if in doubt.",
    example: [node({ link: "Checksum on" }), other({ link: "Checksum off" })],
    better: both({ link: "Checksum on" }),
    run: (own, partner, report) => {
      for (const [mine, theirs] of linkPairs(own, partner)) {
        if (mine.link.kind === "tcp" || mine.link.checksum === theirs.link.checksum) continue;
        const at = headOf(lastItem(theirs.clause, "checksum")) ?? head(theirs.clause);
        report({
          at: headOf(lastItem(mine.clause, "checksum"), mine.clause),
          message: `checksums are ${yes(mine.link.checksum)} here and ${yes(theirs.link.checksum)} there`,
          related: { at, message: "here" },
        });
      }
    },
  },
  {
    id: "pair-default",
    severity: "warning",
    isMutual: true,
    summary: "different links are marked `Default`",
    reason:
      "The nodes start on different cables. They find together as soon as messages arrive, but a broken cable is then noticed late.",
    fix: "Mark the same link on both nodes.",
    example: [
      `${node({}).slice(0, -2)}    UDP Default {\n        Port 3781\n    }\n}\n`,
      `${other({}).slice(0, -2)}    UDP {\n        Port 3781\n    }\n}\n`,
    ],
    better: [
      `${node({}).slice(0, -2)}    UDP Default {\n        Port 3781\n    }\n}\n`,
      `${other({}).slice(0, -2)}    UDP Default {\n        Port 3781\n    }\n}\n`,
    ],
    run: (own, partner, report) => {
      const [mine, theirs] = [own, partner].map((s) => s.links[s.config.sync.defaultLink]);
      if (mine === undefined || theirs === undefined) return;
      if (own.links.length !== partner.links.length) return;
      if (own.config.sync.defaultLink === partner.config.sync.defaultLink) return;
      const message = `this node starts on link ${own.config.sync.defaultLink + 1}, its partner on ${partner.config.sync.defaultLink + 1}`;
      report({
        at: head(mine.clause),
        message,
        related: { at: head(theirs.clause), message: "here" },
      });
    },
  },
  {
    id: "pair-expectations",
    severity: "warning",
    isMutual: true,
    summary: "different helpers in `ExpectationSync`",
    reason:
      "Expectations of a helper that only one node lists travel in one direction: whether an FTP transfer survives depends on which node fails.",
    fix: "Write the same `ExpectationSync` on both nodes.",
    example: [
      node({ options: "ExpectationSync { ftp sip }" }),
      other({ options: "ExpectationSync { ftp }" }),
    ],
    better: both({ options: "ExpectationSync { ftp sip }" }),
    run: sameValue(expectations, ["expectationSync"], (mine, theirs) => [
      `this node replicates expectations of ${listWords(mine)}, its partner of ${listWords(theirs)}`,
      "here",
    ]),
  },
  {
    id: "pair-window-tracking",
    severity: "warning",
    isMutual: true,
    summary: "window tracking on one node",
    reason:
      "The node that does not track sends no window scales: the other one checks windows it does not know, and drops packets of connections it took over.",
    fix: "Write the same `TCPWindowTracking` on both nodes.",
    example: [node({ options: "TCPWindowTracking on" }), other({})],
    better: both({ options: "TCPWindowTracking on" }),
    run: sameValue(
      ({ config }) => config.sync.tcpWindowTracking,
      ["tcpWindowTracking"],
      (mine, theirs) => [`window tracking is ${yes(mine)} here and ${yes(theirs)} there`, "here"],
    ),
  },
  {
    id: "pair-commit-timeout",
    severity: "warning",
    isMutual: false,
    summary: "`CommitTimeout` on one node",
    reason:
      'A node with `CommitTimeout` does not send timeouts. The one without it needs them: what it commits lives 60 s, and direct injection fails ("Invalid argument").',
    fix: "Remove `CommitTimeout` on both nodes, or write it on both.",
    example: [node({ timers: "CommitTimeout 14400" }), other({})],
    better: both({ timers: "CommitTimeout 14400" }),
    run: (own, partner, report) => {
      const [mine, theirs] = [own, partner].map(({ config }) => config.sync.commitTimeout);
      if (!isCluster(own, partner) || mine === 0 || theirs !== 0) return;
      report({
        at: headOf(own.last("commitTimeout"), own.last("sync")),
        message: "this node sends no timeouts, and its partner relies on them",
        related: there(partner, "no `CommitTimeout` here", "ftfw", "alarm", "notrack"),
      });
    },
  },
  {
    id: "pair-refresh",
    severity: "error",
    isMutual: false,
    summary: "ALARM: refreshed too late for the partner",
    reason:
      "This node sends a flow again after at most `RefreshTime`; the partner forgets it `CacheTimeout` after the last message. Living flows vanish from its cache.",
    fix: "Make the partner's `CacheTimeout` at least twice this node`s `RefreshTime`.",
    example: [
      node({ mode: "ALARM", timers: "RefreshTime 100" }),
      other({ mode: "ALARM", timers: "CacheTimeout 60" }),
    ],
    better: both({ mode: "ALARM", timers: "RefreshTime 15" }),
    run: (own, partner, report) => {
      if (!isCluster(own, partner) || modeOf(own) !== "alarm" || modeOf(partner) !== "alarm")
        return;
      const { refreshTime } = own.config.sync;
      const { cacheTimeout } = partner.config.sync;
      if (cacheTimeout > refreshTime + 1) return;
      report({
        at: headOf(own.last("refreshTime"), own.last("alarm")),
        message: `refreshed within ${refreshTime} s, and forgotten there after ${cacheTimeout} s`,
        related: there(partner, "the partner's lifetime", "cacheTimeout"),
      });
    },
  },
  {
    id: "pair-acknowledgements",
    severity: "error",
    isMutual: false,
    summary: "acknowledged too late for the partner",
    reason:
      "A node acknowledges after `ACKWindowSize` messages; its partner keeps `ResendQueueSize` of them, and what it has dropped cannot be sent again.",
    fix: "Write the same two values on both nodes, the queue many times the window.",
    example: [
      node({ timers: "ACKWindowSize 5000" }),
      other({ timers: "ResendQueueSize 1000 ACKWindowSize 300" }),
    ],
    better: both({ timers: "ACKWindowSize 300" }),
    run: (own, partner, report) => {
      if (!isCluster(own, partner) || modeOf(own) !== "ftfw" || modeOf(partner) !== "ftfw") return;
      const { ackWindowSize } = own.config.sync;
      const { resendQueueSize } = partner.config.sync;
      if (ackWindowSize <= resendQueueSize) return;
      report({
        at: headOf(own.last("ackWindowSize"), own.last("ftfw")),
        message: `${ackWindowSize} messages go unacknowledged, and the partner keeps ${resendQueueSize}`,
        related: there(partner, "the partner's queue", "resendQueueSize"),
      });
    },
  },
  {
    id: "pair-hash-limit",
    severity: "warning",
    isMutual: true,
    summary: "different `HashLimit`",
    reason:
      "The smaller cache refuses what the larger one sends: after a fail-over to that node the rest is cut.",
    fix: "Write the same `HashLimit` on both nodes.",
    example: [node({ general: "HashLimit 1048576" }), other({ general: "HashLimit 262144" })],
    better: both({ general: "HashLimit 1048576" }),
    run: sameValue(
      ({ config }) => config.general.hashLimit,
      ["hashLimit"],
      (mine, theirs) => [`this node holds ${mine} flows, its partner ${theirs}`, `${theirs} here`],
    ),
  },
  {
    id: "pair-external-cache",
    severity: "warning",
    isMutual: true,
    summary: "an external cache on one node",
    reason:
      "Two active nodes both inject at once, an active and a backup node both keep a cache: with one of each, the fail-over works in one direction only.",
    fix: "Write the same `DisableExternalCache` on both nodes.",
    example: [node({ timers: "DisableExternalCache on" }), other({})],
    better: both({ timers: "DisableExternalCache on" }),
    run: sameValue(
      ({ config }) => config.sync.disableExternalCache,
      ["disableExternalCache"],
      (mine, theirs) => [
        `the external cache is ${yes(!mine)} here and ${yes(!theirs)} there`,
        "here",
      ],
    ),
  },
  {
    id: "pair-filter",
    severity: "warning",
    isMutual: true,
    summary: "different protocols or states in the filter",
    reason:
      "Each node sends what its own filter lets pass: whether a flow survives depends on which node fails.",
    fix: "Write the same `Protocol` and `State` blocks on both nodes; only own addresses differ.",
    example: [
      node({ general: "Filter { Protocol Accept { TCP UDP } }" }),
      other({ general: "Filter { Protocol Accept { TCP } }" }),
    ],
    better: both({ general: "Filter { Protocol Accept { TCP UDP } }" }),
    run: sameValue(filterOf, ["filterProtocol", "filterState", "filter"], (mine, theirs) => [
      `this node replicates ${mine}, its partner ${theirs}`,
      "here",
    ]),
  },
];

/** Protocols and states that pass, in words that compare. */
function filterOf({ config }: Subject): string {
  const { protocol, state } = config.general.filter;
  const list = (names: readonly string[]) => [...names].sort().join(" ") || "nothing";
  const only = (logic: string) => (logic === "accept" ? "" : "all but ");
  const protocols = protocol
    ? `${only(protocol.logic)}${list(protocol.protocols.map(({ name }) => name))}`
    : "every protocol";
  const states = state ? ` in the states ${only(state.logic)}${list(state.tcp)}` : "";
  return `${protocols}${states}`;
}
