/**
 * The smallest cluster: two namespaces, one to four dedicated links, a daemon on each side. For tests and benches that
 * feed the kernel's table directly (`conntrack -I`) and need no traffic.
 */
import {
  type ConfigSettings,
  Conntrackd,
  type DaemonKind,
  type LinkSettings,
  type Transport,
} from "./conntrackd.ts";
import { Lab, type Namespace } from "./netns.ts";

export interface PairNode {
  readonly namespace: Namespace;
  readonly conntrackd: Conntrackd;
}

export interface Pair {
  readonly lab: Lab;
  readonly a: PairNode;
  readonly b: PairNode;
  /** The same nodes with other daemons' configurations. The daemons of before must have ended. */
  reconfigure(config: Partial<ConfigSettings>): Pair;
  destroy(): void;
}

/** `link-local`: IPv6 addresses that mean something on one interface only. */
export type AddressKind = "IPv4" | "IPv6" | "link-local";

export interface PairLink {
  readonly transport: Transport;
  readonly addresses: AddressKind;
  readonly isDefault?: boolean;
  readonly lines?: readonly string[];
}

export interface PairOptions {
  readonly a: DaemonKind;
  readonly b: DaemonKind;
  readonly config?: Partial<ConfigSettings>;
  /** One link over UDP and IPv4 where it is not given. Link i is the interface `sync<i>` on both sides. */
  readonly links?: readonly PairLink[];
}

type Side = "a" | "b";

const UDP_LINK: PairLink = { transport: "UDP", addresses: "IPv4" };
const FIRST_PORT = 3780;
const GROUPS = { IPv4: "225.0.0.5", IPv6: "ff15::77:", "link-local": "ff02::77:" } as const;

/** Builds both nodes; the daemons are configured and not started. */
export async function createPair(options: PairOptions): Promise<Pair> {
  const { links = [UDP_LINK] } = options;
  const lab = Lab.create();
  try {
    const [a, b] = await Promise.all([lab.namespace("node-a"), lab.namespace("node-b")]);
    for (const i of links.keys())
      await lab.link({ at: a, as: `sync${i}` }, { at: b, as: `sync${i}` });
    await Promise.all([prepareNode(a, "a", links), prepareNode(b, "b", links)]);
    const node = (
      namespace: Namespace,
      side: Side,
      kind: DaemonKind,
      config: Partial<ConfigSettings>,
    ) => ({
      namespace,
      conntrackd: new Conntrackd({ namespace, dir: lab.dir }, kind, {
        ...settings(side, links),
        ...config,
      }),
    });
    const pairOf = (config: Partial<ConfigSettings>): Pair => ({
      lab,
      a: node(a, "a", options.a, config),
      b: node(b, "b", options.b, config),
      reconfigure: pairOf,
      destroy: () => lab.destroy(),
    });
    return pairOf(options.config ?? {});
  } catch (error) {
    lab.destroy();
    throw error;
  }
}

/** The addresses of link `i` begin with the same characters on both sides. */
function address(side: Side, kind: AddressKind, i: number): string {
  const host = side === "a" ? 1 : 2;
  if (kind === "IPv4") return `172.31.${77 + i}.${host}`;
  return kind === "IPv6" ? `fd77:77:${i}::${host}` : `fe80::77:${i}:${host}`;
}

function settings(side: Side, links: readonly PairLink[]) {
  const peer = side === "a" ? "b" : "a";
  const all = links.map((link, i): LinkSettings => {
    const { transport, addresses, isDefault = false, lines = [] } = link;
    return {
      transport,
      interface: `sync${i}`,
      address: address(side, addresses, i),
      peer: address(peer, addresses, i),
      // The reference binds the port and not an IPv6 group: on one port it would hear all links on each.
      ...(transport === "Multicast"
        ? { group: `${GROUPS[addresses]}${i}`, port: FIRST_PORT + i }
        : {}),
      isDefault,
      lines,
    };
  });
  const [link, ...moreLinks] = all;
  if (link === undefined) throw new Error("a pair needs a link");
  return {
    // The source of what goes to a group may be an address of the kernel's choice.
    ignore: [
      "127.0.0.1",
      ...all.flatMap((each) => [each.address, each.peer, each.group ?? []].flat()),
    ],
    link,
    moreLinks,
  };
}

async function prepareNode(space: Namespace, side: Side, links: readonly PairLink[]) {
  const lines = links.map(({ addresses: kind }, i) => {
    const bits = kind === "IPv4" ? "/30" : "/64 nodad";
    return `addr add ${address(side, kind, i)}${bits} dev sync${i}`;
  });
  await space.ip(lines);
  // A rule that looks at connection state switches tracking on; NAT must be present for translated entries to commit.
  await space.nft(`table inet lab {
  chain forward { type filter hook forward priority filter; policy accept; ct state invalid drop; }
  chain translation { type nat hook postrouting priority srcnat; policy accept; }
}
`);
  await space.sysctl({
    "net/netfilter/nf_conntrack_events": 1,
    "net/netfilter/nf_conntrack_tcp_loose": 0,
  });
}
