/**
 * Clients of the control socket that are many, slow, or gone: the daemon goes on serving events and others, and what it
 * keeps for them has a bound.
 */
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { afterAll, beforeAll, expect, it } from "vitest";
import { runJob } from "../../bench/job.ts";
import { Conntrackd } from "../../lab/conntrackd.ts";
import { Lab, type Namespace } from "../../lab/netns.ts";
import { waitFor } from "../../lab/wait.ts";
import { RequestCode } from "../../src/kit/request-code.ts";
import { describeOnKernel } from "../support/requirements.ts";

/** As many as every machine's table holds. A line of a dump has some 120 bytes. */
const FLOWS = 150_000;
const MORE_FLOWS = 5_000;
const READERS = 8;
/** One dump has some 17 MB: ten of them in memory would be more. */
const MEMORY_MAX_BYTES = 64 << 20;

describeOnKernel("ten clients at once", ["ours"], () => {
  let lab: Lab;
  let space: Namespace;
  let at: Conntrackd;
  let pid = 0;

  const generate = (first: number, count: number) =>
    runJob(space, "udp", { count, first, rate: 0 });
  const known = async () =>
    Number(/active connections:\s+(\d+)/.exec(await at.commandOk("-s"))?.[1]);

  beforeAll(async () => {
    lab = Lab.create();
    space = await lab.namespace("fw");
    const away = await lab.namespace("away");
    await lab.link({ at: space, as: "wan0" }, { at: away, as: "wan0" });
    await space.ip([
      "link set wan0 arp off",
      "addr add 10.78.0.1/32 dev wan0",
      "route add 10.77.0.0/16 dev wan0",
    ]);
    await space.nft(`table inet lab {
  chain watch { type filter hook output priority filter; policy accept; ct state invalid drop; }
}
`);
    await space.sysctl({
      "net/netfilter/nf_conntrack_events": 1,
      "net/netfilter/nf_conntrack_udp_timeout": 3600,
    });
    at = new Conntrackd({ namespace: space, dir: lab.dir }, "ours", {
      statsLines: [],
      ignore: ["127.0.0.1"],
      link: { interface: "", address: "", peer: "" },
      // Bursts are not what is tested here.
      generalLines: ["NetlinkBufferSize 67108864", "NetlinkBufferSizeMaxGrowth 67108864"],
    });
    await at.start();
    [pid = 0] = at.pids();
    await generate(0, FLOWS);
    await waitFor(async () => (await known()) >= FLOWS, { what: "the flows", timeoutMs: 60_000 });
  });
  afterAll(() => lab?.destroy());

  const dump = (): Socket => {
    const socket = connect(at.socketPath);
    const request = Buffer.alloc(4);
    request.writeInt32LE(RequestCode.dumpInternal);
    socket.write(request);
    socket.on("error", () => undefined);
    return socket;
  };
  const lines = (socket: Socket) =>
    new Promise<number>((resolve) => {
      let count = 0;
      socket.on("data", (bytes: Buffer) => {
        for (const byte of bytes) if (byte === 0x0a) count += 1;
      });
      socket.on("close", () => resolve(count));
    });
  const memory = (name: "VmRSS" | "VmHWM") =>
    Number(
      new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(
        readFileSync(`/proc/${pid}/status`, "utf8"),
      )?.[1],
    ) * 1024;

  it("all are served, events too, and memory stays bounded", async () => {
    await lines(dump());
    const before = memory("VmRSS");
    const silent = dump().pause();
    const leaver = dump();
    leaver.once("data", () => leaver.destroy());
    const readers = Array.from({ length: READERS }, () => lines(dump()));
    // While they read, the kernel goes on.
    await generate(FLOWS, MORE_FLOWS);
    await waitFor(async () => (await known()) >= FLOWS + MORE_FLOWS, {
      what: "more flows",
      timeoutMs: 60_000,
    });
    for (const count of await Promise.all(readers)) {
      expect(count).toBeGreaterThanOrEqual(FLOWS);
      expect(count).toBeLessThanOrEqual(FLOWS + MORE_FLOWS);
    }
    expect(leaver.destroyed).toBe(true);
    // Nobody has read the silent one's answer, and nobody had to.
    expect(silent.bytesRead).toBeLessThan(1 << 20);
    expect(memory("VmHWM") - before).toBeLessThan(MEMORY_MAX_BYTES);
    const text = await at.commandOk("-s", "runtime");
    expect(text).toMatch(/netlink overrun:\s+0\n/);
    expect(at.pids()).toEqual([pid]);
    expect(await lines(silent.resume())).toBeGreaterThanOrEqual(FLOWS);
  });

  it("a hundred that come and go leave nothing behind", async () => {
    const descriptors = async () =>
      (await space.runOk(["ls", `/proc/${pid}/fd`])).split("\n").length;
    const before = await descriptors();
    const crowd = Array.from({ length: 100 }, dump);
    for (const socket of crowd) socket.once("data", () => socket.destroy());
    await Promise.all(
      crowd.map((socket) => new Promise((resolve) => socket.once("close", resolve))),
    );
    await waitFor(async () => (await descriptors()) <= before, {
      what: "the descriptors to be closed",
    });
    expect(await known()).toBeGreaterThanOrEqual(FLOWS);
    expect(at.pids()).toEqual([pid]);
  });
});
