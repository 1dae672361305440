/**
 * NOTRACK and ALARM with and without their caches, on real kernels: ours to ours, ours to the reference,
 * the reference to ours. A tells, B hears; each cluster goes through a flow's life and the requests of its mode.
 */
import { afterEach, expect, it } from "vitest";
import type { ConfigSettings, DaemonKind } from "../../lab/conntrackd.ts";
import type { Pair, PairNode } from "../../lab/pair.ts";
import { waitFor } from "../../lab/wait.ts";
import { cacheLines, conntrack, kernelTable, startPair, waitForLog } from "../support/pairs.ts";
import { describeOnKernel } from "../support/requirements.ts";

const partners: readonly (readonly [DaemonKind, DaemonKind])[] = [
  ["ours", "ours"],
  ["ours", "reference"],
  ["reference", "ours"],
];
const REFRESH_SECONDS = 1;
const CACHE_SECONDS = 3;

const tcp = "-p tcp -s 10.1.0.1 -d 10.2.0.1 --sport 5 --dport 6";
const udp = "-p udp -s 10.1.0.2 -d 10.2.0.1 --sport 5 --dport 6";
const v6 = "-p udp -s fd01::1 -d fd02::1 --sport 5 --dport 6";
const nat = "-p tcp -s 10.1.0.3 -d 10.2.0.1 --sport 5 --dport 6";

let pair: Pair | undefined;

afterEach(() => {
  pair?.destroy();
  pair = undefined;
});

async function start(
  [a, b]: readonly [DaemonKind, DaemonKind],
  config: Partial<ConfigSettings>,
): Promise<Pair> {
  pair = await startPair(a, b, config);
  return pair;
}

/** The table of one kernel is that of the other. */
async function sameTables({ a, b }: Pair, what: string): Promise<void> {
  const texts = () => Promise.all([kernelTable(a), kernelTable(b)]);
  await waitFor(
    async () => {
      const [here, there] = await texts();
      return here.join("\n") === there.join("\n");
    },
    { what: `equal kernel tables: ${what}` },
  ).catch(async (error: Error) => {
    const [here, there] = await texts();
    throw new Error(`${error.message}\n${here.join("\n")}\n--\n${there.join("\n")}`);
  });
}

/** The external cache of a node, told by what the lines contain. */
async function hears(node: PairNode, ...words: readonly string[]): Promise<void> {
  let lines: string[] = [];
  await waitFor(
    async () => {
      lines = await cacheLines(node, "external");
      return lines.length === words.length && words.every((w) => lines.some((l) => l.includes(w)));
    },
    { what: `the external cache to hold ${words.join(", ")}`, timeoutMs: 8000 },
  ).catch((error: Error) => {
    throw new Error(`${error.message}\n${lines.join("\n")}\n${node.conntrackd.log()}`);
  });
}

/** New, changed and ended flows reach the external cache of B; B takes them over. */
async function lifeOfFlows(at: Pair): Promise<void> {
  const { a, b } = at;
  await conntrack(a, `-I ${tcp} --state SYN_SENT -t 600`);
  await conntrack(a, `-I ${udp} -t 600 --mark 4`);
  await hears(b, "SYN_SENT src=10.1.0.1", "src=10.1.0.2");
  await conntrack(a, `-U ${tcp} --state ESTABLISHED -u SEEN_REPLY,ASSURED --mark 7`);
  await hears(b, "ESTABLISHED src=10.1.0.1", "src=10.1.0.2");
  await conntrack(a, `-D ${udp}`);
  await conntrack(a, `-I ${v6} -t 600 --dst-nat fd09::9`);
  await conntrack(a, `-I ${nat} --state ESTABLISHED -t 600 --src-nat 10.9.9.9:77`);
  await hears(b, "ESTABLISHED src=10.1.0.1", "src=fd01::1", "src=10.1.0.3");
  await b.conntrackd.commandOk("-c");
  expect(b.conntrackd.lastCommit()).toMatchObject({ entries: 3, failed: 0 });
  await sameTables(at, "after the commit");
}

