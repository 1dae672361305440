/**
 * Statistics mode beside the reference: both daemons hear the same kernel, and write, report and dump the same, apart
 * from times.
 */
import { existsSync, readFileSync, renameSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { waitFor } from "../../lab/wait.ts";
import { describeOnKernel } from "../support/requirements.ts";
import { kinds, StatisticsTwins } from "../support/statistics-twins.ts";

/** Everything the kernel of a test machine can hold; each with a word that its line must have. */
const flows: readonly (readonly [string, string])[] = [
  [
    "-p tcp -s 10.1.0.1 -d 10.2.0.1 --sport 1 --dport 2 -t 600 --state ESTABLISHED -u SEEN_REPLY,ASSURED --mark 7",
    "mark=7",
  ],
  ["-p tcp -s fd01::1 -d fd02::1 --sport 1 --dport 2 -t 600 --state SYN_SENT", "fd01::1"],
  [
    "-p udp -s 10.1.0.2 -d 10.2.0.1 --sport 1 --dport 2 -t 600 --src-nat 10.9.9.9:77 --zone 3",
    "zone=3",
  ],
  ["-p udp -s 10.1.0.2 -d 10.2.0.1 --sport 1 --dport 2 -t 600 --orig-zone 4", "zone-orig=4"],
  ["-p udp -s 10.1.0.8 -d 10.2.0.1 --sport 1 --dport 2 -t 600 --reply-zone 4", "zone-reply=4"],
  ["-p icmp -s 10.1.0.3 -d 10.2.0.3 --icmp-type 8 --icmp-code 0 --icmp-id 4660 -t 600", "id=4660"],
  [
    "-p icmpv6 -s fd01::1 -d fd02::1 --icmpv6-type 128 --icmpv6-code 0 --icmpv6-id 77 -t 600",
    "icmpv6",
  ],
  ["-p gre -s 10.1.0.4 -d 10.2.0.4 --srckey 16 --dstkey 32 -t 600", "srckey=0x10"],
  ["-p udplite -s 10.1.0.5 -d 10.2.0.5 --sport 10 --dport 20 -t 600", "udplite"],
  [
    "-p sctp -s 10.1.0.6 -d 10.2.0.6 --sport 1 --dport 2 --state ESTABLISHED --orig-vtag 1 --reply-vtag 2 -t 600",
    "sctp",
  ],
  ["-p 253 -s 10.1.0.7 -d 10.2.0.7 -t 600", "unknown"],
];

const requests = [
  "-s",
  "-s ct",
  "-s cache",
  "-s network",
  "-s link",
  "-s queue",
  "-s rsqueue",
  "-s process",
];
const silent = [
  "-s expect",
  "-e",
  "-e -x",
  "-i expect",
  "-c",
  "-B",
  "-n",
  "-t",
  "-f external",
  "-F expect",
  "-R expect",
];

describeOnKernel("statistics mode beside the reference", ["ours", "reference"], () => {
  let twins: StatisticsTwins;

  beforeAll(async () => {
    twins = await StatisticsTwins.start({
      filterLines: ["Protocol Ignore { DCCP }"],
      // Three events a turn: the rest must not be forgotten.
      generalLines: ["EventIterationLimit 2"],
    });
    await twins.fw.sysctl({
      "net/netfilter/nf_conntrack_acct": 1,
      "net/netfilter/nf_conntrack_timestamp": 1,
    });
  });
  afterAll(() => twins?.destroy());

  const both = async (words: string) => {
    const [ours, reference] = await Promise.all(
      kinds.map((kind) => twins.daemons[kind].command(...words.split(" "))),
    );
    return { ours: ours!, reference: reference! };
  };
  const sorted = (text: string) =>
    text
      .replace(/since \d+s/g, "since #s")
      .split("\n")
      .sort();

  it("writes the same line for every kind of flow that ends", async () => {
    for (const [words] of flows) await twins.conntrack(`-I ${words}`);
    await twins.conntrack(`-I -p udp -s ${twins.ignored} -d 10.2.0.1 --sport 1 --dport 2 -t 600`);
    await twins.settle();
    await twins.conntrack("-D");
    await twins.settle();
    const [ours, reference] = kinds.map((kind) => twins.lines(kind));
    expect(ours).toEqual(reference);
    expect(ours?.length).toBe(flows.length);
    for (const [, word] of flows) expect(ours?.join("\n")).toContain(word);
    expect(ours?.join("\n")).toMatch(/packets=0 bytes=0 .* delta-time=\d+$/m);
  });

  it("counts, reports and dumps the same", async () => {
    for (const [words] of flows) await twins.conntrack(`-I ${words}`);
    await twins.settle();
    for (const words of requests) {
      const { ours, reference } = await both(words);
      expect(ours.stdout, words).toBe(reference.stdout);
      expect(ours.status).toBe(reference.status);
    }
    for (const words of ["-i", "-i -x"]) {
      const { ours, reference } = await both(words);
      expect(sorted(ours.stdout), words).toEqual(sorted(reference.stdout));
      expect(ours.stdout.split("\n").length).toBe(flows.length + 1);
    }
    for (const words of silent) {
      const answers = await both(words);
      expect(answers.ours, words).toEqual({ status: 0, stdout: "", stderr: "" });
      expect(answers.reference, words).toEqual({ status: 0, stdout: "", stderr: "" });
    }
  });

  it("-s runtime counts the same events", async () => {
    const numbers = (text: string) =>
      [...text.matchAll(/(received|filtered|unknown type|failed|overrun|table):\s+(\d+)/g)].map(
        ([, name, value]) => `${name} ${value}`,
      );
    const { ours, reference } = await both("-s runtime");
    expect(numbers(ours.stdout)).toEqual(numbers(reference.stdout));
    expect(numbers(ours.stdout).length).toBeGreaterThan(7);
  });

  it("-f internal forgets, -R reads the table again, -F ends what passes the filter", async () => {
    const before = twins.lines("ours").length;
    for (const words of ["-f internal", "-R"]) await both(words);
    for (const kind of kinds) {
      expect((await twins.daemons[kind].dump("internal")).length).toBe(flows.length);
    }
    await twins.daemons.reference.command("-F");
    await waitFor(
      () => kinds.every((kind) => twins.lines(kind).length > before + flows.length - 1),
      {
        what: "the report of every flow",
      },
    );
    await twins.settle();
    expect(twins.lines("ours")).toEqual(twins.lines("reference"));
    const { ours, reference } = await both("-s");
    expect(ours.stdout).toBe(reference.stdout);
  });

  it("says the same in its log, from the start to the end", async () => {
    for (const kind of kinds) await twins.daemons[kind].stop();
    const log = (kind: "ours" | "reference") =>
      twins.daemons[kind]
        .log()
        .replace(/^\[.*?\] \(pid=\d+\) /gm, "")
        .split("\n")
        // -F was asked of the reference alone.
        .filter((line) => !line.includes("flushing kernel"))
        .map((line) => line.replace(/to \d+ bytes/, "to # bytes"));
    expect(log("ours")).toEqual(log("reference"));
    for (const kind of kinds) {
      const { lockPath, socketPath } = twins.daemons[kind];
      expect([lockPath, socketPath].filter(existsSync)).toEqual([]);
    }
  });
});

describeOnKernel("statistics mode that polls", ["ours", "reference"], () => {
  let twins: StatisticsTwins;
  afterAll(() => twins?.destroy());

  it("writes what the reference writes: the cached copy, with its mark and without counters", async () => {
    twins = await StatisticsTwins.start({
      generalLines: ["PollSecs 1", "NetlinkBufferSize 65536"],
    });
    await twins.fw.sysctl({ "net/netfilter/nf_conntrack_acct": 1 });
    // Not those of a zone: the reference takes them for ended at every look.
    const plain = flows.filter(([words]) => !words.includes("zone"));
    for (const [words] of plain) await twins.conntrack(`-I ${words}`);
    const known = async (kind: "ours" | "reference") =>
      (await twins.daemons[kind].dump("internal")).length === plain.length;
    for (const kind of kinds) await waitFor(() => known(kind), { what: `${kind} to look` });
    await twins.conntrack("-D");
    await waitFor(() => kinds.every((kind) => twins.lines(kind).length === plain.length), {
      what: "the next look of both",
    });
    expect(twins.lines("ours")).toEqual(twins.lines("reference"));
    expect(twins.lines("ours").join("\n")).toMatch(/^tcp .* \[ASSURED\] mark=7$/m);
    expect(twins.lines("ours").join("\n")).not.toContain("packets=");
    for (const kind of kinds) {
      expect(twins.daemons[kind].log()).toContain("running in polling mode");
      expect(await twins.daemons[kind].commandOk("-s", "runtime")).toMatch(/bytes\):\t +65536\n/);
    }
  });
});

