/**
 * Six namespaces: a client, its network, two firewalls, the server's network, the server.
 *
 *     client ── lan ──┬── fw-a ──┬── wan ── server
 *                     └── fw-b ──┘
 *                    sync0 between the firewalls
 *
 * Each network has a virtual address that belongs to the active firewall. The cluster moves it by hand (`takeOver`), or
 * keepalived does (see `keepalivedText`); nothing here decides when.
 */
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type ConfigSettings, Conntrackd, type DaemonKind, projectRoot } from "./conntrackd.ts";
import { firewallRules, MIDSTREAM_COUNTER } from "./firewall-rules.ts";
import { Lab, type Namespace, type Outcome, run, systemEnvironment } from "./netns.ts";
import { isInUserNamespace } from "./privileges.ts";

/** Hundreds of connections open at once, and the system's own buffer holds some 260 events. */
const BUFFER_BYTES = 4 << 20;

/** Inside a user namespace nobody may exceed the system's limit: the reference gives up, ours takes what it gets. */
function mayForceBuffers(kind: DaemonKind): boolean {
  return kind === "ours" || !isInUserNamespace();
}

export interface ClusterOptions {
  readonly daemons: Readonly<Record<FirewallName, DaemonKind>>;
  /** Adds IPv6 addresses and translation. */
  readonly ipv6?: boolean;
  /** Adds a second pair of virtual addresses and a second server behind it: each firewall can carry one. */
  readonly isShared?: boolean;
  /** Changes to the configuration of both daemons. */
  readonly config?: Partial<ConfigSettings>;
}

export type FirewallName = "fw-a" | "fw-b";

/** One firewall: its namespace, its daemon and the fail-over script made for it. */
export interface Firewall {
  readonly name: FirewallName;
  readonly namespace: Namespace;
  readonly conntrackd: Conntrackd;
  /** Takes `primary`, `backup` or `fault`; calls doc/sync/ftfw/failover.sh with this node's settings. */
  readonly script: string;
}

export interface Cluster {
  readonly lab: Lab;
  readonly client: Namespace;
  readonly server: Namespace;
  readonly firewalls: Readonly<Record<FirewallName, Firewall>>;
  /** Runs the fail-over script of a firewall. */
  failover(name: FirewallName, word: "primary" | "backup" | "fault"): Promise<Outcome>;
  /** Gives the virtual addresses to a firewall and tells the neighbours (gratuitous ARP, unsolicited advertisement). */
  takeOver(name: FirewallName): Promise<void>;
  /** Takes the virtual addresses away from a firewall. */
  release(name: FirewallName): Promise<void>;
  /** Ends the daemon of a firewall and puts another program in its place: same files, not started. */
  replaceDaemon(name: FirewallName, kind: DaemonKind): Promise<Firewall>;
  /** A firewall that was killed is there again, with an empty table; nothing runs on it. */
  revive(name: FirewallName): Promise<void>;
  /** Cuts a firewall off and kills all that runs on it, without warning. */
  kill(name: FirewallName): Promise<void>;
  /** Packets that this firewall refused because it knew no connection for them. */
  refusedPackets(name: FirewallName): Promise<number>;
  /** Kills everything and removes every trace. */
  destroy(): void;
}

export const addresses = {
  client: "192.168.77.10",
  clientGateway: "192.168.77.1",
  server: "203.0.113.80",
  serverGateway: "203.0.113.1",
  sync: { "fw-a": "172.31.77.1", "fw-b": "172.31.77.2" },
  /** Of a shared cluster. */
  second: {
    clientGateway: "192.168.77.254",
    server: "203.0.113.81",
    serverGateway: "203.0.113.254",
  },
  v6: {
    client: "fd77:1::10",
    clientGateway: "fd77:1::1",
    server: "2001:db8:77::80",
    serverGateway: "2001:db8:77::1",
  },
} as const;

const names = ["fw-a", "fw-b"] as const;
const hostNumber = { "fw-a": 2, "fw-b": 3 } as const;

export async function createCluster(options: ClusterOptions): Promise<Cluster> {
  const lab = Lab.create();
  try {
    return await build(lab, options);
  } catch (error) {
    lab.destroy();
    throw error;
  }
}

