/** Rules about one dedicated link: can it start, does it reach the peer, and who else reaches it. */

import { formatAddress } from "../address.ts";
import type { LinkConfig } from "../model.ts";
import { isLoopback, isPublic, isSameAddress, isUnspecified } from "./addresses.ts";
import type { FileRule } from "./rule.ts";
import { head, headOf, itemsOf, lastItem, replaceValue, valueText } from "./subject.ts";

/** Bytes that a socket needs to hold a few full datagrams, with what the kernel adds to each. */
const smallSocketBuffer = 65536;
/** What Linux gives to outgoing connections unless told otherwise. */
const ephemeral = { first: 32768, last: 60999 };
const localIds = ["localIpv4", "localIpv6"] as const;
const peerIds = ["peerIpv4", "peerIpv6"] as const;
const addressIds = [...localIds, ...peerIds] as const;

const isUnicast = ({ kind }: LinkConfig) => kind !== "multicast";
const portWord = (link: LinkConfig) => (isUnicast(link) ? "Port" : "Group");

function udp(...lines: readonly string[]): string {
  const inner = lines.map((line) => `        ${line}\n`).join("");
  return `Sync {\n    Mode FTFW {\n    }\n    UDP {\n${inner}    }\n}\n`;
}

const local = "IPv4_address 192.168.100.1";
const peer = "IPv4_Destination_Address 192.168.100.2";
const port = "Port 3780";
const device = "Interface eth2";
const good = udp(local, peer, port, device);

