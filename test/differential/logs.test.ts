/**
 * What a program that reads the daemon's log finds there: the same lines in the same order as with the reference, from
 * the start to the end, through every command and an overrun.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { DaemonKind } from "../../lab/conntrackd.ts";
import { waitFor } from "../../lab/wait.ts";
import { describeOnKernel } from "../support/requirements.ts";
import { daemonAddress, kinds, ports, Twins } from "../support/twins.ts";
import { buildMessage, HELLO, HELLO_BACK, udpFlowBody } from "../support/wire-message.ts";

const EXTERNAL_FLOWS = 3;
/** Commands, and the line that tells that one was carried out, where it is not done when the client returns. */
const commands: readonly (readonly [string, string?])[] = [
  ["-c", "commit has taken"],
  ["-c ct", "commit has taken"],
  ["-R"],
  ["-R ct"],
  ["-B"],
  ["-n"],
  ["-t"],
  ["-t"],
  ["-f internal"],
  ["-f external"],
  ["-f"],
  ["-F"],
];

describeOnKernel("the log beside the reference's", ["ours", "reference"], () => {
  let twins: Twins;

  beforeAll(async () => {
    twins = await Twins.start({
      config: {
        generalLines: [
          "NetlinkBufferSize 16384",
          "NetlinkBufferSizeMaxGrowth 100000",
          "NetlinkOverrunResync off",
        ],
        modeLines: ["PurgeTimeout 600"],
      },
    });
  });
  afterAll(() => twins?.destroy());

  /** The lines of a log without times and pids, numbers of seconds masked; flows that failed are left out. */
  const lines = (kind: DaemonKind) =>
    twins.daemons[kind]
      .log()
      .split("\n")
      .filter((line) => line.startsWith("["))
      .map((line) => line.replace(/^\[\w{3} \w{3} [ \d]\d [\d:]{8} \d{4}\] \(pid=\d+\) /, ""))
      .map((line) => line.replace(/\d+\.\d{6} seconds/, "#.###### seconds"));
  const expectEqual = () => expect(lines("ours")).toEqual(lines("reference"));

  it("at the start", () => {
    expectEqual();
    expect(lines("ours")).toEqual([
      "[notice] using user-space event filtering",
      expect.stringMatching(
        /^\[notice\] netlink event socket buffer size has been set to \d+ bytes$/,
      ),
      "[notice] initialization completed",
      "[notice] -- starting in daemon mode --",
    ]);
  });

  it("through the commands", async () => {
    const message = (sequence: number) =>
      buildMessage({ type: 0, flags: HELLO | HELLO_BACK, sequence }, udpFlowBody(sequence));
    for (let i = 1; i <= EXTERNAL_FLOWS; i += 1) {
      for (const kind of kinds) twins.sink.send(ports[kind], daemonAddress, message(i));
    }
    const isTaken = async (kind: DaemonKind) =>
      (await twins.daemons[kind].caches()).external === EXTERNAL_FLOWS;
    for (const kind of kinds) {
      await waitFor(() => isTaken(kind), { what: `${kind} to take the peer's flows` });
    }
    for (const [words, end] of commands) {
      for (const kind of kinds) {
        const before = twins.daemons[kind].log().length;
        await twins.daemons[kind].commandOk(...words.split(" "));
        const said = () => twins.daemons[kind].log().slice(before);
        if (end !== undefined)
          await waitFor(() => said().includes(end), { what: `${words} of ${kind}` });
      }
      expectEqual();
    }
    expect(lines("ours")).toContain("[notice] Committed 3 new entries");
    expect(lines("ours")).toContain("[notice] flushing conntrack table in 600 secs");
  });

  it("when events are lost: the buffer grows, then cannot grow", async () => {
    const pids = kinds.flatMap((kind) => twins.daemons[kind].pids());
    for (let round = 1; round <= 4; round += 1) {
      for (const pid of pids) process.kill(pid, "SIGSTOP");
      try {
        const file = join(twins.lab.dir, `burst${round}`);
        const flows = Array.from(
          { length: 250 },
          (_, i) => `-I -p udp -s 10.${round}.1.${i} -d 10.2.0.1 --sport 5 --dport 6 -t 600\n`,
        );
        writeFileSync(file, flows.join(""));
        await twins.fw.runOk(["conntrack", "-R", file]);
      } finally {
        for (const pid of pids) process.kill(pid, "SIGCONT");
      }
      for (const kind of kinds) {
        const overruns = async () => {
          const text = await twins.daemons[kind].commandOk("-s", "runtime");
          return Number(/netlink overrun:\s+(\d+)/.exec(text)?.[1]);
        };
        await waitFor(async () => (await overruns()) >= round, { what: `${kind} to overrun` });
      }
    }
    const about = (kind: DaemonKind) =>
      lines(kind).filter((line) => line.includes("netlink event socket"));
    expect(about("ours")).toEqual(about("reference"));
    expect(about("ours").filter((line) => line.includes("doubled to")).length).toBe(2);
    expect(about("ours").filter((line) => line.includes("cannot be doubled")).length).toBe(1);
    expectEqual();
  });

  it("at the end", async () => {
    for (const kind of kinds) await twins.daemons[kind].stop();
    expectEqual();
    expect(lines("ours").at(-1)).toBe("[notice] ---- shutdown received ----");
  });
});