async function build(lab: Lab, options: ClusterOptions): Promise<Cluster> {
  const [client, lan, a, b, wan, server] = await Promise.all([
    lab.namespace("client"),
    lab.namespace("lan"),
    lab.namespace("fw-a"),
    lab.namespace("fw-b"),
    lab.namespace("wan"),
    lab.namespace("server"),
  ]);
  await wire(lab, { client, lan, a, b, wan, server });
  const { ipv6 = false, isShared = false } = options;
  const spaces = { "fw-a": a, "fw-b": b } as const;
  await Promise.all([
    prepareHost(client, ipv6 ? ["client", "clientGateway"] : [], ["client", "clientGateway"]),
    prepareHost(server, ipv6 ? ["server", "serverGateway"] : [], ["server", "serverGateway"]),
    ...names.map((name) => prepareFirewall(name, spaces[name], ipv6)),
  ]);
  if (isShared) {
    const { second } = addresses;
    await client.ip(`route add ${second.server} via ${second.clientGateway}`);
    await server.ip(`addr add ${second.server}/24 dev wan0`);
  }
  const firewalls: Record<FirewallName, Firewall> = {
    "fw-a": makeFirewall(lab, "fw-a", a, options),
    "fw-b": makeFirewall(lab, "fw-b", b, options),
  };
  return {
    lab,
    client,
    server,
    firewalls,
    failover: (name, word) => run(["sh", firewalls[name].script, word]),
    takeOver: (name) => takeOver(spaces[name], ipv6),
    release: (name) => release(spaces[name]),
    replaceDaemon: async (name, kind) => {
      await firewalls[name].conntrackd.stop();
      const daemons = { ...options.daemons, [name]: kind };
      firewalls[name] = makeFirewall(lab, name, spaces[name], { ...options, daemons });
      return firewalls[name];
    },
    revive: (name) => reviveFirewall(firewalls[name]),
    kill: (name) => killFirewall(firewalls[name]),
    refusedPackets: (name) => refusedPackets(spaces[name]),
    destroy: () => lab.destroy(),
  };
}

type Spaces = Readonly<Record<"client" | "lan" | "a" | "b" | "wan" | "server", Namespace>>;

async function wire(lab: Lab, spaces: Spaces): Promise<void> {
  const { client, lan, a, b, wan, server } = spaces;
  const bridge = "link add br0 type bridge forward_delay 0 mcast_snooping 0\nlink set br0 up";
  await Promise.all([lan.ip(bridge), wan.ip(bridge)]);
  await Promise.all([
    lab.link({ at: client, as: "lan0" }, { at: lan, as: "port-host" }),
    lab.link({ at: a, as: "lan0" }, { at: lan, as: "port-fwa" }),
    lab.link({ at: b, as: "lan0" }, { at: lan, as: "port-fwb" }),
    lab.link({ at: server, as: "wan0" }, { at: wan, as: "port-host" }),
    lab.link({ at: a, as: "wan0" }, { at: wan, as: "port-fwa" }),
    lab.link({ at: b, as: "wan0" }, { at: wan, as: "port-fwb" }),
    lab.link({ at: a, as: "sync0" }, { at: b, as: "sync0" }),
  ]);
  const ports = ["port-host", "port-fwa", "port-fwb"].map((port) => `link set ${port} master br0`);
  await Promise.all([lan.ip(ports), wan.ip(ports)]);
}

type Pair = readonly ["client", "clientGateway"] | readonly ["server", "serverGateway"];

async function prepareHost(space: Namespace, v6: Pair | readonly [], [host, gateway]: Pair) {
  const device = host === "client" ? "lan0" : "wan0";
  const lines = [
    `addr add ${addresses[host]}/24 dev ${device}`,
    `route add default via ${addresses[gateway]}`,
  ];
  if (v6.length > 0) {
    lines.push(`addr add ${addresses.v6[host]}/64 dev ${device} nodad`);
    lines.push(`route add default via ${addresses.v6[gateway]}`);
  }
  await space.ip(lines);
}

async function prepareFirewall(name: FirewallName, space: Namespace, ipv6: boolean): Promise<void> {
  const host = hostNumber[name];
  const { v6 } = addresses;
  await space.ip([
    `addr add 192.168.77.${host}/24 dev lan0`,
    `addr add 203.0.113.${host}/24 dev wan0`,
    `addr add ${addresses.sync[name]}/30 dev sync0`,
    ...(ipv6
      ? [
          `addr add fd77:1::${host}/64 dev lan0 nodad`,
          `addr add 2001:db8:77::${host}/64 dev wan0 nodad`,
        ]
      : []),
  ]);
  // The rules first: they bring connection tracking, and with it its parameters, into the namespace.
  await space.nft(
    firewallRules({
      inside: "lan0",
      outside: "wan0",
      sync: "sync0",
      translateTo: [addresses.serverGateway, ...(ipv6 ? [v6.serverGateway] : [])],
      translateFor: { [addresses.second.server]: addresses.second.serverGateway },
    }),
  );
  await space.sysctl({
    "net/ipv4/ip_forward": 1,
    "net/ipv6/conf/all/forwarding": 1,
    "net/ipv4/conf/*/rp_filter": 0,
    "net/ipv4/conf/*/arp_notify": 1,
    "net/ipv6/conf/*/ndisc_notify": 1,
    "net/netfilter/nf_conntrack_tcp_loose": 0,
    "net/netfilter/nf_conntrack_events": 1,
  });
}