export const linkRules: readonly FileRule[] = [
  {
    id: "no-link",
    severity: "error",
    fromAbsence: true,
    summary: "`Sync` without a dedicated link",
    reason: "The daemon does not start: it has no way to the peer.",
    fix: "Add a `UDP`, `Multicast` or `TCP` clause.",
    example: "Sync {\n    Mode FTFW {\n    }\n}\n",
    better: good,
    run: ({ config, links, last }, report) => {
      if (config.runMode !== "sync" || links.length > 0) return;
      report({ at: headOf(last("sync")), message: "`Sync` has no link to the peer" });
    },
  },
  {
    id: "link-without-interface",
    severity: "error",
    fromAbsence: true,
    summary: "a link without `Interface`",
    reason:
      "The daemon does not start (\"can't open channel socket\"): it needs the interface's MTU and watches its carrier.",
    fix: "Name the interface of the cable between the nodes: `Interface eth2`.",
    example: udp(local, peer, port),
    better: good,
    run: ({ links }, report) => {
      for (const { link, clause } of links) {
        if (link.ifname === null) report({ at: head(clause), message: "no `Interface` is given" });
      }
    },
  },
  {
    id: "link-without-address",
    severity: "error",
    fromAbsence: true,
    summary: "a link without any valid address",
    reason: 'The daemon does not start: "Address family not supported by protocol".',
    fix: "Write `IPv4_address` and `IPv4_Destination_Address`, or the two of IPv6.",
    example: udp(port, device),
    better: good,
    run: ({ links }, report) => {
      for (const { link, clause } of links) {
        if (link.family !== null) continue;
        report({ at: head(clause), message: "no valid address is given" });
      }
    },
  },
  {
    id: "link-without-peer",
    severity: "error",
    fromAbsence: true,
    summary: "a link without the peer's address",
    reason: "The daemon sends to 0.0.0.0, that is to itself, and the peer hears nothing.",
    fix: "Write the other node's address: `IPv4_Destination_Address` or `IPv6_Destination_Address`.",
    example: udp(local, port, device),
    better: good,
    run: ({ links }, report) => {
      for (const { link, clause } of links) {
        if (!isUnicast(link) || link.family === null || link.peerAddress !== null) continue;
        report({ at: head(clause), message: "the peer's address is missing" });
      }
    },
  },
  {
    id: "link-without-port",
    severity: "error",
    fromAbsence: true,
    summary: "a link without `Port` (or `Group`)",
    reason: "The port is then 0, a random one on each node: they never meet.",
    fix: "Write the same `Port` on both nodes; 3780 is usual.",
    example: udp(local, peer, device),
    better: good,
    run: ({ links }, report) => {
      for (const { link, clause } of links) {
        if (itemsOf(clause, "port", "group").length > 0) continue;
        report({ at: head(clause), message: `no \`${portWord(link)}\` is given` });
      }
    },
  },
  {
    id: "link-port-range",
    severity: "error",
    summary: "a port that is 0 or above 65535",
    reason:
      "Only 16 bits of the number count: 70000 is port 4464, and 0 is a random port that the peer does not know.",
    fix: "Write a port from 1 to 65535.",
    example: udp(local, peer, "Port 70000", device),
    better: good,
    run: ({ links }, report) => {
      for (const { link, clause } of links) {
        const written = lastItem(clause, "port", "group");
        const number = written === undefined ? 1 : Number(valueText(written));
        if (written === undefined || (number >= 1 && number <= 65535)) continue;
        const message = `\`${portWord(link)} ${valueText(written)}\` is port ${link.port}`;
        report({ at: head(written), message });
      }
    },
  },
  {
    id: "link-port-taken",
    severity: "note",
    summary: "a port that outgoing connections may use",
    reason:
      'Any program may hold it when the daemon starts ("Address already in use"), for example after a reboot in the wrong order.',
    fix: "Choose one below 32768, or reserve it with net.ipv4.ip_local_reserved_ports.",
    example: udp(local, peer, "Port 40000", device),
    better: good,
    run: ({ links }, report) => {
      for (const { link, clause } of links) {
        const written = lastItem(clause, "port", "group");
        if (written === undefined || Number(valueText(written)) > 65535) continue;
        if (link.port < ephemeral.first || link.port > ephemeral.last) continue;
        const range = `${ephemeral.first} to ${ephemeral.last}`;
        const message = `port ${link.port} lies in the range of outgoing connections (${range})`;
        report({ at: head(written), message });
      }
    },
  },
  {
    id: "link-wildcard",
    severity: "warning",
    fromAbsence: true,
    summary: "a link that listens on every address",
    reason:
      "Anyone who reaches any interface of the firewall may send flows: they are believed, and a fail-over writes them into the kernel.",
    fix: "Write this node's address on the link: `IPv4_address` or `IPv6_address`.",
    example: udp(peer, port, device),
    better: good,
    run: ({ links }, report) => {
      for (const { link, clause } of links) {
        if (!isUnicast(link) || link.peerAddress === null) continue;
        if (link.localAddress !== null && !isUnspecified(link.localAddress)) continue;
        const at = headOf(lastItem(clause, ...localIds), clause);
        report({ at, message: "the link listens on every interface" });
      }
    },
  },
  {
    id: "link-mixed-families",
    severity: "error",
    summary: "IPv4 and IPv6 in one link",
    reason:
      "A link has one family, that of its last valid address; with an address of the other one the daemon does not start.",
    fix: "Use one family within a link; two links may have different ones.",
    example: udp(local, "IPv6_Destination_Address fd00:100::2", port, device),
    better: good,
    run: ({ links }, report) => {
      for (const { link, clause } of links) {
        const { localAddress: own, peerAddress: other } = link;
        if (!isUnicast(link) || own === null || other === null) continue;
        if (own.length === other.length) continue;
        const first = itemsOf(clause, ...addressIds)[0];
        const message = `${formatAddress(own)} cannot talk to ${formatAddress(other)}`;
        const at = headOf(lastItem(clause, ...addressIds), clause);
        const related = first && { at: head(first), message: "the other family" };
        report({ at, message, ...(related ? { related } : {}) });
      }
    },
  },
  {
    id: "link-to-itself",
    severity: "error",
    summary: "a link whose two ends are the same address",
    reason:
      "The node hears itself and takes its own messages for the peer's: nothing is replicated, and `-s` looks busy.",
    fix: "`IPv4_address` is this node`s, `IPv4_Destination_Address` the other`s; exchange them on the other node.",
    example: udp(local, "IPv4_Destination_Address 192.168.100.1", port, device),
    better: good,
    run: ({ links }, report) => {
      for (const { link, clause } of links) {
        if (link.localAddress === null || !isSameAddress(link.localAddress, link.peerAddress)) {
          continue;
        }
        const at = headOf(lastItem(clause, ...peerIds), clause);
        report({ at, message: "the peer's address is this node's own" });
      }
    },
  },
  {
    id: "link-loopback",
    severity: "warning",
    summary: "a link over the loopback interface",
    reason: "The other node is not there. It is a left-over of a test.",
    fix: "Use the addresses and the interface of the cable between the nodes.",
    example: udp(
      "IPv4_address 127.0.0.1",
      "IPv4_Destination_Address 127.0.0.2",
      port,
      "Interface lo",
    ),
    better: good,
    run: ({ links }, report) => {
      for (const { link, clause } of links) {
        const { localAddress: own, peerAddress: other, ifname } = link;
        const ends = [own, other].filter((address) => address !== null);
        if (ifname !== "lo" && !ends.some(isLoopback)) continue;
        const at = headOf(lastItem(clause, "linkInterface", ...addressIds), clause);
        report({ at, message: "the loopback interface leads to no other node" });
      }
    },
  },
  {
    id: "link-public-address",
    severity: "warning",
    summary: "a link over public addresses",
    reason:
      "The protocol is neither signed nor encrypted: whoever can reach this port from outside creates and deletes connections on your firewall.",
    fix: "Use a cable with private addresses; or a tunnel, or a packet filter that lets only the peer through.",
    example: udp("IPv4_address 8.8.8.1", "IPv4_Destination_Address 8.8.8.2", port, device),
    better: good,
    run: ({ links }, report) => {
      for (const { link, clause } of links) {
        const found = itemsOf(clause, ...addressIds).at(-1);
        const address = [link.localAddress, link.peerAddress].find(
          (a) => a !== null && isPublic(a),
        );
        if (!isUnicast(link) || address === null || address === undefined) continue;
        const message = `${formatAddress(address)} is a public address`;
        report({ at: headOf(found, clause), message });
      }
    },
  },
  {
    id: "link-checksum-off",
    severity: "warning",
    summary: "a link without checksums",
    reason:
      "Messages carry no checksum of their own: a bit that flips on the way becomes a wrong flow in the peer's kernel. Network cards compute it for nothing.",
    fix: "Write `Checksum on`, or leave it out.",
    example: udp(local, peer, port, device, "Checksum no"),
    better: udp(local, peer, port, device, "Checksum on"),
    run: ({ links }, report) => {
      for (const { link, clause } of links) {
        const written = lastItem(clause, "checksum");
        if (link.checksum || link.kind === "tcp" || written === undefined) continue;
        report({
          at: head(written),
          message: "corrupt messages are taken for good ones",
          fix: { title: "write Checksum on", edits: replaceValue(written, "on"), isSafe: false },
        });
      }
    },
  },
  {
    id: "link-buffer-small",
    severity: "warning",
    summary: "a socket buffer that holds a datagram or two",
    reason:
      "The peer sends in bursts of many datagrams of the interface's MTU, and the kernel counts up to twice their size: what does not fit is lost and asked for again.",
    fix: "Leave it out for the system's default, or write 1249280 or more.",
    example: udp(local, peer, port, device, "RcvSocketBuffer 4096"),
    better: udp(local, peer, port, device, "RcvSocketBuffer 1249280"),
    run: ({ links }, report) => {
      for (const { clause } of links) {
        for (const written of itemsOf(clause, "sndSocketBuffer", "rcvSocketBuffer")) {
          const bytes = Number(valueText(written));
          if (bytes === 0 || bytes >= smallSocketBuffer) continue;
          const message = `${bytes} bytes hold ${Math.floor(bytes / 3000)} full datagrams`;
          report({ at: head(written), message });
        }
      }
    },
  },
];
