/** Rules about several links beside each other, and about multicast groups. */

import { formatAddress } from "../address.ts";
import { isMulticast, isSameAddress, sharesPrefix } from "./addresses.ts";
import type { FileRule } from "./rule.ts";
import { head, headOf, itemsOf, lastItem, type WrittenLink } from "./subject.ts";

function multicast(header: string, ...lines: readonly string[]): string {
  const inner = lines.map((line) => `        ${line}\n`).join("");
  return `    Multicast${header} {\n${inner}    }\n`;
}

function sync(...links: readonly string[]): string {
  return `Sync {\n    Mode FTFW {\n    }\n${links.join("")}}\n`;
}

const group = "IPv4_address 225.0.0.50";
const number = "Group 3780";
const own = "IPv4_interface 192.168.100.1";
const device = "Interface eth2";
const first = multicast(" Default", group, number, own, device);
const second = multicast(
  "",
  ...["IPv4_address 225.0.0.51", "Group 3781", "IPv4_interface 192.168.101.1", "Interface eth3"],
);
const good = sync(first, second);

/** Each pair of links once. */
function* pairs(links: readonly WrittenLink[]): Generator<readonly [WrittenLink, WrittenLink]> {
  for (const [index, later] of links.entries()) {
    for (const earlier of links.slice(0, index)) yield [earlier, later];
  }
}

