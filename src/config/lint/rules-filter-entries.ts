/** Rules about the entries of `Filter`'s address lists: what each of them holds. */

import { formatAddress, ipv4Bytes, parseIpv4, parseIpv6, partAtPrefix } from "../address.ts";
import type { Written } from "../index.ts";
import { sharesPrefix } from "./addresses.ts";
import type { FileRule } from "./rule.ts";
import { head, replaceValue, valueText } from "./subject.ts";

/** Addresses of each family that the C daemon's socket filter has room for. */
const kernelRoom = { filterIpv4: 127, filterIpv6: 20 } as const;
/** Entries that are compared with each other. */
const maxCompared = 20_000;
const addressIds = ["filterIpv4", "filterIpv6"] as const;

/** An example. */
export function filter(from: string, ...blocks: readonly string[]): string {
  const inner = blocks.map((block) => `        ${block}\n`).join("");
  return `General {\n    Filter From ${from} {\n${inner}    }\n}\n`;
}

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

export const filterEntryRules: readonly FileRule[] = [
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
