/**
 * The smallest cluster: two namespaces, one dedicated link, a daemon on each side. For tests and benches that feed the
 * kernel's table directly (`conntrack -I`) and need no traffic.
 */
import { type ConfigSettings, Conntrackd, type DaemonKind } from "./conntrackd.ts";
import { Lab, type Namespace } from "./netns.ts";

export interface PairNode {
  readonly namespace: Namespace;
  readonly conntrackd: Conntrackd;
}

export interface Pair {
  readonly lab: Lab;
  readonly a: PairNode;
  readonly b: PairNode;
  destroy(): void;
}

export interface PairOptions {
  readonly a: DaemonKind;
  readonly b: DaemonKind;
  readonly config?: Partial<ConfigSettings>;
}

const ADDRESS_A = "172.31.77.1";
const ADDRESS_B = "172.31.77.2";

/** Builds both nodes; the daemons are configured and not started. */
export async function createPair(options: PairOptions): Promise<Pair> {
  const lab = Lab.create();
  try {
    const [a, b] = await Promise.all([lab.namespace("node-a"), lab.namespace("node-b")]);
    await lab.link({ at: a, as: "sync0" }, { at: b, as: "sync0" });
    await Promise.all([prepareNode(a, `${ADDRESS_A}/30`), prepareNode(b, `${ADDRESS_B}/30`)]);
    const node = (namespace: Namespace, kind: DaemonKind, address: string, peer: string) => ({
      namespace,
      conntrackd: new Conntrackd({ namespace, dir: lab.dir }, kind, {
        ignore: ["127.0.0.1", ADDRESS_A, ADDRESS_B],
        link: { interface: "sync0", address, peer },
        ...options.config,
      }),
    });
    return {
      lab,
      a: node(a, options.a, ADDRESS_A, ADDRESS_B),
      b: node(b, options.b, ADDRESS_B, ADDRESS_A),
      destroy: () => lab.destroy(),
    };
  } catch (error) {
    lab.destroy();
    throw error;
  }
}

async function prepareNode(space: Namespace, address: string): Promise<void> {
  await space.ip(`addr add ${address} dev sync0`);
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
