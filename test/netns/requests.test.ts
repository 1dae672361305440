/**
 * What each request does to the kernel and the caches, and what the options of the configuration change about it.
 * Our daemon is under test; where the reference is named it is the peer, or the measure.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";
import type { ConfigSettings, DaemonKind } from "../../lab/conntrackd.ts";
import { createPair, type Pair, type PairNode } from "../../lab/pair.ts";
import { waitFor } from "../../lab/wait.ts";
import { cacheLines, conntrack, kernelTable, startPair, waitForLog } from "../support/pairs.ts";
import { describeOnKernel } from "../support/requirements.ts";

const udp = (host: number) => `-p udp -s 10.1.0.${host} -d 10.2.0.1 --sport 5 --dport 6`;
const tcp = (host: number) => `-p tcp -s 10.1.0.${host} -d 10.2.0.1 --sport 5 --dport 6`;

let pair: Pair | undefined;

afterEach(() => {
  pair?.destroy();
  pair = undefined;
});

async function start(config: Partial<ConfigSettings> = {}, b: DaemonKind = "ours"): Promise<Pair> {
  const made = await startPair("ours", b, config);
  pair = made;
  return made;
}

const externalCount = (at: Pair, count: number) =>
  waitFor(async () => (await at.b.conntrackd.caches()).external === count, {
    what: `${count} flows in the external cache`,
  });

const runtime = async (at: Pair, name: string) => {
  const text = await at.a.conntrackd.commandOk("-s", "runtime");
  return Number(new RegExp(`${name}:\\s+(\\d+)`).exec(text)?.[1]);
};

describeOnKernel("requests to our daemon", ["ours"], () => {
  it("-F deletes what the filter lets through, tells the peer nothing, and spares the rest", async () => {
    const at = await start({ ignore: ["127.0.0.1", "172.31.77.1", "172.31.77.2", "10.1.0.9"] });
    for (const host of [1, 2, 9]) await conntrack(at.a, `-I ${udp(host)} -t 600`);
    await externalCount(at, 2);
    await at.a.conntrackd.commandOk("-F");
    await waitFor(async () => (await kernelTable(at.a)).length === 1, { what: "the flush" });
    expect((await kernelTable(at.a))[0]).toContain("src=10.1.0.9");
    expect(await cacheLines(at.a, "internal")).toEqual([]);
    expect((await cacheLines(at.b, "external")).length).toBe(2);
    expect(await runtime(at, "flush kernel table")).toBe(1);
    expect(at.a.conntrackd.log()).toContain("flushing kernel conntrack table");
  });

  it("-f internal forgets, -R reads the kernel's table again and sends nothing", async () => {
    const at = await start();
    await conntrack(at.a, `-I ${udp(1)} -t 600`);
    await externalCount(at, 1);
    await at.a.conntrackd.commandOk("-f", "internal");
    expect(await cacheLines(at.a, "internal")).toEqual([]);
    await at.b.conntrackd.commandOk("-f", "external");
    await at.a.conntrackd.commandOk("-R");
    expect((await cacheLines(at.a, "internal")).length).toBe(1);
    expect(await runtime(at, "resync with kernel table")).toBe(1);
    // A flow behind it in order arrives; the one that was only read again does not.
    await conntrack(at.a, `-I ${udp(2)} -t 600`);
    await externalCount(at, 1);
    expect((await cacheLines(at.b, "external"))[0]).toContain("src=10.1.0.2");
  });

  it("what is in the table at the start reaches the peer with StartupResync", async () => {
    const at = await start({ modeLines: ["StartupResync On"] });
    await conntrack(at.a, `-I ${udp(1)} -t 600`);
    await externalCount(at, 1);
    await at.b.conntrackd.stop();
    await at.b.conntrackd.start();
    await externalCount(at, 1);
    await waitForLog(at.a, "resync requested by other node");
  });

  it("-c replaces what the kernel knows already, with the peer's state", async () => {
    const at = await start();
    await conntrack(at.a, `-I ${udp(1)} -t 600`);
    await conntrack(at.a, `-I ${udp(2)} -t 600`);
    await externalCount(at, 2);
    await conntrack(at.b, `-I ${udp(1)} -t 5 --mark 3`);
    await at.b.conntrackd.commandOk("-c");
    expect(at.b.conntrackd.lastCommit()).toMatchObject({ entries: 2, failed: 0 });
    expect((await kernelTable(at.b)).join("\n")).not.toContain("mark=3");
  });
});

for (const mode of ["FTFW", "NOTRACK", "ALARM"] as const) {
  describeOnKernel(`the timeouts of ${mode}, beside the reference`, ["ours", "reference"], () => {
    it("PurgeTimeout: -t flushes when it is over, and -c before that calls it off", async () => {
      const at = await start({ mode, modeLines: ["PurgeTimeout 2"] }, "reference");
      const says = (node: PairNode, text: string) => node.conntrackd.log().split(text).length - 1;
      const purge = async (node: PairNode) => {
        await conntrack(node, `-I ${udp(1)} -t 600`);
        for (const words of ["-t", "-c", "-t"]) await node.conntrackd.commandOk(words);
        await waitForLog(node, "flushing kernel conntrack table (scheduled)");
        await waitFor(async () => (await kernelTable(node)).length === 0, { what: "the purge" });
        expect(await cacheLines(node, "internal")).toEqual([]);
        // While a flush is due, `-t` says nothing: the second one does because the first was called off.
        expect(says(node, "flushing conntrack table in 2 secs")).toBe(2);
        expect(says(node, "(scheduled)")).toBe(1);
        for (let i = 0; i < 2; i += 1) await node.conntrackd.commandOk("-t");
        expect(says(node, "flushing conntrack table in 2 secs")).toBe(3);
      };
      await Promise.all([purge(at.a), purge(at.b)]);
    });
  });

  for (const sender of ["ours", "reference"] as const) {
    describeOnKernel(`CommitTimeout with ${mode}, ${sender} sends`, ["ours", sender], () => {
      it("sets the timeout of committed flows", async () => {
        const at = await start({ mode, modeLines: ["CommitTimeout 77"] }, sender);
        const { a: receiver, b: source } = at;
        await conntrack(source, `-I ${udp(1)} -t 600`);
        await waitFor(async () => (await receiver.conntrackd.caches()).external === 1, {
          what: "the flow",
        });
        await receiver.conntrackd.commandOk("-c");
        const table = await conntrack(receiver, "-L");
        const seconds = Number(/^udp +17 (\d+) src=10\.1\.0\.1/m.exec(table)?.[1]);
        expect(seconds).toBeGreaterThan(60);
        expect(seconds).toBeLessThanOrEqual(77);
      });
    });
  }
}

const partners: readonly (readonly [DaemonKind, DaemonKind])[] = [
  ["ours", "ours"],
  ["ours", "reference"],
  ["reference", "ours"],
];
for (const [kind, sender] of partners) {
  describeOnKernel(`DisableExternalCache, ${sender} to ${kind}`, [kind, sender], () => {
    it("flows go straight into the kernel, and leave it, whatever it had before", async () => {
      const config = { modeLines: ["DisableExternalCache On"] };
      const at = await createPair({ a: kind, b: sender, config });
      pair = at;
      const { a: receiver, b: source } = at;
      const same = async (what: string) => {
        const equal = async () => {
          const [here, there] = await Promise.all([kernelTable(receiver), kernelTable(source)]);
          return here.join("\n") === there.join("\n");
        };
        await waitFor(equal, { what: `the kernel tables to agree: ${what}` });
      };
      // Without events nobody hears of it.
      const silently = async (node: PairNode, words: string) => {
        await node.namespace.sysctl({ "net/netfilter/nf_conntrack_events": 0 });
        await conntrack(node, words);
        await node.namespace.sysctl({ "net/netfilter/nf_conntrack_events": 1 });
      };
      // What a daemon finds at its start is not told.
      await conntrack(source, `-I ${tcp(7)} --state SYN_SENT -t 600`);
      await conntrack(source, `-I ${tcp(8)} --state SYN_SENT -t 600`);
      for (const node of [receiver, source]) await node.conntrackd.start();
      await conntrack(source, `-D ${tcp(8)}`);
      await conntrack(source, `-U ${tcp(7)} --state ESTABLISHED -u SEEN_REPLY,ASSURED`);
      await same("the end, then the update of flows that are not there");
      await silently(receiver, `-I ${tcp(2)} --state ESTABLISHED -t 600 --mark 9`);
      await conntrack(source, `-I ${tcp(2)} --state SYN_SENT -t 600 --mark 4`);
      await same("a new flow that is there already");
      await silently(receiver, `-I ${udp(3)} -t 600 --dst-nat 10.9.9.9`);
      await conntrack(source, `-I ${udp(3)} -t 600 --src-nat 10.9.9.9:77`);
      await same("a translated flow that is there with another translation");
      await conntrack(source, `-I ${tcp(1)} --state SYN_SENT -t 600`);
      await same("a new flow");
      await conntrack(source, `-U ${tcp(1)} --state ESTABLISHED -u SEEN_REPLY,ASSURED --mark 5`);
      await same("an update");
      await conntrack(source, `-I ${udp(1)} -t 600 --src-nat 10.9.9.9:78`);
      await same("a translated flow");
      await conntrack(
        source,
        "-I -p udp -s fd01::1 -d fd02::1 --sport 1 --dport 2 -t 600 --dst-nat fd09::9",
      );
      await same("a translated flow, IPv6");
      await conntrack(source, "-U -p udp -s fd01::1 -d fd02::1 --sport 1 --dport 2 --mark 9");
      await same("its update");
      await conntrack(source, `-D ${udp(1)}`);
      await same("an end");
      expect(await receiver.conntrackd.dump("external")).toEqual([]);
      const text = await receiver.conntrackd.commandOk("-s");
      expect(text).toMatch(/external inject:\nconnections created:\t\t +5\tfailed:\t +0\n/);
      expect(text).toMatch(/connections updated:\t\t +3\tfailed:\t +0\n/);
      expect(text).toMatch(/connections destroyed:\t\t +1\tfailed:\t +0\n/);
    });
  });
}

interface FilterSettings {
  readonly ignore?: readonly string[];
  /** Lines for the Filter block. */
  readonly lines?: readonly string[];
}