for (const sides of partners) {
  const [from, to] = sides;
  const title = `${from} to ${to}`;
  const needs = [...new Set(sides)];

  describeOnKernel(`NOTRACK, ${title}`, needs, () => {
    it("tells the life of each flow, and the whole table when asked", async () => {
      const at = await start(sides, { mode: "NOTRACK", modeLines: ["StartupResync on"] });
      const { a, b } = at;
      await waitForLog(a, "resync requested");
      await lifeOfFlows(at);
      await b.conntrackd.commandOk("-f", "external");
      await hears(b);
      await b.conntrackd.commandOk("-n");
      await hears(b, "src=10.1.0.1", "src=fd01::1", "src=10.1.0.3");
      await waitForLog(a, "resync requested by other node");
      await waitForLog(a, "sending bulk update");
      await b.conntrackd.commandOk("-f", "external");
      await a.conntrackd.commandOk("-B");
      await hears(b, "src=10.1.0.1", "src=fd01::1", "src=10.1.0.3");
      // What was committed is B's own now, and known to be so.
      expect((await cacheLines(b, "internal")).length).toBe(3);
      expect(await cacheLines(a, "external")).toEqual([]);
      await a.conntrackd.stop();
      await a.conntrackd.start();
      expect((await cacheLines(a, "internal")).length).toBe(3);
      // A asks at its start for what B has taken over.
      await hears(a, "src=10.1.0.1", "src=fd01::1", "src=10.1.0.3");
    });
  });

  describeOnKernel(`NOTRACK without an internal cache, ${title}`, needs, () => {
    it("tells each event, and the kernel's table when asked", async () => {
      const at = await start(sides, {
        mode: "NOTRACK",
        modeLines: ["DisableInternalCache on"],
      });
      const { a, b } = at;
      await lifeOfFlows(at);
      await b.conntrackd.commandOk("-f", "external");
      await a.conntrackd.commandOk("-B");
      await hears(b, "src=10.1.0.1", "src=fd01::1", "src=10.1.0.3");
      await b.conntrackd.commandOk("-f", "external");
      await b.conntrackd.commandOk("-n");
      await hears(b, "src=10.1.0.1", "src=fd01::1", "src=10.1.0.3");
      const shown = await a.conntrackd.dump("internal");
      const table = await conntrack(a, "-L");
      expect(shown.length).toBe(3);
      expect(shown.find((line) => line.includes("10.1.0.1 "))?.replace(/ \d+ EST/, " EST")).toBe(
        table
          .split("\n")
          .find((line) => line.includes("10.1.0.1 "))
          ?.replace(/ \d+ EST/, " EST"),
      );
      const text = await a.conntrackd.commandOk("-s");
      expect(text).toMatch(
        /^internal bypass:\nconnections new:\t\t +4\nconnections updated:\t\t +1\nconnections destroyed:\t\t +1\n\n/,
      );
      await a.conntrackd.commandOk("-R");
      await waitForLog(a, "resync is unsupported in this mode");
      // The commit of B is not told back.
      expect(await cacheLines(a, "external")).toEqual([]);
    });
  });

  for (const internal of ["on", "off"]) {
    describeOnKernel(`NOTRACK, injection, bypass ${internal}, ${title}`, needs, () => {
      it("keeps the two kernels equal, whatever B's had before", async () => {
        const at = await start(sides, {
          mode: "NOTRACK",
          modeLines: [`DisableInternalCache ${internal}`, "DisableExternalCache on"],
        });
        const { a, b } = at;
        await conntrack(b, `-I ${udp} -t 600 --mark 9`);
        await waitFor(async () => (await kernelTable(a)).length === 1, { what: "B tells A" });
        await conntrack(b, `-D ${udp}`);
        await sameTables(at, "B's flow has ended at A");
        await conntrack(a, `-I ${tcp} --state SYN_SENT -t 600`);
        await sameTables(at, "a new flow");
        await conntrack(a, `-U ${tcp} --state ESTABLISHED -u SEEN_REPLY,ASSURED --mark 7`);
        await sameTables(at, "a changed flow");
        await conntrack(a, `-I ${nat} --state ESTABLISHED -t 600 --src-nat 10.9.9.9:77`);
        await conntrack(a, `-I ${v6} -t 600 --dst-nat fd09::9`);
        await sameTables(at, "translated flows");
        await conntrack(a, `-U ${v6} --mark 3`);
        await sameTables(at, "the change of a translated flow");
        await conntrack(a, `-D ${tcp}`);
        await sameTables(at, "an end");
        expect(await cacheLines(b, "external")).toEqual([]);
        await b.conntrackd.commandOk("-c");
        const text = await b.conntrackd.commandOk("-s");
        expect(text).toMatch(/external inject:\nconnections created:\t\t +\d+\tfailed:\t +0\n/);
        expect(text).toMatch(/connections updated:\t\t +\d+\tfailed:\t +0\n/);
      });
    });
  }

  describeOnKernel(`ALARM, ${title}`, needs, () => {
    it("repeats every flow, and forgets what is not repeated", async () => {
      const at = await start(sides, {
        mode: "ALARM",
        modeLines: [`RefreshTime ${REFRESH_SECONDS}`, `CacheTimeout ${CACHE_SECONDS}`],
      });
      const { a, b } = at;
      await lifeOfFlows(at);
      const all = ["src=10.1.0.1", "src=fd01::1", "src=10.1.0.3"];
      await b.conntrackd.commandOk("-f", "external");
      await hears(b, ...all);
      const [line] = await b.conntrackd.dump("external");
      expect(line).toMatch(/ \[expires in [0-3]s\] \[active since \d+s\]$/);
      // Neither does anything here.
      await b.conntrackd.commandOk("-n");
      await a.conntrackd.commandOk("-B");
      for (const node of [a, b]) expect(node.conntrackd.log()).not.toMatch(/resync|bulk/);
      // B has taken the flows over: A hears of them now. A new A tells what it finds in its kernel.
      await hears(a, ...all);
      await a.conntrackd.kill();
      await hears(b);
    });
  });

  describeOnKernel(`PollSecs, ${title}`, needs, () => {
    it("reads the table from time to time, and tells what is new, changed and gone", async () => {
      const at = await start(sides, { generalLines: ["PollSecs 1"] });
      const { a, b } = at;
      await conntrack(a, `-I ${tcp} --state SYN_SENT -t 600`);
      await conntrack(a, `-I ${udp} -t 600 --zone 5`);
      await hears(b, "SYN_SENT src=10.1.0.1", "src=10.1.0.2");
      await conntrack(a, `-U ${tcp} --state ESTABLISHED -u SEEN_REPLY,ASSURED`);
      await hears(b, "ESTABLISHED src=10.1.0.1", "zone=5");
      await conntrack(a, `-D ${tcp}`);
      await hears(b, "zone=5");
      expect(a.conntrackd.log()).toContain("running in polling mode");
      expect(await a.conntrackd.commandOk("-s", "runtime")).toMatch(
        /events received:\t +0\n[\s\S]*buffer size \(in bytes\):\t +0\n/,
      );
    });
  });
}
