/**
 * Clients of the control socket that are many, slow, or gone: the daemon goes on serving events and others, and what it
 * keeps for them has a bound.
 */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import type { Readable } from "node:stream";
import { afterAll, beforeAll, expect, it } from "vitest";
import { runJob } from "../../bench/job.ts";
import { type DaemonKind, findDaemon } from "../../lab/conntrackd.ts";
import { createPair, type Pair } from "../../lab/pair.ts";
import { waitFor } from "../../lab/wait.ts";
import { RequestCode } from "../../src/kit/request-code.ts";
import { fillExternal } from "../support/filling.ts";
import { describeOnKernel } from "../support/requirements.ts";

const FLOWS = 1_000_000;
const NEW_FLOWS = 5_000;
const READERS = 8;
/** A dump of all flows has some 130 MB: one of them in memory would be more. */
const MEMORY_MAX_BYTES = 64 << 20;
/** More than sockets and pipes hold. */
const FEW_FLOWS = 30_000;

/** A daemon whose external cache holds so many flows, and nobody at the other end. */
async function startFilled(kind: DaemonKind, flows: number): Promise<Pair> {
  const pair = await createPair({
    a: kind,
    b: kind,
    links: [{ transport: "TCP", addresses: "IPv4" }],
    config: {
      mode: "NOTRACK",
      // Bursts are not what is tested here.
      bufferBytes: 16 << 20,
      generalLines: [`HashSize ${1 << 20}`, `HashLimit ${2 * FLOWS}`],
    },
  });
  try {
    await pair.a.conntrackd.start();
    await fillExternal(pair.b.namespace, "172.31.77.1", flows);
    await waitFor(async () => (await pair.a.conntrackd.caches()).external === flows, {
      what: "the flows",
      timeoutMs: 60_000,
    });
    return pair;
  } catch (error) {
    pair.destroy();
    throw error;
  }
}

/** How many lines come until the end. */
async function lines(from: Readable): Promise<number> {
  let count = 0;
  from.on("data", (bytes: Buffer) => {
    for (let at = bytes.indexOf(0x0a); at >= 0; at = bytes.indexOf(0x0a, at + 1)) count += 1;
  });
  await once(from, "close");
  return count;
}

describeOnKernel("ten clients at once that ask for a million flows", ["ours"], () => {
  let pair: Pair;
  let pid = 0;

  beforeAll(async () => {
    pair = await startFilled("ours", FLOWS);
    const { namespace } = pair.a;
    const nowhere = await pair.lab.namespace("nowhere");
    await pair.lab.link({ at: namespace, as: "out0" }, { at: nowhere, as: "in0" });
    await namespace.ip([
      "link set out0 arp off",
      "addr add 10.78.0.1/32 dev out0",
      "route add 10.77.0.0/16 dev out0",
    ]);
    await namespace.sysctl({ "net/netfilter/nf_conntrack_udp_timeout": 600 });
    [pid = 0] = pair.a.conntrackd.pids();
  });
  afterAll(() => pair?.destroy());

  const dump = (): Socket => {
    const socket = connect(pair.a.conntrackd.socketPath);
    const request = Buffer.alloc(4);
    request.writeInt32LE(RequestCode.dumpExternal);
    socket.write(request);
    socket.on("error", () => undefined);
    return socket;
  };
  const memory = (name: "VmRSS" | "VmHWM") =>
    Number(
      new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(
        readFileSync(`/proc/${pid}/status`, "utf8"),
      )?.[1],
    ) * 1024;

  it("all are served, events too, and memory stays bounded", async () => {
    const { conntrackd, namespace } = pair.a;
    const before = memory("VmRSS");
    const silent = dump().pause();
    const leaver = dump();
    leaver.once("data", () => leaver.destroy());
    const readers = Promise.all(Array.from({ length: READERS }, () => lines(dump())));
    // While they read, the kernel goes on.
    await runJob(namespace, "udp", { count: NEW_FLOWS, first: 0, rate: 0 });
    await waitFor(async () => (await conntrackd.caches()).internal === NEW_FLOWS, {
      what: "new flows",
      timeoutMs: 60_000,
    });
    expect(await readers).toEqual(Array.from({ length: READERS }, () => FLOWS));
    expect(leaver.destroyed).toBe(true);
    // Nobody has read the silent one's answer, and nobody had to.
    expect(silent.bytesRead).toBeLessThan(1 << 20);
    expect(memory("VmHWM") - before).toBeLessThan(MEMORY_MAX_BYTES);
    const text = await conntrackd.commandOk("-s", "runtime");
    expect(text).toMatch(/netlink overrun:\s+0\n/);
    expect(conntrackd.pids()).toEqual([pid]);
    expect(await lines(silent.resume())).toBe(FLOWS);
  });

  it("a hundred that come and go leave nothing behind", async () => {
    const { conntrackd, namespace } = pair.a;
    const descriptors = async () =>
      (await namespace.runOk(["ls", `/proc/${pid}/fd`])).split("\n").length;
    const before = await descriptors();
    const crowd = Array.from({ length: 100 }, dump);
    for (const socket of crowd) socket.once("data", () => socket.destroy());
    await Promise.all(
      crowd.map((socket) => new Promise((resolve) => socket.once("close", resolve))),
    );
    await waitFor(async () => (await descriptors()) <= before, {
      what: "the descriptors to be closed",
    });
    expect((await conntrackd.caches()).external).toBe(FLOWS);
    expect(conntrackd.pids()).toEqual([pid]);
  });
});

const strangers: readonly (readonly [DaemonKind, DaemonKind])[] = [
  ["reference", "ours"],
  ["ours", "reference"],
];
for (const [client, daemon] of strangers) {
  describeOnKernel(`ten programs (${client}) that ask ${daemon} at once`, [client, daemon], () => {
    let pair: Pair;

    beforeAll(async () => {
      pair = await startFilled(daemon, FEW_FLOWS);
    });
    afterAll(() => pair?.destroy());

    const start = () => {
      const { conntrackd, namespace } = pair.a;
      const argv = [findDaemon(client) ?? "", "-C", conntrackd.configPath, "-e"];
      const child = namespace.spawn(argv, { stdio: ["ignore", "pipe", "inherit"] });
      if (child.stdout === null) throw new Error("there is no output");
      return { child, ended: once(child, "close"), stdout: child.stdout };
    };

    it("one of them never reads, one ends in the middle, the others are served", async () => {
      const { conntrackd } = pair.a;
      const pids = conntrackd.pids();
      const silent = start();
      const leaver = start();
      leaver.stdout.once("data", () => leaver.child.kill("SIGKILL"));
      const readers = Array.from({ length: READERS }, start);
      expect(await Promise.all(readers.map(({ stdout }) => lines(stdout)))).toEqual(
        readers.map(() => FEW_FLOWS),
      );
      for (const { ended } of readers) expect(await ended).toEqual([0, null]);
      expect(await leaver.ended).toEqual([null, "SIGKILL"]);
      expect(silent.child.exitCode).toBeNull();
      expect((await conntrackd.caches()).external).toBe(FEW_FLOWS);
      expect(await lines(silent.stdout)).toBe(FEW_FLOWS);
      await waitFor(() => conntrackd.pids().join() === pids.join(), { what: "one daemon again" });
    });

    it("one whose reader has gone ends of the broken pipe", async () => {
      const { ended, stdout } = start();
      stdout.once("data", () => stdout.destroy());
      expect(await ended).toEqual([null, "SIGPIPE"]);
    });
  });
}
