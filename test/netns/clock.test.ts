/**
 * The clock on the wall is set, hours forwards and hours back, while a daemon runs: what it times, it times with a clock that
 * only goes forwards. The other node, and the machine, keep their time.
 */
import { afterEach, expect, it } from "vitest";
import type { ConfigSettings, DaemonKind } from "../../lab/conntrackd.ts";
import { createPair, type Pair, type PairNode } from "../../lab/pair.ts";
import { waitFor } from "../../lab/wait.ts";
import { conntrack, kernelTable, waitForLog } from "../support/pairs.ts";
import { describeOnKernel } from "../support/requirements.ts";
import { WallClock } from "../support/wall-clock.ts";

const FORWARDS = 5;
const BACK = -7;
const udp = (host: number) => `-p udp -s 10.1.0.${host} -d 10.2.0.1 --sport 5 --dport 6`;

let pair: Pair | undefined;

afterEach(() => {
  pair?.destroy();
  pair = undefined;
});

/** Both nodes run; the first one goes by the clock. */
async function start(partner: DaemonKind, config: Partial<ConfigSettings>) {
  const at = await createPair({ a: "ours", b: partner, config });
  pair = at;
  const clock = await WallClock.make(at.lab.dir);
  await at.a.conntrackd.start(clock.environment);
  await at.b.conntrackd.start();
  return { at, clock };
}

/** How far the time of the last line in the log is ahead of the machine's. */
function hoursAhead({ conntrackd }: PairNode): number {
  const line = conntrackd.log().trimEnd().split("\n").at(-1) ?? "";
  const [, date = ""] = /^\[(.+?)\] /.exec(line) ?? [];
  return Math.round((Date.parse(date) - Date.now()) / 3_600_000);
}

/** A flow that is made on one node is heard of on the other. */
async function tells(from: PairNode, to: PairNode, host: number): Promise<void> {
  await conntrack(from, `-I ${udp(host)} -t 600`);
  const has = async () =>
    (await to.conntrackd.dump("external")).some((line) => line.includes(`src=10.1.0.${host} `));
  await waitFor(has, { what: `${to.namespace.label} to hear of flow ${host}` });
}

for (const partner of ["ours", "reference"] as const) {
  describeOnKernel(
    `the clock is set, and ${partner} is the peer`,
    ["ours", partner],
    () => {
      it("both go on telling, ages and timeouts stay true, a purge is not early", async () => {
        const { at, clock } = await start(partner, { modeLines: ["PurgeTimeout 3600"] });
        const { a, b } = at;
        await tells(a, b, 1);
        await tells(b, a, 2);
        await a.conntrackd.commandOk("-t");
        for (const [i, hours] of [FORWARDS, BACK].entries()) {
          clock.set(hours);
          await a.conntrackd.commandOk("-B");
          await waitForLog(a, "sending bulk update", i + 1);
          expect(hoursAhead(a)).toBe(hours);
          await tells(a, b, 10 + i);
          await tells(b, a, 20 + i);
          for (const cache of ["internal", "external"] as const) {
            for (const line of await a.conntrackd.dump(cache)) {
              expect(line).toMatch(/\[active since \d{1,2}s\]$/);
            }
          }
        }
        expect(a.conntrackd.log()).not.toContain("(scheduled)");
        await a.conntrackd.commandOk("-c");
        const table = await conntrack(a, "-L");
        const left = [2, 20, 21].map((host) =>
          Number(new RegExp(`^udp +17 (\\d+) src=10\\.1\\.0\\.${host} `, "m").exec(table)?.[1]),
        );
        for (const seconds of left) {
          expect(seconds).toBeGreaterThan(500);
          expect(seconds).toBeLessThanOrEqual(600);
        }
      });
    },
    ["g++"],
  );
}

describeOnKernel(
  "the clock is set while our daemon is away",
  ["ours", "reference"],
  () => {
    // Messages are numbered from the time of the start on.
    it.each(["FTFW", "NOTRACK"] as const)("%s: hours earlier, it starts again", async (mode) => {
      const { at, clock } = await start("reference", { mode });
      const { a, b } = at;
      await tells(a, b, 1);
      await tells(b, a, 2);
      await a.conntrackd.stop();
      clock.set(BACK);
      await a.conntrackd.start(clock.environment);
      expect(hoursAhead(a)).toBe(BACK);
      await tells(a, b, 3);
      await tells(b, a, 4);
    });
  },
  ["g++"],
);

describeOnKernel(
  "ALARM, the clock is set",
  ["ours"],
  () => {
    const startAlarm = async (cacheTimeout: number) => {
      const modeLines = ["RefreshTime 1", `CacheTimeout ${cacheTimeout}`, "PurgeTimeout 2"];
      const made = await start("ours", { mode: "ALARM", modeLines });
      await tells(made.at.a, made.at.b, 1);
      await tells(made.at.b, made.at.a, 2);
      return made;
    };
    const repeats = async ({ b }: Pair) => {
      await b.conntrackd.commandOk("-f", "external");
      await waitFor(async () => (await b.conntrackd.caches()).external === 1, { what: "flow 1" });
    };

    it("forwards: it repeats its flows, and forgets none of a peer that is silent for a moment", async () => {
      const { at, clock } = await startAlarm(3600);
      const { a, b } = at;
      const sent = async () => {
        const text = await a.conntrackd.commandOk("-s", "network");
        return Number(/(\d+) Pckts sent/.exec(text)?.[1]);
      };
      for (const pid of b.conntrackd.pids()) process.kill(pid, "SIGSTOP");
      clock.set(FORWARDS);
      const before = await sent();
      await waitFor(async () => (await sent()) > before + 1, { what: "flow 1, once more" });
      const [line, ...others] = await a.conntrackd.dump("external");
      expect(others).toEqual([]);
      expect(line).toMatch(
        /src=10\.1\.0\.2 .* \[expires in 3[56]\d\ds\] \[active since \d{1,2}s\]$/,
      );
      for (const pid of b.conntrackd.pids()) process.kill(pid, "SIGCONT");
      await repeats(at);
    });

    it("back: it repeats its flows, forgets those that nobody repeats, and purges", async () => {
      const { at, clock } = await startAlarm(3);
      const { a, b } = at;
      clock.set(BACK);
      await repeats(at);
      await a.conntrackd.commandOk("-t");
      clock.set(2 * BACK);
      await b.conntrackd.kill();
      await waitFor(async () => (await a.conntrackd.caches()).external === 0, { what: "the end" });
      await waitForLog(a, "flushing kernel conntrack table (scheduled)");
      expect(hoursAhead(a)).toBe(2 * BACK);
      await waitFor(async () => (await kernelTable(a)).length === 0, { what: "the purge" });
    });
  },
  ["g++"],
);