export const severalLinksRules: readonly FileRule[] = [
  {
    id: "links-without-default",
    severity: "warning",
    summary: "several links, and none is marked `Default`",
    reason:
      "The first in the file is used first: whoever sorts the file moves the traffic to another cable, and the two nodes may start on different ones.",
    fix: "Mark the preferred link on both nodes: `UDP Default {`.",
    example: sync(first.replace(" Default", ""), second),
    better: good,
    run: ({ links }, report) => {
      const [primary] = links;
      if (links.length < 2 || primary === undefined) return;
      if (links.some(({ link }) => link.isDefault)) return;
      const { keyword } = primary.clause;
      const at = keyword ? keyword.offset + keyword.text.length : primary.clause.offset;
      const edits = [{ offset: at, end: at, text: " Default" }];
      report({
        at: head(primary.clause),
        message: `none of ${links.length} links is marked \`Default\`; this one is used first`,
        fix: { title: "mark it Default", edits, isSafe: false },
      });
    },
  },
  {
    id: "links-two-defaults",
    severity: "warning",
    summary: "several links are marked `Default`",
    reason: "The last one counts, the other marks are ignored.",
    fix: "Leave the mark at one link.",
    example: sync(first, second.replace("Multicast", "Multicast Default")),
    better: good,
    run: ({ links }, report) => {
      const marked = links.filter(({ link }) => link.isDefault);
      const counts = marked.at(-1);
      if (counts === undefined) return;
      for (const { clause } of marked.slice(0, -1)) {
        report({
          at: head(clause),
          message: "this `Default` does not count",
          related: { at: head(counts.clause), message: "this one does" },
        });
      }
    },
  },
  {
    id: "links-identical",
    severity: "error",
    summary: "two links with the same address and port",
    reason:
      "Both sockets listen at the same place: each datagram reaches one of them only, or both, and the second link protects from nothing.",
    fix: "Give each link a port, an address and a cable of its own.",
    example: sync(first, first.replace(" Default", "")),
    better: good,
    run: ({ links }, report) => {
      for (const [{ link: a, clause: before }, { link: b, clause }] of pairs(links)) {
        if (a.localAddress === null || a.port !== b.port) continue;
        if (!isSameAddress(a.localAddress, b.localAddress)) continue;
        report({
          at: head(clause),
          message: `${formatAddress(a.localAddress)} port ${a.port} is in use by another link`,
          related: { at: head(before), message: "here" },
        });
      }
    },
  },
  {
    id: "links-share-group",
    severity: "warning",
    summary: "two links with the same multicast group, on different ports",
    reason:
      "The kernel delivers by group: with both on one switch, each interface hears the other link's messages, and switches flood them to both cables.",
    fix: "Give each link a group of its own, for example 225.0.0.50 and 225.0.0.51.",
    example: sync(first, second.replace("225.0.0.51", "225.0.0.50")),
    better: good,
    run: ({ links }, report) => {
      for (const [{ link: a, clause: before }, { link: b, clause }] of pairs(links)) {
        if (a.kind !== "multicast" || a.localAddress === null || a.port === b.port) continue;
        if (!isSameAddress(a.localAddress, b.localAddress)) continue;
        report({
          at: headOf(lastItem(clause, "multicastIpv4", "multicastIpv6"), clause),
          message: `${formatAddress(a.localAddress)} is another link's group`,
          related: { at: head(before), message: "this one's" },
        });
      }
    },
  },
  {
    id: "links-share-interface",
    severity: "warning",
    summary: "two links over one interface",
    reason: "One cable, one fate: the second link fails together with the first.",
    fix: "Put the second link on another interface, or remove it.",
    example: sync(first, second.replace("eth3", "eth2")),
    better: good,
    run: ({ links }, report) => {
      for (const [{ link: a, clause: before }, { link: b, clause }] of pairs(links)) {
        if (a.ifname === null || a.ifname !== b.ifname) continue;
        report({
          at: headOf(lastItem(clause, "linkInterface"), clause),
          message: `another link runs over \`${a.ifname}\`, too`,
          related: {
            at: headOf(lastItem(before, "linkInterface"), before) ?? head(before),
            message: "here",
          },
        });
      }
    },
  },
  {
    id: "multicast-no-group",
    severity: "error",
    summary: "a `Multicast` link with an address that is no group",
    reason: "The daemon does not start: groups lie in 224.0.0.0/4 and ff00::/8.",
    fix: "Write a group, for example 225.0.0.50; this node's own address belongs into `IPv4_interface`.",
    example: sync(multicast("", "IPv4_address 192.168.100.1", number, own, device)),
    better: good,
    run: ({ links }, report) => {
      for (const { link, clause } of links) {
        const { kind, localAddress: address } = link;
        if (kind !== "multicast" || address === null || isMulticast(address)) continue;
        report({
          at: headOf(lastItem(clause, "multicastIpv4", "multicastIpv6"), clause),
          message: `${formatAddress(address)} is no multicast group`,
        });
      }
    },
  },
  {
    id: "multicast-reserved",
    severity: "warning",
    summary: "a group that the network itself uses",
    reason:
      "224.0.0.0/24 belongs to routing protocols (224.0.0.18 is VRRP): switches flood it everywhere, and some filter it.",
    fix: "Use a group of your own, for example 225.0.0.50 or one of 239.0.0.0/8.",
    example: sync(multicast("", "IPv4_address 224.0.0.18", number, own, device)),
    better: good,
    run: ({ links }, report) => {
      for (const { link, clause } of links) {
        const { kind, localAddress: address } = link;
        if (kind !== "multicast" || address === null) continue;
        if (!sharesPrefix(address, [224, 0, 0, 0], 24)) continue;
        report({
          at: headOf(lastItem(clause, "multicastIpv4"), clause),
          message: `${formatAddress(address)} is reserved for routing protocols`,
        });
      }
    },
  },
  {
    id: "multicast-without-own-address",
    severity: "warning",
    fromAbsence: true,
    summary: "a `Multicast` link over IPv4 without `IPv4_interface`",
    reason:
      "The routing table then chooses the interface: the group is joined where the default route leads, or nowhere, and then the daemon does not start.",
    fix: "Write this node's address on the link: `IPv4_interface 192.168.100.1`.",
    example: sync(multicast("", group, number, device)),
    better: good,
    run: ({ links }, report) => {
      for (const { link, clause } of links) {
        if (link.kind !== "multicast" || link.family !== 4) continue;
        if (link.mcastInterfaceAddress !== null || link.localAddress === null) continue;
        report({ at: head(clause), message: "this node's address is missing" });
      }
    },
  },
  {
    id: "multicast-interface-first",
    severity: "warning",
    isReferences: true,
    summary: "`Interface` above `IPv6_address` in a `Multicast` link",
    reason:
      'The C daemon then complains about an "invalid interface", joins the group nowhere, and receives nothing.',
    fix: "Write `IPv6_address` first.",
    example: sync(multicast("", device, "IPv6_address ff15::50", number)),
    better: sync(multicast("", "IPv6_address ff15::50", number, device)),
    run: ({ links }, report) => {
      for (const { clause } of links) {
        const [address] = itemsOf(clause, "multicastIpv6");
        const [name] = itemsOf(clause, "linkInterface");
        if (address === undefined || name === undefined || name.offset > address.offset) continue;
        const related = { at: head(name), message: "below this" };
        report({ at: head(address), message: "`IPv6_address` stands below `Interface`", related });
      }
    },
  },
  {
    id: "multicast-link-scope",
    severity: "warning",
    isReferences: true,
    summary: "an IPv6 group of link-local scope",
    reason: 'The C daemon cannot bind ff02:: groups: it does not start ("Invalid argument").',
    fix: "Use a group of site scope, for example ff15::50.",
    example: sync(multicast("", "IPv6_address ff02::50", number, device)),
    better: sync(multicast("", "IPv6_address ff15::50", number, device)),
    run: ({ links }, report) => {
      for (const { link, clause } of links) {
        const address = link.localAddress;
        if (link.kind !== "multicast" || address?.length !== 16) continue;
        if (address[0] !== 0xff || ((address[1] ?? 0) & 15) > 2) continue;
        const message = `${formatAddress(address)} has link-local scope`;
        report({ at: headOf(lastItem(clause, "multicastIpv6"), clause), message });
      }
    },
  },
];
