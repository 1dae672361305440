/**
 * One filter, three ways: our daemon in user space, our daemon in the kernel, and the reference in user space, all in one
 * namespace, on the same flows. Each must know the same of them.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";
import { Conntrackd, type DaemonKind } from "../../lab/conntrackd.ts";
import { Lab, type Namespace } from "../../lab/netns.ts";
import { waitFor } from "../../lab/wait.ts";
import { describeOnKernel } from "../support/requirements.ts";

const TCP_STATES = [
  "SYN_SENT",
  "SYN_RECV",
  "ESTABLISHED",
  "FIN_WAIT",
  "CLOSE_WAIT",
  "LAST_ACK",
  "TIME_WAIT",
  "CLOSE",
];
const SCTP_STATES = ["COOKIE_WAIT", "ESTABLISHED", "SHUTDOWN_SENT"];

/** From, to. The last pair of each family is behind a translation in some of the flows. */
const PAIRS = [
  ["10.1.0.1", "10.2.0.1"],
  ["10.1.0.130", "10.2.0.1"],
  ["10.2.0.1", "10.1.0.9"],
  ["172.16.5.5", "192.168.7.7"],
  ["fd01::1", "fd02::1"],
  ["fd01:0:0:8000::1", "fd02::ffff"],
  ["fd02::1", "fd01::9"],
] as const;

function* traffic(): Generator<string> {
  for (const [source, target] of PAIRS) {
    const ends = `-s ${source} -d ${target}`;
    const v6 = source.includes(":");
    for (const [i, state] of TCP_STATES.entries()) {
      yield `-p tcp ${ends} --sport ${i + 1} --dport 80 --state ${state}`;
    }
    for (const [i, state] of SCTP_STATES.entries()) {
      yield `-p sctp ${ends} --sport ${i + 1} --dport 80 --state ${state} --orig-vtag 1 --reply-vtag 2`;
    }
    yield `-p udp ${ends} --sport 1 --dport 53`;
    yield `-p udp ${ends} --sport 2 --dport 53 --zone 5`;
    yield `-p udp ${ends} --sport 3 --dport 53 --mark 9`;
    yield `-p udplite ${ends} --sport 1 --dport 53`;
    yield `-p gre ${ends} --srckey 1 --dstkey 2`;
    yield `-p 253 ${ends}`;
    if (v6) {
      yield `-p icmpv6 ${ends} --icmpv6-type 128 --icmpv6-code 0 --icmpv6-id 7`;
      continue;
    }
    yield `-p icmp ${ends} --icmp-type 8 --icmp-code 0 --icmp-id 7`;
    // The reply comes from elsewhere, and goes elsewhere.
    yield `-p tcp ${ends} --sport 900 --dport 80 --state ESTABLISHED --dst-nat 10.3.0.3`;
    yield `-p udp ${ends} --sport 900 --dport 80 --src-nat 10.3.0.4`;
  }
}

interface Filter {
  readonly ignore?: readonly string[];
  readonly lines?: readonly string[];
}

const accept = (what: string, ...lines: readonly string[]) => [`${what} Accept {`, ...lines, "}"];
const ignore = (what: string, ...lines: readonly string[]) => [`${what} Ignore {`, ...lines, "}"];

const filters: Readonly<Record<string, Filter>> = {
  "hosts to ignore, of both families": { ignore: ["10.1.0.1", "fd02::1"] },
  "networks to ignore, of odd lengths": {
    ignore: ["10.1.0.128/25", "172.16.0.0/13", "fd01:0:0:8000::/49"],
  },
  "the real end behind a translation": { ignore: ["10.3.0.3"] },
  "hosts to accept": { lines: accept("Address", "IPv4_address 10.1.0.1", "IPv6_address fd01::1") },
  "networks to accept, of one family": { lines: accept("Address", "IPv4_address 10.0.0.0/8") },
  "protocols to accept": { lines: accept("Protocol", "TCP", "ICMP", "GRE", "ipv6-icmp") },
  "protocols to ignore": { lines: ignore("Protocol", "UDP", "SCTP") },
  "states to accept": { lines: accept("State", "ESTABLISHED CLOSED TIME_WAIT CLOSE_WAIT for TCP") },
  "states to ignore": { lines: ignore("State", "SYN_SENT SYN_RECV LAST_ACK for TCP") },
  "all three together": {
    ignore: ["10.2.0.1"],
    lines: [
      ...accept("Protocol", "TCP", "UDP", "SCTP"),
      ...ignore("State", "FIN_WAIT LAST_ACK for TCP"),
    ],
  },
};

describeOnKernel("a filter in user space and in the kernel", ["ours", "reference"], () => {
  let lab: Lab | undefined;
  afterEach(() => lab?.destroy());

  async function namespace(at: Lab): Promise<Namespace> {
    const space = await at.namespace("fw");
    await space.nft(`table inet lab {
  chain watch { type filter hook output priority filter; policy accept; ct state invalid drop; }
  chain translation { type nat hook postrouting priority srcnat; policy accept; }
}
`);
    await space.sysctl({ "net/netfilter/nf_conntrack_events": 1 });
    return space;
  }

  const lines = async (at: Conntrackd) =>
    (await at.dump("internal")).map((line) => line.replace(/ \[active since \d+s\]$/, "")).sort();

  for (const [name, filter] of Object.entries(filters)) {
    it(`${name}: the same flows`, async () => {
      lab = Lab.create();
      const made = lab;
      const space = await namespace(made);
      const daemon = (kind: DaemonKind, filterFrom: "Userspace" | "Kernelspace") => {
        const dir = join(made.dir, `${kind}-${filterFrom}`);
        mkdirSync(dir);
        return new Conntrackd({ namespace: space, dir }, kind, {
          statsLines: [],
          ignore:
            filter.ignore ??
            (filter.lines?.some((line) => line.startsWith("Address")) ? [] : ["127.0.0.1"]),
          filterFrom,
          filterLines: filter.lines ?? [],
          link: { interface: "", address: "", peer: "" },
        });
      };
      const daemons = [
        daemon("reference", "Userspace"),
        daemon("ours", "Userspace"),
        daemon("ours", "Kernelspace"),
      ] as const;
      await Promise.all(daemons.map((each) => each.start()));
      const flows = [...traffic()];
      const file = join(made.dir, "flows");
      writeFileSync(file, flows.map((flow) => `-I ${flow} -t 600\n`).join(""));
      await space.runOk(["conntrack", "-R", file]);
      const seen = async (at: Conntrackd) =>
        /received:\s+(\d+)/.exec(await at.commandOk("-s", "runtime"))?.[1];
      const [reference, user, kernel] = daemons;
      for (const each of [reference, user]) {
        await waitFor(async () => Number(await seen(each)) >= flows.length, {
          what: "every event",
        });
      }
      const wanted = await lines(reference);
      expect(wanted.length).toBeGreaterThan(0);
      expect(wanted.length).toBeLessThan(flows.length);
      expect(await lines(user)).toEqual(wanted);
      await waitFor(async () => (await lines(kernel)).length >= wanted.length, {
        what: "the same in the kernel",
      });
      expect(await lines(kernel)).toEqual(wanted);
      // What the kernel has sorted out is never seen.
      expect(Number(await seen(kernel))).toBe(wanted.length);
      expect(kernel.log()).toContain("using kernel-space event filtering");
      // A flow that ends, and one that changes its state, pass the same filter.
      await space.runOk(["conntrack", "-D"]);
      for (const each of daemons) {
        await waitFor(async () => (await lines(each)).length === 0, { what: "the ends" });
      }
    });
  }
});