describeOnKernel("statistics mode with real traffic", ["ours", "reference"], () => {
  let twins: StatisticsTwins;
  afterAll(() => twins?.destroy());

  it("counts packets and bytes of connections as the reference does", async () => {
    twins = await StatisticsTwins.start();
    await twins.fw.sysctl({ "net/netfilter/nf_conntrack_acct": 1 });
    const server = `require("net").createServer((s) => s.pipe(s)).listen(8080, "::")`;
    twins.host.spawn([process.execPath, "-e", server], { stdio: "ignore" });
    for (const address of ["10.77.0.2", "fd77::2"]) {
      const talk = `exec 3<>/dev/tcp/${address}/8080 && echo hello >&3 && read -u 3 line && test $line = hello`;
      const isAnswered = async () => (await twins.fw.run(["bash", "-c", talk])).status === 0;
      await waitFor(isAnswered, { what: `an answer of ${address}` });
      const send = `exec 3<>/dev/udp/${address}/9; echo one >&3; echo two >&3 || true`;
      await twins.fw.runOk(["bash", "-c", send]);
    }
    await twins.settle();
    await twins.conntrack("-D");
    await twins.settle();
    expect(twins.lines("ours")).toEqual(twins.lines("reference"));
    const text = twins.lines("ours").join("\n");
    expect(text).toMatch(
      /^tcp .*dst=10.77.0.2 .*dport=8080 packets=\d+ bytes=[1-9].* \[ASSURED\]/m,
    );
    expect(text).toMatch(/^udp .*dst=fd77::2 .*dport=9 packets=[12] bytes=[1-9].* \[UNREPLIED\]/m);
    const traffic = await twins.daemons.ours.commandOk("-s");
    expect(traffic).toBe(await twins.daemons.reference.commandOk("-s"));
    expect(traffic).not.toMatch(/^ +0 Bytes/m);
  });

  it("loses no line when its log is rotated under traffic", async () => {
    const { flowLogs, daemons } = twins;
    const pid = daemons.ours.pids()[0]!;
    const before = twins.lines("ours").length;
    const rotated: string[] = [];
    for (let round = 0; round < 5; round++) {
      for (let i = 0; i < 4; i++) {
        const words = `-p udp -s 10.3.${round}.${i} -d 10.2.0.1 --sport 1 --dport 2`;
        await twins.conntrack(`-I ${words} -t 600`);
        await twins.conntrack(`-D ${words}`);
        if (i !== 1) continue;
        rotated.push(`${flowLogs.ours}.${round}`);
        renameSync(flowLogs.ours, `${flowLogs.ours}.${round}`);
        process.kill(pid, "SIGHUP");
        await waitFor(() => existsSync(flowLogs.ours), { what: "a new flow log" });
      }
    }
    await twins.settle();
    const all = [...rotated, flowLogs.ours].map((file) => readFileSync(file, "utf8")).join("");
    expect(all.split("\n").filter((line) => line.includes("src=10.3.")).length).toBe(20);
    expect(twins.lines("reference").length).toBe(before + 20);
  });
});
