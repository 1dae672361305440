/** Rules about `Filter`: what it lets through is seldom what it seems to say. */

import { formatAddress, ipv4Bytes, parseIpv4, parseIpv6, partAtPrefix } from "../address.ts";
import type { Written } from "../index.ts";
import { isListed, isLoopback, sharesPrefix } from "./addresses.ts";
import type { FileRule } from "./rule.ts";
import { head, headOf, itemsOf, replaceValue, type Subject, valueText } from "./subject.ts";

/** Addresses of each family that the C daemon's socket filter has room for. */
const kernelRoom = { filterIpv4: 127, filterIpv6: 20 } as const;
/** Entries that are compared with each other. */
const maxCompared = 20_000;
const tcpNumber = 6;
const udpNumber = 17;
const criteria = ["filterProtocol", "filterAddress", "filterState"] as const;
const addressIds = ["filterIpv4", "filterIpv6"] as const;

function filter(from: string, ...blocks: readonly string[]): string {
  const inner = blocks.map((block) => `        ${block}\n`).join("");
  return `General {\n    Filter From ${from} {\n${inner}    }\n}\n`;
}

const link =
  "Sync {\n    Mode FTFW {\n    }\n    UDP {\n        IPv4_address 192.168.100.1\n        IPv4_Destination_Address 192.168.100.2\n        Port 3780\n        Interface eth2\n    }\n}\n";

interface Network {
  readonly bytes: Uint8Array;
  readonly prefix: number;
}

/** Undefined where the reader has refused it. */
function networkOf(clause: Written): Network | undefined {
  const { address, digits } = partAtPrefix(valueText(clause));
  const bytes = clause.clause === "filterIpv4" ? parseIpv4(address) : parseIpv6(address);
  if (bytes === undefined) return undefined;
  const prefix = digits === undefined ? bytes.length * 8 : Number(digits);
  return prefix <= bytes.length * 8 ? { bytes, prefix } : undefined;
}

/** Of an entry with a prefix; a host has none, and lists of hosts are long. */
function prefixedNetworkOf(clause: Written): Network | undefined {
  return valueText(clause).includes("/") ? networkOf(clause) : undefined;
}

/** Bits behind the prefix set to zero. */
function masked({ bytes, prefix }: Network): Uint8Array {
  if (prefix === bytes.length * 8) return bytes;
  return bytes.map((byte, index) => {
    const kept = Math.min(8, Math.max(0, prefix - index * 8));
    return byte & (0xff00 >> kept) & 0xff;
  });
}

