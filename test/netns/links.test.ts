/**
 * The dedicated links, over every transport and address family: ours beside ours, and ours beside the reference both
 * ways round. What the peers say to each other is tested elsewhere; here it matters that it arrives.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { DaemonKind } from "../../lab/conntrackd.ts";
import type { Pair, PairLink, PairNode } from "../../lab/pair.ts";
import { waitFor } from "../../lab/wait.ts";
import { conntrack, startPair, waitForCache } from "../support/pairs.ts";
import { describeOnKernel } from "../support/requirements.ts";

const links: readonly PairLink[] = [
  { transport: "UDP", addresses: "IPv4" },
  { transport: "UDP", addresses: "IPv6" },
  { transport: "UDP", addresses: "link-local" },
  { transport: "Multicast", addresses: "IPv4" },
  { transport: "Multicast", addresses: "IPv6" },
  { transport: "TCP", addresses: "IPv4" },
  { transport: "TCP", addresses: "IPv6" },
];

/** What the reference cannot do: it binds without a scope. */
const ourLinks: readonly PairLink[] = [
  { transport: "Multicast", addresses: "link-local" },
  { transport: "TCP", addresses: "link-local" },
];

const pairs: readonly (readonly [DaemonKind, DaemonKind])[] = [
  ["ours", "ours"],
  ["ours", "reference"],
  ["reference", "ours"],
];

/** A table loaded at once is a burst: in the system's buffer of some 200 KB the reference loses a part of it. */
const BUFFER_BYTES = 2 << 20;

const flow = (i: number) => `-p udp -s 10.1.0.${i} -d 10.2.0.1 --sport 5 --dport 6`;
const line = (i: number) =>
  `udp      17 src=10.1.0.${i} dst=10.2.0.1 sport=5 dport=6 [UNREPLIED] mark=0`;