function makeFirewall(
  lab: Lab,
  name: FirewallName,
  namespace: Namespace,
  options: ClusterOptions,
): Firewall {
  const { sync } = addresses;
  const peer = name === "fw-a" ? "fw-b" : "fw-a";
  const host = hostNumber[name];
  const conntrackd = new Conntrackd({ namespace, dir: lab.dir }, options.daemons[name], {
    ignore: [
      "127.0.0.1",
      sync[name],
      sync[peer],
      `192.168.77.${host}`,
      `203.0.113.${host}`,
      ...(options.ipv6 === true ? [`fd77:1::${host}`, `2001:db8:77::${host}`] : []),
    ],
    link: { interface: "sync0", address: sync[name], peer: sync[peer] },
    ...(mayForceBuffers(options.daemons[name]) ? { bufferBytes: BUFFER_BYTES } : {}),
    ...options.config,
  });
  const script = join(lab.dir, `${name}-failover`);
  // An HA manager runs scripts with a bare environment.
  const { PATH = "", LD_LIBRARY_PATH = "" } = systemEnvironment();
  const settings = [
    `PATH='${PATH}'`,
    ...(LD_LIBRARY_PATH === "" ? [] : [`LD_LIBRARY_PATH='${LD_LIBRARY_PATH}'`]),
    `CONNTRACKD_BIN='${conntrackd.binary}'`,
    `CONNTRACKD_CONFIG='${conntrackd.configPath}'`,
    `CONNTRACKD_LOCK='${conntrackd.lockPath}'`,
    ...(options.isShared === true ? ["CONNTRACKD_SHARED=yes"] : []),
  ];
  const enter = namespace.command(["sh", join(projectRoot, "doc/sync/ftfw/failover.sh")]);
  const command = enter.map((word) => `'${word}'`).join(" ");
  const text = `#!/bin/sh\nexport ${settings.join(" ")}\nexec ${command} "$@"\n`;
  writeFileSync(script, text);
  chmodSync(script, 0o700);
  return { name, namespace, conntrackd, script };
}

async function takeOver(space: Namespace, ipv6: boolean): Promise<void> {
  const { v6 } = addresses;
  await space.ip([
    `addr replace ${addresses.clientGateway}/24 dev lan0`,
    `addr replace ${addresses.serverGateway}/24 dev wan0`,
    ...(ipv6
      ? [
          `addr replace ${v6.clientGateway}/64 dev lan0 nodad`,
          `addr replace ${v6.serverGateway}/64 dev wan0 nodad`,
        ]
      : []),
  ]);
  // Setting the hardware address, even to what it is, makes the kernel announce every address of the device.
  const links = JSON.parse(await space.runOk(["ip", "-json", "link"])) as readonly LinkRow[];
  const hardware = (name: string) => links.find((link) => link.ifname === name)?.address ?? "";
  await space.ip(["wan0", "lan0"].map((name) => `link set ${name} address ${hardware(name)}`));
}

async function release(space: Namespace): Promise<void> {
  await space.ip([
    `addr del ${addresses.clientGateway}/24 dev lan0`,
    `addr del ${addresses.serverGateway}/24 dev wan0`,
  ]);
}

interface LinkRow {
  readonly ifname: string;
  readonly address: string;
}

async function killFirewall({ namespace }: Firewall): Promise<void> {
  namespace.kill("SIGKILL");
  await namespace.ip(["link set lan0 down", "link set wan0 down", "link set sync0 down"]);
}

async function reviveFirewall({ namespace }: Firewall): Promise<void> {
  const virtual = { lan0: ["clientGateway"], wan0: ["serverGateway"] } as const;
  const { second } = addresses;
  for (const [device, [role]] of Object.entries(virtual)) {
    for (const address of [addresses[role], second[role]]) {
      // A machine that starts has the addresses of its own only.
      await namespace.run(["ip", "addr", "del", `${address}/24`, "dev", device]);
    }
  }
  await namespace.runOk(["conntrack", "-F"]);
  await namespace.ip(["link set lan0 up", "link set wan0 up", "link set sync0 up"]);
}

async function refusedPackets(space: Namespace): Promise<number> {
  const argv = ["nft", "list", "counter", "inet", "lab", MIDSTREAM_COUNTER];
  return Number(/packets (\d+)/.exec(await space.runOk(argv))?.[1] ?? 0);
}
