/** An expectation with a real master: a packet to nobody on the TFTP port of the node itself. */
import type { Namespace } from "../../lab/netns.ts";

/** Both ends of the master. */
const HERE = "10.99.0.1";
const PORT = 69;
const EXPECTED_PORT = 6002;

/** What the node needs, once: a helper for the port, and flows that last. */
export async function prepareExpectations(node: Namespace): Promise<void> {
  await node.nft(`table ip helpers {
  ct helper it { type "tftp" protocol udp; }
  chain assign { type filter hook output priority filter; udp dport ${PORT} ct helper set "it"; }
}
`);
  await node.sysctl({ "net/netfilter/nf_conntrack_udp_timeout*": 600 });
  await node.ip(`addr add ${HERE}/32 dev lo`);
}

/** The packet makes the master; the expectation is made by command. */
export async function makeExpectation(node: Namespace): Promise<void> {
  await node.runOk(["bash", "-c", `echo > /dev/udp/${HERE}/${PORT}`]);
  const table = await node.runOk(["conntrack", "-L", "-p", "udp", "-d", HERE]);
  const [, port] = / sport=(\d+) /.exec(table) ?? [];
  const words = [
    `-I expect -t 600 -p udp -s ${HERE} -d ${HERE} --sport ${port} --dport ${PORT}`,
    `--tuple-src ${HERE} --tuple-dst ${HERE} --tuple-port-src 0 --tuple-port-dst ${EXPECTED_PORT}`,
    "--mask-src 255.255.255.255 --mask-dst 255.255.255.255 --mask-port-src 0 --mask-port-dst 65535",
  ];
  await node.runOk(["conntrack", ...words.join(" ").split(" ")]);
}