/** The numbers of the block of the current link. */
async function traffic({ conntrackd }: PairNode) {
  const text = await conntrackd.commandOk("-s", "network");
  const [, head = "", body = ""] = /\n(\S+ traffic \(.*):\n([\s\S]*)/.exec(text) ?? [];
  const number = (name: string) => Number(new RegExp(`(\\d+) ${name}`).exec(body)?.[1]);
  return { head, sent: number("Bytes sent"), received: number("Bytes recv") };
}

function testLink(a: DaemonKind, b: DaemonKind, link: PairLink) {
  const title = `${link.transport} with ${link.addresses} addresses, ${a} and ${b}`;
  describeOnKernel(title, [a, b], () => {
    let pair: Pair;

    beforeAll(async () => {
      pair = await startPair(a, b, { bufferBytes: BUFFER_BYTES }, [link]);
    });
    afterAll(() => pair?.destroy());

    it("carries flows both ways", async () => {
      await conntrack(pair.a, `-I ${flow(1)} -t 600`);
      await conntrack(pair.b, `-I ${flow(2)} -t 600`);
      await waitForCache(pair.b, "external", [line(1)]);
      await waitForCache(pair.a, "external", [line(2)]);
      await conntrack(pair.a, `-D ${flow(1)}`);
      await waitForCache(pair.b, "external", []);
    });

    it("carries a table in bulk, in full datagrams", async () => {
      const many = Array.from({ length: 250 }, (_, i) => i + 3);
      const file = join(pair.lab.dir, "many");
      writeFileSync(file, many.map((i) => `-I ${flow(i)} -t 600\n`).join(""));
      await pair.a.namespace.runOk(["conntrack", "-R", file]);
      await waitForCache(pair.b, "external", many.map(line));
      await pair.b.conntrackd.commandOk("-f", "external");
      await pair.b.conntrackd.commandOk("-n");
      await waitForCache(pair.b, "external", many.map(line));
    });

    it("is named and counted by -s", async () => {
      const name = link.transport === "Multicast" ? "multicast" : link.transport;
      const ends = link.transport === "TCP" ? " server=connected client=connected" : "";
      for (const node of [pair.a, pair.b]) {
        const { head, sent, received } = await traffic(node);
        expect(head).toBe(`${name} traffic (active device=sync0)${ends}`);
        expect(sent).toBeGreaterThan(0);
        expect(received).toBeGreaterThan(0);
        expect(await node.conntrackd.commandOk("-s", "link")).toContain(
          `${name} traffic device=sync0 status=RUNNING role=ACTIVE:\n`,
        );
        const lost = /Malformed messages:\s+(\d+)/.exec(
          await node.conntrackd.commandOk("-s", "network"),
        );
        expect(lost?.[1]).toBe("0");
      }
    });

    it("is there again after a restart of the peer", async () => {
      await pair.b.conntrackd.kill();
      await pair.b.namespace.runOk(["rm", "-f", pair.b.conntrackd.lockPath]);
      await conntrack(pair.a, `-I ${flow(1)} -t 600`);
      await pair.b.conntrackd.start();
      await waitFor(
        async () => {
          await pair.b.conntrackd.commandOk("-n");
          const { external } = await pair.b.conntrackd.caches();
          return external === 251;
        },
        { what: "the table to arrive", everyMs: 500 },
      );
    });
  });
}

for (const [a, b] of pairs) for (const link of links) testLink(a, b, link);
for (const link of ourLinks) testLink("ours", "ours", link);

describeOnKernel("a peer over TCP that vanishes without a word", ["ours", "reference"], () => {
  const goesSilent = async (b: DaemonKind) => {
    const pair = await startPair("ours", b, {}, [{ transport: "TCP", addresses: "IPv4" }]);
    try {
      await conntrack(pair.a, `-I ${flow(1)} -t 600`);
      await conntrack(pair.b, `-I ${flow(2)} -t 600`);
      await waitForCache(pair.b, "external", [line(1)]);
      await waitForCache(pair.a, "external", [line(2)]);
      const { namespace } = pair.b;
      await namespace.nft(`table ip silence {
  chain in { type filter hook input priority filter; tcp dport 3780 drop; tcp sport 3780 drop; }
  chain out { type filter hook output priority filter; tcp dport 3780 drop; tcp sport 3780 drop; }
}
`);
      const ends = () => traffic(pair.a).then(({ head }) => head);
      await waitFor(
        async () => (await ends()).includes("server=disconnected client=disconnected"),
        {
          what: "both connections to be given up",
          timeoutMs: 40_000,
          everyMs: 500,
        },
      );
      await conntrack(pair.a, `-I ${flow(3)} -t 600`);
      await namespace.runOk(["nft", "delete", "table", "ip", "silence"]);
      await waitForCache(pair.b, "external", [line(1), line(3)], 30_000);
    } finally {
      pair.destroy();
    }
  };

  it("is given up, and has everything when it is back, ours and the reference", async () => {
    await Promise.all((["ours", "reference"] as const).map(goesSilent));
  });
});

describeOnKernel("an interface whose MTU becomes smaller", ["ours"], () => {
  it("carries a table in bulk, in fragments", async () => {
    const udp: PairLink = { transport: "UDP", addresses: "IPv4" };
    const pair = await startPair("ours", "ours", { bufferBytes: BUFFER_BYTES }, [udp]);
    try {
      await pair.a.namespace.ip(["link set sync0 mtu 1000"]);
      const many = Array.from({ length: 250 }, (_, i) => i + 3);
      const file = join(pair.lab.dir, "many");
      writeFileSync(file, many.map((i) => `-I ${flow(i)} -t 600\n`).join(""));
      await pair.a.namespace.runOk(["conntrack", "-R", file]);
      await waitForCache(pair.b, "external", many.map(line));
      const report = await pair.a.conntrackd.commandOk("-s", "network");
      expect(report).toMatch(/\s0 Error send/);
    } finally {
      pair.destroy();
    }
  });
});

describeOnKernel("the checksum of a datagram", ["ours", "reference"], () => {
  /** How many datagrams leave the first node with something in the field of the checksum. */
  const withChecksum = async (kind: DaemonKind, word: "on" | "off"): Promise<number> => {
    const lines = [`Checksum ${word}`];
    const pair = await startPair(kind, "ours", {}, [
      { transport: "UDP", addresses: "IPv4", lines },
    ]);
    try {
      await pair.a.namespace.nft(`table ip watch {
  counter none { }
  counter some { }
  chain out { type filter hook postrouting priority 300; udp dport 3780 udp checksum 0 counter name none accept; udp dport 3780 counter name some; }
}
`);
      await conntrack(pair.a, `-I ${flow(1)} -t 600`);
      await waitForCache(pair.b, "external", [line(1)]);
      const text = await pair.a.namespace.runOk(["nft", "list", "counters"]);
      const packets = (name: string) =>
        Number(new RegExp(`counter ${name} \\{\\s+packets (\\d+)`).exec(text)?.[1]);
      expect(packets("none") + packets("some")).toBeGreaterThan(0);
      return packets("some");
    } finally {
      pair.destroy();
    }
  };

  for (const kind of ["ours", "reference"] as const) {
    it(`is there with Checksum on, and zero with off: ${kind}`, async () => {
      expect(await withChecksum(kind, "on")).toBeGreaterThan(0);
      expect(await withChecksum(kind, "off")).toBe(0);
    });
  }
});
