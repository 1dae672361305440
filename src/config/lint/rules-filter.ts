/** Rules about `Filter`: what it lets through is seldom what it seems to say. */

import { formatAddress } from "../address.ts";
import type { Written } from "../index.ts";
import { isListed, isLoopback } from "./addresses.ts";
import type { FileRule } from "./rule.ts";
import { filter } from "./rules-filter-entries.ts";
import { head, headOf, itemsOf, type Subject, valueText } from "./subject.ts";

const tcpNumber = 6;
const udpNumber = 17;
const criteria = ["filterProtocol", "filterAddress", "filterState"] as const;

const link =
  "Sync {\n    Mode FTFW {\n    }\n    UDP {\n        IPv4_address 192.168.100.1\n        IPv4_Destination_Address 192.168.100.2\n        Port 3780\n        Interface eth2\n    }\n}\n";

/** The filter keeps flows of this protocol. */
function hasProtocol({ config }: Subject, number: number): boolean {
  const { protocol } = config.general.filter;
  if (protocol === null) return true;
  return protocol.protocols.some((row) => row.number === number) === (protocol.logic === "accept");
}

/** A flow between two addresses passes the address filter. */
function passes({ config }: Subject, ends: readonly Uint8Array[]): boolean {
  const { address } = config.general.filter;
  if (address === null) return true;
  return ends.some((end) => isListed(end, address)) === (address.logic === "accept");
}

const stateNames = (clause: Written) => itemsOf(clause, "filterStateGroup").length;

