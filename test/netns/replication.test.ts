/**
 * Flows of one node arrive at the other, are committed there, and survive restarts: ours beside ours, and ours beside
 * the reference both ways round. What the external cache must say is written down here once for all pairs.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { DaemonKind } from "../../lab/conntrackd.ts";
import type { Pair } from "../../lab/pair.ts";
import { waitFor } from "../../lab/wait.ts";
import { converse, serveEcho } from "../support/conversation.ts";
import {
  cacheLines,
  conntrack,
  kernelTable,
  startPair,
  waitForCache,
  waitForLog,
} from "../support/pairs.ts";
import { describeOnKernel } from "../support/requirements.ts";

const tcp = "-p tcp -s 10.1.0.1 -d 10.2.0.1 --sport 1000 --dport 80";

interface Step {
  readonly name: string;
  readonly words: string;
  /** The line of the flow in the peer's external cache; absent: it is gone. */
  readonly line?: string;
}

/** A step replaces the line of its flow, found by `key`. */
const steps: readonly (Step & { readonly key: string })[] = [
  {
    key: "tcp",
    name: "a new flow",
    words: `-I ${tcp} --state SYN_SENT -t 600`,
    line: "tcp      6 SYN_SENT src=10.1.0.1 dst=10.2.0.1 sport=1000 dport=80 [UNREPLIED] mark=0",
  },
  {
    key: "tcp",
    name: "an update of its state",
    words: `-U ${tcp} --state ESTABLISHED -u SEEN_REPLY,ASSURED -t 600`,
    line: "tcp      6 ESTABLISHED src=10.1.0.1 dst=10.2.0.1 sport=1000 dport=80 [ASSURED] mark=0",
  },
  {
    key: "tcp",
    name: "an update of its mark",
    words: `-U ${tcp} --mark 7`,
    line: "tcp      6 ESTABLISHED src=10.1.0.1 dst=10.2.0.1 sport=1000 dport=80 [ASSURED] mark=7",
  },
  {
    key: "snat",
    name: "a translated source",
    words: "-I -p udp -s 10.1.0.2 -d 10.2.0.2 --sport 5 --dport 53 -t 600 --src-nat 10.9.9.9:5000",
    line: "udp      17 src=10.1.0.2 dst=10.2.0.2 sport=5 dport=53 [UNREPLIED] mark=0",
  },
  {
    key: "dnat",
    name: "a translated destination, IPv6",
    words:
      "-I -p tcp -s fd01::1 -d fd02::1 --sport 5 --dport 80 --state SYN_SENT -t 600 --dst-nat fd09::9",
    line: "tcp      6 SYN_SENT src=fd01::1 dst=fd02::1 sport=5 dport=80 [UNREPLIED] mark=0",
  },
  {
    key: "icmp6",
    name: "ICMPv6",
    words:
      "-I -p icmpv6 -s fd01::1 -d fd02::1 --icmpv6-type 128 --icmpv6-code 0 --icmpv6-id 9 -t 600",
    line: "icmpv6   58 src=fd01::1 dst=fd02::1 type=128 code=0 id=9 [UNREPLIED] mark=0",
  },
  {
    key: "zone",
    name: "a flow in a zone",
    words: "-I -p udp -s 10.1.0.3 -d 10.2.0.3 --sport 5 --dport 6 -t 600 --zone 4",
    line: "udp      17 src=10.1.0.3 dst=10.2.0.3 sport=5 dport=6 [UNREPLIED] mark=0 zone=4",
  },
  {
    key: "gone",
    name: "a flow that will end",
    words: "-I -p udp -s 10.1.0.4 -d 10.2.0.4 --sport 5 --dport 6 -t 600",
    line: "udp      17 src=10.1.0.4 dst=10.2.0.4 sport=5 dport=6 [UNREPLIED] mark=0",
  },
  {
    key: "gone",
    name: "the end of a flow",
    words: "-D -p udp -s 10.1.0.4 -d 10.2.0.4",
  },
];

const pairs: readonly (readonly [DaemonKind, DaemonKind])[] = [
  ["ours", "ours"],
  ["ours", "reference"],
  ["reference", "ours"],
];