/** A pair whose first node filters like this. */
async function startFiltered(
  kind: DaemonKind,
  space: "Userspace" | "Kernelspace",
  { ignore = [], lines = [] }: FilterSettings,
): Promise<Pair> {
  const link = ["127.0.0.1", "172.31.77.1", "172.31.77.2"];
  const made = await createPair({ a: kind, b: "ours", config: { ignore: [...link, ...ignore] } });
  pair = made;
  const { configPath } = made.a.conntrackd;
  const block = [`Filter From ${space} {`, ...lines].join("\n");
  const text = readFileSync(configPath, "utf8").replace("Filter From Userspace {", block);
  writeFileSync(configPath, text);
  await made.a.conntrackd.start();
  return made;
}

describeOnKernel("the event filter", ["ours", "reference"], () => {
  const filters: Readonly<Record<string, FilterSettings>> = {
    "addresses to ignore": { ignore: ["10.1.0.1", "fd01::/64"] },
    protocols: { lines: ["Protocol Accept {", "TCP", "ICMP", "}"] },
    "states of TCP": { lines: ["State Accept {", "ESTABLISHED CLOSED for TCP", "}"] },
  };
  const traffic = [
    `-I ${udp(1)} -t 600`,
    `-I ${udp(2)} -t 600`,
    `-I ${tcp(1)} -t 600 --state ESTABLISHED`,
    `-I ${tcp(2)} -t 600 --state ESTABLISHED`,
    `-I ${tcp(3)} -t 600 --state SYN_SENT`,
    "-I -p tcp -s fd01::1 -d fd02::1 --sport 1 --dport 2 -t 600 --state CLOSE",
    "-I -p tcp -s fd03::1 -d fd02::1 --sport 1 --dport 2 -t 600 --state CLOSE",
    "-I -p icmp -s 10.1.0.3 -d 10.2.0.3 --icmp-type 8 --icmp-code 0 --icmp-id 9 -t 600",
    // The last one passes every filter: when it is there, all are.
    `-I ${tcp(99)} -t 600 --state ESTABLISHED`,
  ];

  for (const [name, settings] of Object.entries(filters)) {
    it(`${name}: the same flows in user space, in the kernel, and at the reference`, async () => {
      const results: string[][] = [];
      for (const [kind, space] of [
        ["reference", "Userspace"],
        ["ours", "Userspace"],
        ["ours", "Kernelspace"],
      ] as const) {
        const made = await startFiltered(kind, space, settings);
        try {
          for (const words of traffic) await conntrack(made.a, words);
          await waitFor(
            async () => (await cacheLines(made.a, "internal")).join("\n").includes("10.1.0.99"),
            { what: "the last flow" },
          );
          results.push(await cacheLines(made.a, "internal"));
        } finally {
          made.destroy();
        }
      }
      const [reference, user, kernel] = results;
      expect(user).toEqual(reference);
      expect(kernel).toEqual(reference);
      expect(reference?.length).toBeLessThan(traffic.length);
    });
  }
});

