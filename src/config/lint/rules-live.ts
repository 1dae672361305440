/** Rules about a file and the machine it shall run on. */

import { formatAddress } from "../address.ts";
import { sharesPrefix } from "./addresses.ts";
import { folderOf, type Interface, type Machine } from "./machine.ts";
import type { LiveRule } from "./rule.ts";
import { head, headOf, itemsOf, lastItem, type Subject, type WrittenLink } from "./subject.ts";

const conntrackMax = "net.netfilter.nf_conntrack_max";
/** Datagrams smaller than this waste a header for every flow. */
const smallMtu = 576;
const localIds = ["localIpv4", "localIpv6", "ipv4Interface"] as const;

const file =
  "Sync {\n    Mode FTFW {\n    }\n    UDP {\n        IPv4_address 192.168.100.1\n        IPv4_Destination_Address 192.168.100.2\n        Port 3780\n        Interface eth2\n    }\n}\n";
const multicastFile =
  "Sync {\n    Mode FTFW {\n    }\n    Multicast {\n        IPv4_address 225.0.0.50\n        IPv4_interface 192.168.100.1\n        Group 3780\n        Interface eth2\n    }\n}\n";
const eth2: Interface = {
  ...{ name: "eth2", isUp: true, hasCarrier: true, mtu: 1500, hasMulticast: true },
  addresses: [{ bytes: Uint8Array.of(192, 168, 100, 1), prefix: 24 }],
};
const machine = { interfaces: [eth2] };
const withInterface = (change: Partial<Interface>) => ({ interfaces: [{ ...eth2, ...change }] });
const withSysctl = (name: string, value: number) => ({ sysctls: { [name]: value } });

/** Links whose interface is there, with it. */
function* linked(
  { links }: Subject,
  { interfaces }: Machine,
): Generator<readonly [WrittenLink, Interface]> {
  for (const written of links) {
    const found = interfaces?.find(({ name }) => name === written.link.ifname);
    if (found !== undefined) yield [written, found];
  }
}

/** This node's own address on a link. */
function ownAddress({ link }: WrittenLink): Uint8Array | null {
  return link.kind === "multicast" ? link.mcastInterfaceAddress : link.localAddress;
}

const atInterface = ({ clause }: WrittenLink) => headOf(lastItem(clause, "linkInterface"), clause);

/** Paths of the file that the daemon creates, with the clause that gives them. */
function paths(subject: Subject) {
  const { general, stats } = subject.config;
  const rows = [
    { path: general.unixPath, id: "unixPath", what: "the control socket" },
    { path: general.lockFile, id: "lockFile", what: "the lock" },
    { path: general.logFile, id: "logFile", what: "the log" },
    { path: stats.logFile, id: "statsLogFile", what: "the log of flows" },
  ];
  return rows.flatMap(({ path, id, what }) =>
    path?.startsWith("/")
      ? [{ path, what, at: headOf(subject.last(id), subject.last("general")) }]
      : [],
  );
}