export const filterRules: readonly FileRule[] = [
  {
    id: "filter-empty",
    severity: "error",
    summary: "an `Accept` list with nothing in it",
    reason:
      "An empty list is a list all the same: nothing is in it, so no flow passes and nothing is replicated.",
    fix: "List what shall pass, or remove the block.",
    example: filter("Userspace", "Protocol Accept { }"),
    better: filter("Userspace", "Protocol Accept { TCP UDP }"),
    fromAbsence: true,
    run: ({ config, last }, report) => {
      const { protocol, address, state } = config.general.filter;
      const total = (lists: readonly (readonly unknown[])[]) => lists.flat().length;
      const empty = {
        filterProtocol: protocol?.logic === "accept" && protocol.protocols.length === 0,
        filterAddress:
          address?.logic === "accept" &&
          total([address.v4Hosts, address.v4Nets, address.v6Hosts, address.v6Nets]) === 0,
        filterState: state?.logic === "accept" && state.tcp.length === 0,
      };
      for (const id of criteria) {
        const what = id === "filterState" ? "no TCP flow" : "no flow";
        if (empty[id]) report({ at: headOf(last(id)), message: `${what} passes this filter` });
      }
    },
  },
  {
    id: "filter-list-empty",
    severity: "warning",
    summary: "an `Ignore` list with nothing in it",
    reason: "It ignores nothing.",
    fix: "List what shall be ignored, or remove the block.",
    example: filter("Userspace", "Address Ignore { }"),
    better: filter("Userspace", "Address Ignore { IPv4_address 127.0.0.1 }"),
    run: ({ all }, report) => {
      for (const clause of all(...criteria)) {
        if (clause.values[0]?.text !== "Ignore" || clause.items.length > 0) continue;
        report({ at: head(clause), message: `\`${clause.keyword?.text} Ignore\` lists nothing` });
      }
    },
  },
  {
    id: "filter-two-meanings",
    severity: "warning",
    summary: "`Accept` and `Ignore` of one criterion",
    reason:
      "They do not combine: all lists of a criterion become one, and the last word decides for all of it.",
    fix: "Say it with one of them.",
    example: filter("Userspace", "Protocol Accept { TCP }", "Protocol Ignore { UDP }"),
    better: filter("Userspace", "Protocol Accept { TCP }"),
    run: ({ all }, report) => {
      for (const id of criteria) {
        const blocks = all(id);
        const decides = blocks.at(-1);
        if (decides === undefined) continue;
        for (const block of blocks) {
          const word = valueText(block);
          if (word === valueText(decides)) continue;
          report({
            at: head(block),
            message: `what stands here counts as \`${valueText(decides)}\`, not as \`${word}\``,
            related: { at: head(decides), message: "the last one decides" },
          });
        }
      }
    },
  },
  {
    id: "filter-no-established",
    severity: "warning",
    summary: "a state filter without established connections",
    reason:
      "A connection is not replicated while it is established: the peer knows it as long as it is being opened, and the fail-over cuts it.",
    fix: "Accept at least `ESTABLISHED CLOSED TIME_WAIT CLOSE_WAIT for TCP`.",
    example: filter("Userspace", "State Accept { SYN_SENT SYN_RECV for TCP }"),
    better: filter("Userspace", "State Accept { ESTABLISHED CLOSED TIME_WAIT CLOSE_WAIT for TCP }"),
    run: (subject, report) => {
      const { state } = subject.config.general.filter;
      if (state === null || !hasProtocol(subject, tcpNumber) || state.tcp.length === 0) return;
      if (state.tcp.includes("ESTABLISHED") === (state.logic === "accept")) return;
      report({
        at: headOf(subject.last("filterState")),
        message: "established TCP connections do not pass",
      });
    },
  },
  {
    id: "filter-state-without-tcp",
    severity: "warning",
    summary: "a state filter, and TCP is filtered out",
    reason: "States are TCP's: the block has no effect.",
    fix: "Add `TCP` to the protocols, or remove the `State` block.",
    example: filter("Userspace", "Protocol Accept { UDP }", "State Accept { ESTABLISHED for TCP }"),
    better: filter(
      "Userspace",
      "Protocol Accept { UDP TCP }",
      "State Accept { ESTABLISHED for TCP }",
    ),
    run: (subject, report) => {
      const clause = subject.last("filterState");
      if (clause === undefined || stateNames(clause) === 0) return;
      if (hasProtocol(subject, tcpNumber)) return;
      const protocols = subject.last("filterProtocol");
      const related = protocols && { at: head(protocols), message: "TCP does not pass" };
      const message = "this has no effect";
      report({ at: head(clause), message, ...(related ? { related } : {}) });
    },
  },
  {
    id: "filter-one-family",
    severity: "warning",
    summary: "an `Address Accept` list of one family",
    reason: "Flows of the other family are in no list, so none of them passes.",
    fix: "List addresses of both families, or use `Address Ignore`.",
    example: filter("Userspace", "Address Accept { IPv4_address 10.0.0.0/8 }"),
    better: filter(
      "Userspace",
      "Address Accept { IPv4_address 10.0.0.0/8 IPv6_address 2001:db8::/32 }",
    ),
    run: ({ config, last }, report) => {
      const { address } = config.general.filter;
      if (address?.logic !== "accept") return;
      const v4 = address.v4Hosts.length + address.v4Nets.length;
      const v6 = address.v6Hosts.length + address.v6Nets.length;
      if (v4 + v6 === 0 || (v4 > 0 && v6 > 0)) return;
      const lost = v4 > 0 ? "IPv6" : "IPv4";
      report({ at: headOf(last("filterAddress")), message: `no ${lost} flow passes` });
    },
  },
  {
    id: "filter-link-passes",
    severity: "warning",
    fromAbsence: true,
    summary: "the link's own traffic is replicated",
    reason:
      "The flow between the two daemons is a flow like any other: each message changes it, which is an event, which is a message.",
    fix: "List the link's addresses: `Filter { Address Ignore { IPv4_address … } }`. (Or exempt the link from tracking, and ignore this rule.)",
    example: `${filter("Userspace", "Address Ignore { IPv4_address 127.0.0.1 }")}${link}`,
    better: `${filter("Userspace", "Address Ignore { IPv4_address 127.0.0.1 IPv4_address 192.168.100.1 }")}${link}`,
    run: (subject, report) => {
      const at = headOf(subject.last("filterAddress"), subject.last("filter"));
      for (const { link: one, clause } of subject.links) {
        const { kind, localAddress, peerAddress, mcastInterfaceAddress } = one;
        const ends = [localAddress, peerAddress, mcastInterfaceAddress].filter(
          (end) => end !== null,
        );
        if (ends.length === 0 || !hasProtocol(subject, kind === "tcp" ? tcpNumber : udpNumber)) {
          continue;
        }
        if (ends.some(isLoopback) || !passes(subject, ends)) continue;
        const names = ends.map(formatAddress);
        const lines = ends.map((end, i) => `IPv${end.length === 4 ? 4 : 6}_address ${names[i]}`);
        report({
          at: at ?? head(clause),
          message: `flows between ${names.join(" and ")}, the link's own, pass the filter`,
          advice: `Write \`Address Ignore { ${lines.join(" ")} }\` into \`Filter\` of \`General\`.`,
          related: { at: head(clause), message: "the link" },
        });
      }
    },
  },
  {
    id: "filter-loopback-passes",
    severity: "note",
    summary: "the loopback's traffic is replicated",
    reason: "Flows of the node with itself mean nothing to the other one.",
    fix: "Add `IPv4_address 127.0.0.1` and `IPv6_address ::1` to `Address Ignore`.",
    example: filter("Userspace", "Address Ignore { IPv4_address 192.168.100.1 }"),
    better: filter("Userspace", "Address Ignore { IPv4_address 127.0.0.1 }"),
    run: (subject, report) => {
      const { address } = subject.config.general.filter;
      if (address?.logic !== "ignore" || isListed(Uint8Array.of(127, 0, 0, 1), address)) return;
      const at = headOf(subject.last("filterAddress"));
      report({ at, message: "flows of 127.0.0.1 pass the filter" });
    },
  },
  {
    id: "filter-kernel-accept",
    severity: "warning",
    isReferences: true,
    summary: "`Address Accept` in kernel space",
    reason:
      "There the C daemon wants both ends of a flow in the list, where in user space one is enough: replication stops for traffic to and from elsewhere. An empty list, or one of one family, lets pass what user space would refuse.",
    fix: "Write `Filter From Userspace`, or use `Address Ignore`.",
    example: filter("Kernelspace", "Address Accept { IPv4_address 10.0.0.0/8 }"),
    better: filter("Userspace", "Address Accept { IPv4_address 10.0.0.0/8 }"),
    run: ({ config, last }, report) => {
      const { from, address } = config.general.filter;
      if (from !== "kernelspace" || address?.logic !== "accept") return;
      const at = headOf(last("filterAddress"));
      report({ at, message: "the C daemon lets pass only flows with both ends in the list" });
    },
  },
];