describeOnKernel("an overrun of the event socket", ["ours"], () => {
  it("is counted, grows the buffer, and is made good from the table", async () => {
    const at = await start({
      generalLines: [
        "NetlinkBufferSize 8192",
        "NetlinkBufferSizeMaxGrowth 65536",
        "NetlinkOverrunResync 1",
      ],
    });
    const before = await runtime(at, "current buffer size \\(in bytes\\)");
    const [pid] = at.a.conntrackd.pids();
    if (pid === undefined) throw new Error("no daemon");
    // A daemon that does not run cannot read: what it misses is more than the buffer holds.
    process.kill(pid, "SIGSTOP");
    try {
      const lines = Array.from({ length: 200 }, (_, i) => `-I ${udp(i + 1)} -t 600\n`);
      const file = join(at.lab.dir, "burst");
      writeFileSync(file, lines.join(""));
      await conntrack(at.a, `-R ${file}`);
    } finally {
      process.kill(pid, "SIGCONT");
    }
    await waitFor(async () => (await runtime(at, "netlink overrun")) > 0, { what: "the overrun" });
    expect(at.a.conntrackd.log()).toContain(
      "netlink event socket buffer size has been doubled to ",
    );
    await waitFor(async () => (await at.a.conntrackd.caches()).internal === 200, {
      what: "the internal cache to be complete",
    });
    await externalCount(at, 200);
    expect(await runtime(at, "resync with kernel table")).toBeGreaterThan(0);
    expect(await runtime(at, "catch event failed")).toBeGreaterThan(0);
    expect(await runtime(at, "current buffer size \\(in bytes\\)")).toBeGreaterThan(before);
  });
});