export const liveRules: readonly LiveRule[] = [
  {
    id: "live-interface-missing",
    severity: "error",
    summary: "a link over an interface that this machine does not have",
    reason: 'The daemon does not start: "No such device".',
    fix: "Correct the name, or create the interface before the daemon starts.",
    example: { file, machine: withInterface({ name: "eth1" }) },
    better: { file, machine },
    run: ({ links }, { interfaces }, report) => {
      for (const written of links) {
        const name = written.link.ifname;
        if (name === null || interfaces === undefined) continue;
        if (interfaces.some((each) => each.name === name)) continue;
        const names = interfaces.map((each) => each.name).slice(0, 8);
        const message = `there is no interface \`${name}\` (there are ${names.join(", ")})`;
        report({ at: atInterface(written), message });
      }
    },
  },
  {
    id: "live-interface-down",
    severity: "warning",
    summary: "a link over an interface that is down",
    reason: "Nothing is replicated until it is up.",
    fix: "Bring it up (`ip link set eth2 up`), and see that the system does so at boot.",
    example: { file, machine: withInterface({ isUp: false, addresses: [] }) },
    better: { file, machine },
    run: (subject, facts, report) => {
      for (const [written, found] of linked(subject, facts)) {
        if (found.isUp && found.hasCarrier) continue;
        const what = found.isUp ? "has no carrier: is the cable plugged in?" : "is down";
        report({ at: atInterface(written), message: `\`${found.name}\` ${what}` });
      }
    },
  },
  {
    id: "live-address-missing",
    severity: "error",
    summary: "a link with an address that the machine does not have",
    reason: 'The daemon does not start: "Cannot assign requested address".',
    fix: "Assign the address to the interface, or write the one it has.",
    example: {
      file,
      machine: withInterface({
        addresses: [{ bytes: Uint8Array.of(192, 168, 100, 2), prefix: 24 }],
      }),
    },
    better: { file, machine },
    run: (subject, facts, report) => {
      for (const [written, found] of linked(subject, facts)) {
        const own = ownAddress(written);
        if (own === null || !found.isUp || found.addresses.length === 0) continue;
        const all = facts.interfaces?.flatMap(({ addresses }) => addresses) ?? [];
        if (all.some(({ bytes }) => sharesPrefix(bytes, own, own.length * 8))) continue;
        const has = found.addresses.map(({ bytes }) => formatAddress(bytes)).slice(0, 4);
        report({
          at: headOf(lastItem(written.clause, ...localIds), written.clause),
          message: `no interface has ${formatAddress(own)}; \`${found.name}\` has ${has.join(", ")}`,
        });
      }
    },
  },
  {
    id: "live-peer-elsewhere",
    severity: "warning",
    summary: "a peer that is not on the link's network",
    reason:
      "Messages to it take the route to somewhere else, perhaps over the interface that carries the traffic: they fail together with it.",
    fix: "Use addresses of one network on the cable between the nodes.",
    example: {
      file,
      machine: withInterface({
        addresses: [{ bytes: Uint8Array.of(192, 168, 100, 1), prefix: 32 }],
      }),
    },
    better: { file, machine },
    run: (subject, facts, report) => {
      for (const [written, found] of linked(subject, facts)) {
        const peer = written.link.peerAddress;
        const isNear = found.addresses.some(({ bytes, prefix }) => {
          return peer !== null && sharesPrefix(bytes, peer, prefix);
        });
        if (peer === null || isNear || found.addresses.length === 0) continue;
        report({
          at: headOf(lastItem(written.clause, "peerIpv4", "peerIpv6"), written.clause),
          message: `${formatAddress(peer)} is in no network of \`${found.name}\``,
        });
      }
    },
  },
  {
    id: "live-link-carries-traffic",
    severity: "warning",
    summary: "a link over the interface that carries the traffic",
    reason:
      "The failure that takes away the traffic takes away the link, a flood drowns both, and the protocol is readable for everybody on that network.",
    fix: "Use a cable of its own between the nodes.",
    example: { file, machine: { ...machine, defaultRoutes: ["eth2"] } },
    better: { file, machine: { ...machine, defaultRoutes: ["eth0"] } },
    run: (subject, facts, report) => {
      for (const [written, { name }] of linked(subject, facts)) {
        if (!facts.defaultRoutes?.includes(name)) continue;
        const message = `the default route leads through \`${name}\``;
        report({ at: atInterface(written), message });
      }
    },
  },
  {
    id: "live-mtu-small",
    severity: "warning",
    summary: "a link over an interface with a tiny MTU",
    reason: "A datagram then holds a few messages, and one of expectations may not fit at all.",
    fix: "Raise the MTU to 1500, on both nodes.",
    example: { file, machine: withInterface({ mtu: 300 }) },
    better: { file, machine },
    run: (subject, facts, report) => {
      for (const [written, { name, mtu }] of linked(subject, facts)) {
        if (mtu >= smallMtu) continue;
        report({ at: atInterface(written), message: `the MTU of \`${name}\` is ${mtu} bytes` });
      }
    },
  },
  {
    id: "live-no-multicast",
    severity: "error",
    summary: "a `Multicast` link over an interface without multicast",
    reason: "Nothing is sent or received there.",
    fix: "Write `ip link set dev eth2 multicast on`, or use a `UDP` link.",
    example: { file: multicastFile, machine: withInterface({ hasMulticast: false }) },
    better: { file: multicastFile, machine },
    run: (subject, facts, report) => {
      for (const [written, { name, hasMulticast }] of linked(subject, facts)) {
        if (written.link.kind !== "multicast" || hasMulticast) continue;
        report({ at: atInterface(written), message: `\`${name}\` does no multicast` });
      }
    },
  },
  {
    id: "live-hash-limit",
    severity: "warning",
    summary: "`HashLimit` below the kernel`s own limit",
    reason:
      "The kernel may track more flows than the caches hold: what exceeds them is not replicated, and cut in a fail-over.",
    fix: "Write a `HashLimit` of at least `sysctl net.netfilter.nf_conntrack_max`.",
    example: {
      file: `General {\n    HashLimit 65536\n}\n${file}`,
      machine: withSysctl(conntrackMax, 262144),
    },
    better: {
      file: `General {\n    HashLimit 262144\n}\n${file}`,
      machine: withSysctl(conntrackMax, 262144),
    },
    run: ({ config, last }, { sysctls }, report) => {
      const kernel = sysctls[conntrackMax];
      const { hashLimit } = config.general;
      if (kernel === undefined || config.runMode === "none" || hashLimit >= kernel) return;
      report({
        at: headOf(last("hashLimit"), last("general")),
        message: `the caches hold ${hashLimit} flows, the kernel up to ${kernel}`,
        advice: `Write \`HashLimit ${kernel}\`.`,
      });
    },
  },
  {
    id: "live-no-events",
    severity: "error",
    summary: "a kernel that reports no events",
    reason:
      "The daemon hears of no flow: its cache stays as it was at start, and so does the peer's.",
    fix: "Set `net.netfilter.nf_conntrack_events` to 1 or 2, and load nf_conntrack_netlink.",
    example: { file, machine: withSysctl("net.netfilter.nf_conntrack_events", 0) },
    better: { file, machine: withSysctl("net.netfilter.nf_conntrack_events", 2) },
    run: ({ config, last }, { sysctls }, report) => {
      const events = sysctls["net.netfilter.nf_conntrack_events"];
      if (config.runMode === "none" || config.general.pollSecs !== null || events !== 0) return;
      const at = headOf(last("sync", "stats"));
      report({ at, message: "net.netfilter.nf_conntrack_events is 0" });
    },
  },
  {
    id: "live-no-conntrack",
    severity: "warning",
    summary: "a kernel without connection tracking, so far",
    reason:
      "The module is loaded by the first rule that needs it, or never: without it the daemon does not start, and limits are not set at boot.",
    fix: "Load nf_conntrack and nf_conntrack_netlink at boot (/etc/modules-load.d).",
    example: { file, machine: { modules: ["ext4"] } },
    better: { file, machine: { modules: ["nf_conntrack", "nf_conntrack_netlink"] } },
    run: ({ config, last }, { modules, sysctls }, report) => {
      if (modules === undefined || config.runMode === "none") return;
      if (sysctls[conntrackMax] !== undefined || modules.includes("nf_conntrack")) return;
      report({ at: headOf(last("sync", "stats")), message: "nf_conntrack is not loaded" });
    },
  },
  {
    id: "live-no-accounting",
    severity: "note",
    summary: "`Stats` without the kernel`s counters",
    reason: "Flows are logged without packets and bytes.",
    fix: "Set `net.netfilter.nf_conntrack_acct` to 1 if you want them.",
    example: {
      file: "Stats {\n    LogFile on\n}\n",
      machine: withSysctl("net.netfilter.nf_conntrack_acct", 0),
    },
    better: {
      file: "Stats {\n    LogFile on\n}\n",
      machine: withSysctl("net.netfilter.nf_conntrack_acct", 1),
    },
    run: ({ config, last }, { sysctls }, report) => {
      if (config.runMode !== "stats" || sysctls["net.netfilter.nf_conntrack_acct"] !== 0) return;
      report({ at: headOf(last("stats")), message: "net.netfilter.nf_conntrack_acct is 0" });
    },
  },
  {
    id: "live-tcp-loose",
    severity: "note",
    summary: "connections are picked up in the middle",
    reason:
      "With nf_conntrack_tcp_loose, a packet that arrives before the commit opens a new flow in mid-connection, without its translation; the commit replaces it, but what the packet did has happened.",
    fix: "Set `net.netfilter.nf_conntrack_tcp_loose` to 0 on firewalls that translate addresses.",
    example: { file, machine: withSysctl("net.netfilter.nf_conntrack_tcp_loose", 1) },
    better: { file, machine: withSysctl("net.netfilter.nf_conntrack_tcp_loose", 0) },
    run: ({ config, last }, { sysctls }, report) => {
      const loose = sysctls["net.netfilter.nf_conntrack_tcp_loose"] ?? 0;
      if (config.runMode !== "sync" || loose === 0) return;
      report({ at: headOf(last("sync")), message: "net.netfilter.nf_conntrack_tcp_loose is on" });
    },
  },
  {
    id: "live-window-checks",
    severity: "note",
    summary: "window tracking, and the kernel checks strictly",
    reason:
      "With `TCPWindowTracking`, committed connections are checked against windows that are as old as their last event: the kernel drops what lies beyond.",
    fix: "Set `net.netfilter.nf_conntrack_tcp_be_liberal` to 1, or leave `TCPWindowTracking` off.",
    example: {
      file: `${file.slice(0, -2)}    Options {\n        TCPWindowTracking on\n    }\n}\n`,
      machine: withSysctl("net.netfilter.nf_conntrack_tcp_be_liberal", 0),
    },
    better: {
      file: `${file.slice(0, -2)}    Options {\n        TCPWindowTracking on\n    }\n}\n`,
      machine: withSysctl("net.netfilter.nf_conntrack_tcp_be_liberal", 1),
    },
    run: ({ config, last }, { sysctls }, report) => {
      const isLiberal = sysctls["net.netfilter.nf_conntrack_tcp_be_liberal"] !== 0;
      if (config.runMode !== "sync" || !config.sync.tcpWindowTracking || isLiberal) return;
      const message = "net.netfilter.nf_conntrack_tcp_be_liberal is 0";
      report({ at: headOf(last("tcpWindowTracking")), message });
    },
  },
  {
    id: "live-buffer-limit",
    severity: "note",
    summary: "a buffer above the system's limit",
    reason:
      "Root may exceed it. In a container or a user namespace nobody may: this daemon then works with what the limit allows, the C daemon does not start.",
    fix: "Raise `net.core.rmem_max` or `net.core.wmem_max` where the daemon is not root.",
    example: {
      file: file.replace("Port 3780", "Port 3780\n        RcvSocketBuffer 1249280"),
      machine: { ...withSysctl("net.core.rmem_max", 212992), isPrivileged: false },
    },
    better: {
      file: file.replace("Port 3780", "Port 3780\n        RcvSocketBuffer 1249280"),
      machine: { ...withSysctl("net.core.rmem_max", 4194304), isPrivileged: false },
    },
    run: (subject, { sysctls, isPrivileged }, report) => {
      if (isPrivileged) return;
      const rows = [
        ["rcvSocketBuffer", "net.core.rmem_max", 1],
        ["netlinkBufferSize", "net.core.rmem_max", 2],
        ["sndSocketBuffer", "net.core.wmem_max", 1],
      ] as const;
      for (const [id, name, share] of rows) {
        for (const clause of subject.all(id)) {
          const limit = sysctls[name];
          const bytes = Number(clause.values[0]?.text);
          if (limit === undefined || bytes / share <= limit) continue;
          report({ at: head(clause), message: `${name} is ${limit}` });
        }
      }
    },
  },
  {
    id: "live-port-taken",
    severity: "warning",
    summary: "a port that outgoing connections of this machine may use",
    reason: 'Any program may hold it when the daemon starts: "Address already in use".',
    fix: "Choose a port outside of `net.ipv4.ip_local_port_range`, or reserve it.",
    example: {
      file,
      machine: { sysctls: { "net.ipv4.ip_local_port_range": 1024 } },
    },
    better: {
      file,
      machine: { sysctls: { "net.ipv4.ip_local_port_range": 32768 } },
    },
    run: ({ links }, { sysctls }, report) => {
      const first = sysctls["net.ipv4.ip_local_port_range"];
      if (first === undefined || first >= 32768) return;
      for (const { link, clause } of links) {
        if (link.port < first || link.port >= 32768) continue;
        const at = headOf(itemsOf(clause, "port", "group").at(-1), clause);
        report({ at, message: `ports from ${first} on are for outgoing connections here` });
      }
    },
  },
  {
    id: "live-folder-missing",
    severity: "error",
    summary: "a folder that is not there",
    reason: "The daemon does not start; /run is empty after each boot.",
    fix: "Create it at boot (tmpfiles.d, or `RuntimeDirectory=` of the service), or use another one.",
    example: {
      file: "General {\n    LockFile /run/conntrackd/lock\n}\n",
      machine: { folders: { "/run/conntrackd": { kind: "missing", mode: 0 } } },
    },
    better: {
      file: "General {\n    LockFile /run/conntrackd/lock\n}\n",
      machine: { folders: { "/run/conntrackd": { kind: "directory", mode: 0o755 } } },
    },
    run: (subject, { folders }, report) => {
      for (const { path, what, at } of paths(subject)) {
        const kind = folders[folderOf(path)]?.kind ?? "directory";
        if (kind === "directory") continue;
        const state = kind === "missing" ? "does not exist" : "is no folder";
        report({ at, message: `\`${folderOf(path)}\`, the folder of ${what}, ${state}` });
      }
    },
  },
  {
    id: "live-folder-writable",
    severity: "warning",
    summary: "a folder in which everybody may write",
    reason:
      "Any user can put a socket, a link or a lock of that name there first: commands go to their program, or root writes into a file of theirs.",
    fix: "Use a folder that only root may write to, or take the right away: `chmod o-w`.",
    example: {
      file: "General {\n    UNIX {\n        Path /srv/run/conntrackd.ctl\n    }\n}\n",
      machine: { folders: { "/srv/run": { kind: "directory", mode: 0o777 } } },
    },
    better: {
      file: "General {\n    UNIX {\n        Path /srv/run/conntrackd.ctl\n    }\n}\n",
      machine: { folders: { "/srv/run": { kind: "directory", mode: 0o755 } } },
    },
    run: (subject, { folders }, report) => {
      for (const { path, what, at } of paths(subject)) {
        const folder = folders[folderOf(path)];
        if (folder === undefined || (folder.mode & 0o002) === 0) continue;
        // Debian's /var/lock is sticky and open to all; locks are made there for good reason.
        if (what === "the lock" && (folder.mode & 0o1000) !== 0) continue;
        const bits = (folder.mode & 0o7777).toString(8);
        report({ at, message: `everybody may write to \`${folderOf(path)}\` (${bits})` });
      }
    },
  },
  {
    id: "live-helper-module",
    severity: "note",
    summary: "expectations of a helper that is not loaded",
    reason: "No flow of this node has that helper: there is nothing to replicate.",
    fix: "Load the module at boot, and assign the helper with a rule of nftables.",
    example: {
      file: "Sync {\n    Mode FTFW {\n    }\n    Options {\n        ExpectationSync { ftp }\n    }\n}\n",
      machine: { modules: ["nf_conntrack"] },
    },
    better: {
      file: "Sync {\n    Mode FTFW {\n    }\n    Options {\n        ExpectationSync { ftp }\n    }\n}\n",
      machine: { modules: ["nf_conntrack", "nf_conntrack_ftp"] },
    },
    run: ({ all }, { modules }, report) => {
      for (const clause of all("expectationHelper")) {
        const word = clause.values[0]?.text.toLowerCase() ?? "";
        const module = helperModules[word];
        if (modules === undefined || module === undefined || modules.includes(module)) continue;
        report({ at: head(clause), message: `${module} is not loaded` });
      }
    },
  },
];

const helperModules: Readonly<Record<string, string>> = {
  ...{ ftp: "nf_conntrack_ftp", tftp: "nf_conntrack_tftp", sip: "nf_conntrack_sip" },
  ...{ irc: "nf_conntrack_irc", amanda: "nf_conntrack_amanda", sane: "nf_conntrack_sane" },
  ...{ pptp: "nf_conntrack_pptp", snmp: "nf_conntrack_snmp" },
  ...{ "netbios-ns": "nf_conntrack_netbios_ns" },
  ...{ ras: "nf_conntrack_h323", "q.931": "nf_conntrack_h323", "h.245": "nf_conntrack_h323" },
};