for (const [a, b] of pairs) {
  describeOnKernel(`from ${a} to ${b}`, [a, b], () => {
    let pair: Pair;
    const lines = new Map<string, string>();
    const wanted = () => [...lines.values()];

    beforeAll(async () => {
      // Room for the burst below, however slow the machine is.
      pair = await startPair(a, b, { bufferBytes: 4 << 20 });
    });
    afterAll(() => pair?.destroy());

    for (const { key, name, words, line } of steps) {
      it(`${name} arrives`, async () => {
        await conntrack(pair.a, words);
        if (line === undefined) lines.delete(key);
        else lines.set(key, line);
        await waitForCache(pair.b, "external", wanted());
      });
    }

    it("-f empties the receiver, and -n fills it again", async () => {
      await pair.b.conntrackd.commandOk("-f");
      expect(await cacheLines(pair.b, "external")).toEqual([]);
      await pair.b.conntrackd.commandOk("-n");
      await waitForCache(pair.b, "external", wanted());
      await waitForLog(pair.a, "resync requested by other node");
    });

    it("-f external empties the receiver, and -B of the sender fills it again", async () => {
      await pair.b.conntrackd.commandOk("-f", "external");
      expect(await cacheLines(pair.b, "external")).toEqual([]);
      await pair.a.conntrackd.commandOk("-B");
      await waitForCache(pair.b, "external", wanted());
    });

    it("-c puts the flows into the kernel, translations included", async () => {
      await pair.b.conntrackd.commandOk("-c");
      expect(pair.b.conntrackd.lastCommit()).toMatchObject({ entries: lines.size, failed: 0 });
      // The commit marks what it makes as new: what differs is a first answer the receiver cannot know.
      expect(await kernelTable(pair.b)).toEqual(await kernelTable(pair.a));
    });

    it("what was committed is not sent back", async () => {
      expect(await cacheLines(pair.a, "external")).toEqual([]);
    });

    it("-c a second time replaces them", async () => {
      const before = await kernelTable(pair.b);
      await pair.b.conntrackd.commandOk("-c");
      await waitForLog(pair.b, `Committed ${lines.size} new entries`, 2);
      expect(pair.b.conntrackd.lastCommit()).toMatchObject({ entries: lines.size, failed: 0 });
      expect(await kernelTable(pair.b)).toEqual(before);
    });

    it("a receiver that starts anew asks with -n and has everything", async () => {
      await pair.b.conntrackd.stop();
      await conntrack(pair.b, "-F");
      await pair.b.conntrackd.start();
      expect(await cacheLines(pair.b, "external")).toEqual([]);
      await pair.b.conntrackd.commandOk("-n");
      await waitForCache(pair.b, "external", wanted());
    });

    it("a sender that was killed and starts anew is heard at once", async () => {
      await pair.a.conntrackd.kill();
      await pair.a.namespace.runOk(["rm", "-f", pair.a.conntrackd.lockPath]);
      await pair.a.conntrackd.start();
      await conntrack(pair.a, `-U ${tcp} --mark 8`);
      lines.set("tcp", (lines.get("tcp") ?? "").replace("mark=7", "mark=8"));
      await waitForCache(pair.b, "external", wanted());
      await pair.b.conntrackd.commandOk("-f", "external");
      await pair.b.conntrackd.commandOk("-n");
      await waitForCache(pair.b, "external", wanted());
    });

    it("two hundred flows, made and ended in a burst, leave the caches equal", async () => {
      const flow = (i: number) => `-p udp -s 10.3.0.${i} -d 10.4.0.1 --sport 7 --dport 8`;
      const batch = Array.from({ length: 200 }, (_, i) => `-I ${flow(i)} -t 600`);
      const ends = Array.from({ length: 100 }, (_, i) => `-D ${flow(2 * i)}`);
      const file = join(pair.lab.dir, "burst");
      writeFileSync(file, `${[...batch, ...ends].join("\n")}\n`);
      await pair.a.namespace.runOk(["conntrack", "-R", file]);
      await waitFor(
        async () => {
          const { internal } = await pair.a.conntrackd.caches();
          return internal === lines.size + 100;
        },
        { what: "the sender to know them" },
      );
      const strip = (line: string) =>
        line.replace(
          / src=\S+ dst=\S+( sport=\d+ dport=\d+| type=\d+ code=\d+ id=\d+)(?= (\[ASSURED\] )?mark)/,
          "",
        );
      const sent = (await cacheLines(pair.a, "internal")).map(strip);
      await waitForCache(pair.b, "external", sent);
    });
  });
}

for (const [a, b] of pairs) {
  describeOnKernel(`a related flow, from ${a} to ${b}`, [a, b], () => {
    let pair: Pair;

    beforeAll(async () => {
      pair = await startPair(a, b);
    });
    afterAll(() => pair?.destroy());

    it("is committed after its master, with helper and relation", async () => {
      const address = "10.50.0.1";
      for (const { namespace } of [pair.a, pair.b]) {
        await namespace.ip(`addr add ${address}/32 dev lo`);
        await namespace.nft(`table inet helped {
  ct helper ftp-standard { type "ftp" protocol tcp; }
  chain dress {
    type filter hook output priority -5; policy accept;
    tcp dport 21 ct helper set "ftp-standard"
  }
}
`);
      }
      await serveEcho(pair.a.namespace, [21, 5120]);
      const lines = ["220 Hello.", "227 Entering Passive Mode (10,50,0,1,20,0)."];
      const open = { protocol: "tcp", address } as const;
      await converse(pair.a.namespace, { ...open, port: 21, localPort: 41000, lines });
      await converse(pair.a.namespace, { ...open, port: 5120, localPort: 41001 });
      await waitFor(
        async () => {
          const external = await cacheLines(pair.b, "external");
          return external.length === 2 && external.every((line) => line.includes("ESTABLISHED"));
        },
        { what: "both flows to arrive" },
      );
      await pair.b.conntrackd.commandOk("-c");
      expect(pair.b.conntrackd.lastCommit()).toMatchObject({ entries: 2, failed: 0 });
      expect(await kernelTable(pair.b)).toEqual(await kernelTable(pair.a));
      const expected = (node: Pair["a"]) => conntrack(node, "-L -u EXPECTED");
      expect(await expected(pair.a)).toContain("dport=5120");
      expect(await expected(pair.b)).toContain("dport=5120");
    });
  });
}
