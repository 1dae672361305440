/**
 * `NetlinkEventsReliable`: the ends of flows that a daemon had no time to hear are told later, with their counters, to us
 * as to the reference. Without it they are lost, and found out from the table.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";
import type { DaemonKind } from "../../lab/conntrackd.ts";
import { waitFor } from "../../lab/wait.ts";
import { describeOnKernel } from "../support/requirements.ts";
import { kinds, StatisticsTwins } from "../support/statistics-twins.ts";

const FLOWS = 200;

describeOnKernel("ends of flows while nobody listens", ["ours", "reference"], () => {
  let twins: StatisticsTwins | undefined;
  afterEach(() => {
    twins?.destroy();
    twins = undefined;
  });

  /** 200 flows that both know end while both stand still. */
  async function missEnds(reliable: "on" | "off"): Promise<StatisticsTwins> {
    const at = await StatisticsTwins.start({
      generalLines: [
        "NetlinkBufferSize 16384",
        "NetlinkBufferSizeMaxGrowth 16384",
        "NetlinkOverrunResync 1",
        `NetlinkEventsReliable ${reliable}`,
      ],
    });
    twins = at;
    await at.fw.sysctl({ "net/netfilter/nf_conntrack_acct": 1 });
    const flows = Array.from(
      { length: FLOWS },
      (_, i) => `-p udp -s 10.1.0.${i} -d 10.2.0.1 --sport 5 --dport 6`,
    );
    // In small portions: hearing of them is not what is tested.
    for (let first = 0; first < FLOWS; first += 10) {
      const file = join(at.lab.dir, "flows");
      writeFileSync(
        file,
        flows
          .slice(first, first + 10)
          .map((flow) => `-I ${flow} -t 600\n`)
          .join(""),
      );
      await at.fw.runOk(["conntrack", "-R", file]);
      for (const kind of kinds) {
        await waitFor(async () => (await at.daemons[kind].dump("internal")).length >= first + 10, {
          what: "the flows",
        });
      }
    }
    const pids = kinds.flatMap((kind) => at.daemons[kind].pids());
    for (const pid of pids) process.kill(pid, "SIGSTOP");
    try {
      await at.conntrack("-D -p udp");
    } finally {
      for (const pid of pids) process.kill(pid, "SIGCONT");
    }
    for (const kind of kinds) {
      await waitFor(() => at.lines(kind).length === FLOWS, {
        what: `every report of ${kind}`,
        timeoutMs: 60_000,
      });
    }
    return at;
  }

  const overruns = async (at: StatisticsTwins, kind: DaemonKind) =>
    Number(/netlink overrun:\s+(\d+)/.exec(await at.daemons[kind].commandOk("-s", "runtime"))?.[1]);

  it("on: every end is told, with its counters, and nothing overruns", async () => {
    const at = await missEnds("on");
    expect(at.lines("ours")).toEqual(at.lines("reference"));
    for (const line of at.lines("ours")) expect(line).toContain("packets=0 bytes=0");
    for (const kind of kinds) {
      expect(await overruns(at, kind)).toBe(0);
      expect(at.daemons[kind].log()).toContain("reliable ctnetlink event delivery is ENABLED.");
    }
  });

  it("off: what was lost is found out from the table, without counters", async () => {
    const at = await missEnds("off");
    for (const kind of kinds) {
      expect(await overruns(at, kind)).toBeGreaterThan(0);
      const told = at.lines(kind).filter((line) => line.includes("packets=0"));
      expect(told.length).toBeLessThan(FLOWS);
    }
    const flows = (kind: DaemonKind) =>
      at
        .lines(kind)
        .map((line) => /src=\S+/.exec(line)?.[0])
        .sort();
    expect(flows("ours")).toEqual(flows("reference"));
  });
});