/** The same for every address of one network of that length. */
function networkKey({ bytes }: Network, prefix: number): string {
  return `${masked({ bytes, prefix }).join(".")}/${prefix}`;
}

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
    id: "filter-everything",
    severity: "error",
    summary: "a network that holds every address",
    reason: "With /0 in an `Ignore` list no flow is left; in an `Accept` list it filters nothing.",
    fix: "Write the networks you mean.",
    example: filter("Userspace", "Address Ignore { IPv4_address 0.0.0.0/0 }"),
    better: filter("Userspace", "Address Ignore { IPv4_address 127.0.0.0/8 }"),
    run: ({ config, all }, report) => {
      const isIgnored = config.general.filter.address?.logic === "ignore";
      for (const clause of all(...addressIds)) {
        if (prefixedNetworkOf(clause)?.prefix !== 0) continue;
        const family = clause.clause === "filterIpv4" ? "IPv4" : "IPv6";
        const message = isIgnored
          ? `every ${family} flow is ignored`
          : `every ${family} flow passes`;
        report({ at: head(clause), message, ...(isIgnored ? {} : { severity: "warning" }) });
      }
    },
  },
  {
    id: "filter-host-bits",
    severity: "warning",
    summary: "a network whose address lies inside of it",
    reason:
      "The bits behind the prefix are ignored: 10.0.0.1/24 is the whole of 10.0.0.0/24, not the host.",
    fix: "Write the network's own address; or leave out the prefix for the host alone.",
    example: filter("Userspace", "Address Ignore { IPv4_address 10.0.0.1/24 }"),
    better: filter("Userspace", "Address Ignore { IPv4_address 10.0.0.0/24 }"),
    run: ({ all }, report) => {
      for (const clause of all(...addressIds)) {
        const network = prefixedNetworkOf(clause);
        if (network === undefined || network.prefix === 0) continue;
        const base = masked(network);
        if (base.every((byte, index) => byte === network.bytes[index])) continue;
        const meant = `${formatAddress(base)}/${network.prefix}`;
        report({
          at: head(clause),
          message: `\`${valueText(clause)}\` is the network ${meant}`,
          advice: `Write \`${meant}\`, or leave out \`/${network.prefix}\` for the host.`,
          fix: { title: `write ${meant}`, edits: replaceValue(clause, meant), isSafe: false },
        });
      }
    },
  },
  {
    id: "filter-covered",
    severity: "note",
    summary: "an address that another entry covers, or repeats",
    reason: "It changes nothing, and removing the one does not remove the other.",
    fix: "Keep one of them.",
    example: filter(
      "Userspace",
      "Address Ignore { IPv4_address 10.0.0.0/8 IPv4_address 10.1.2.3 }",
    ),
    better: filter("Userspace", "Address Ignore { IPv4_address 10.0.0.0/8 }"),
    run: ({ all }, report) => {
      const entries = new Map<Written, Network>();
      const first = new Map<string, Written>();
      const lengths = new Set<number>();
      for (const clause of all(...addressIds)) {
        const network = networkOf(clause);
        if (network === undefined) continue;
        entries.set(clause, network);
        lengths.add(network.prefix);
        const key = networkKey(network, network.prefix);
        if (!first.has(key)) first.set(key, clause);
      }
      // A list longer than this is not read by people either.
      if (entries.size > maxCompared) return;
      const prefixes = [...lengths].sort((a, b) => a - b);
      for (const [clause, network] of entries) {
        const prefix = prefixes.find(
          (each) => each <= network.prefix && first.has(networkKey(network, each)),
        );
        const cover = prefix === undefined ? undefined : first.get(networkKey(network, prefix));
        if (cover === undefined || cover === clause) continue;
        report({
          at: head(clause),
          message: `\`${valueText(cover)}\` covers it`,
          related: { at: head(cover), message: "here" },
        });
      }
    },
  },
  {
    id: "octal-address",
    severity: "warning",
    summary: "an address part with a leading zero",
    reason: "It counts as octal: 010.0.0.1 is 8.0.0.1.",
    fix: "Leave out leading zeroes.",
    example: filter("Userspace", "Address Ignore { IPv4_address 010.0.0.1 }"),
    better: filter("Userspace", "Address Ignore { IPv4_address 10.0.0.1 }"),
    run: ({ all }, report) => {
      const ids = ["filterIpv4", "localIpv4", "peerIpv4", "multicastIpv4", "ipv4Interface"];
      for (const clause of all(...ids)) {
        if (!/(?:^|\.)0\d/.test(valueText(clause))) continue;
        const { address: text, digits: prefix } = partAtPrefix(valueText(clause));
        const bytes = parseIpv4(text);
        if (bytes === undefined) continue;
        const meant = text.replace(/(^|\.)0+(?=\d)/g, "$1");
        const written = prefix === undefined ? meant : `${meant}/${prefix}`;
        report({
          at: head(clause),
          message: `\`${text}\` is ${formatAddress(bytes)}: a leading zero makes a number octal`,
          advice: `Write \`${meant}\` if that is what you mean.`,
          fix: { title: `write ${written}`, edits: replaceValue(clause, written), isSafe: false },
        });
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
  {
    id: "filter-kernel-room",
    severity: "warning",
    isReferences: true,
    summary: "more addresses than the C daemon's filter in kernel space holds",
    reason: "It silently leaves out what exceeds 127 IPv4 and 20 IPv6 entries.",
    fix: "Join addresses to networks, or write `Filter From Userspace`.",
    example: filter(
      "Kernelspace",
      `Address Ignore { ${Array.from({ length: 21 }, (_, i) => `IPv6_address fd00::${i + 1}`).join(" ")} }`,
    ),
    better: filter("Kernelspace", "Address Ignore { IPv6_address fd00::/64 }"),
    run: ({ config, all }, report) => {
      if (config.general.filter.from !== "kernelspace") return;
      for (const [id, room] of Object.entries(kernelRoom)) {
        const found = all(id);
        const first = found[room];
        if (first === undefined) continue;
        const message = `${found.length} entries are listed, ${room} fit; this and later ones are left out`;
        report({ at: head(first), message });
      }
    },
  },
  {
    id: "filter-kernel-zero-network",
    severity: "warning",
    isReferences: true,
    summary: "an IPv4 network that begins with zero bits, in kernel space",
    reason:
      'The C daemon\'s socket filter cannot tell "zero" from "not there": an `Ignore` of it drops every IPv6 flow, too.',
    fix: "Write `Filter From Userspace`.",
    example: filter("Kernelspace", "Address Ignore { IPv4_address 0.0.0.0/8 }"),
    better: filter("Userspace", "Address Ignore { IPv4_address 0.0.0.0/8 }"),
    run: ({ config, all }, report) => {
      const { from, address } = config.general.filter;
      if (from !== "kernelspace" || address?.logic !== "ignore") return;
      const zero = ipv4Bytes(0);
      for (const clause of all("filterIpv4")) {
        const network = prefixedNetworkOf(clause);
        if (network === undefined || network.prefix > 31) continue;
        if (!sharesPrefix(network.bytes, zero, network.prefix)) continue;
        report({ at: head(clause), message: "the C daemon ignores every IPv6 flow, too" });
      }
    },
  },
];
