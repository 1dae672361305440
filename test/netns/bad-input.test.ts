/**
 * What our daemon does with what it should never get: bad messages, noise, a second daemon, a place that is taken, and
 * configurations it cannot run. It refuses, says why, and leaves nothing behind.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { type ConfigSettings, Conntrackd } from "../../lab/conntrackd.ts";
import { Lab, type Namespace } from "../../lab/netns.ts";
import { waitFor } from "../../lab/wait.ts";
import { describeOnKernel } from "../support/requirements.ts";
import { Sink } from "../support/sink.ts";
import {
  ACK,
  ALIVE,
  buildMessage,
  CTL,
  HELLO,
  HELLO_BACK,
  RESYNC,
  rangeBody,
  rangeOf,
  udpFlowBody,
} from "../support/wire-message.ts";

const DAEMON = "172.31.77.1";
const SINK = "172.31.77.2";
const PORT = 3780;
const FUZZ_DATAGRAMS = 20_000;
/** Datagrams between two signs of life: few enough for the socket's buffer. */
const FUZZ_BATCH = 200;

interface Place {
  readonly lab: Lab;
  readonly fw: Namespace;
  readonly host: Namespace;
}

async function createPlace(): Promise<Place> {
  const lab = Lab.create();
  try {
    const [fw, host] = await Promise.all([lab.namespace("fw"), lab.namespace("host")]);
    await lab.link({ at: fw, as: "sync0" }, { at: host, as: "sync0" });
    await Promise.all([
      fw.ip(`addr add ${DAEMON}/30 dev sync0`),
      host.ip(`addr add ${SINK}/30 dev sync0`),
    ]);
    return { lab, fw, host };
  } catch (error) {
    lab.destroy();
    throw error;
  }
}

function daemonAt(place: Place, dir = place.lab.dir, config: Partial<ConfigSettings> = {}) {
  return new Conntrackd({ namespace: place.fw, dir }, "ours", {
    ignore: ["127.0.0.1", DAEMON, SINK],
    link: { interface: "sync0", address: DAEMON, peer: SINK, port: PORT },
    ...config,
  });
}

const counters = [
  "Malformed messages",
  "Wrong protocol version",
  "Malformed header",
  "Malformed payload",
  "Bad message type",
  "Truncated message",
  "Bad message size",
] as const;
type Counter = (typeof counters)[number];

async function readCounters(daemon: Conntrackd): Promise<Record<Counter, number>> {
  const [, received = ""] = (await daemon.commandOk("-s", "network")).split("recv:");
  const read = (name: Counter) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(received)?.[1]);
  return Object.fromEntries(counters.map((name) => [name, read(name)])) as Record<Counter, number>;
}

/** A header with everything free, and what follows it. */
function raw(first: number, flags: number, length: number, sequence: number, more = ""): Buffer {
  const head = Buffer.from([first, flags, length >> 8, length & 0xff, 0, 0, 0, 0]);
  head.writeUInt32BE(sequence, 4);
  return Buffer.concat([head, Buffer.from(more, "hex")]);
}

/** Fourteen bad messages; the sequence number each is given is the next one. */
const badMessages: readonly (readonly [string, Counter, (sequence: number) => Buffer])[] = [
  ["a RESYNC of 8 bytes", "Truncated message", (seq) => raw(0x1a, RESYNC, 8, seq)],
  ["attribute 40", "Malformed payload", (seq) => raw(0x10, 0, 16, seq, "0008002800000000")],
  ["version 2", "Wrong protocol version", (seq) => raw(0x20, 0, 8, seq)],
  ["type 7", "Malformed header", (seq) => raw(0x17, 0, 8, seq)],
  ["control without a meaning", "Malformed header", (seq) => raw(0x1a, 0, 8, seq)],
  ["data that says ACK", "Malformed header", (seq) => raw(0x10, ACK, 8, seq)],
  [
    "an ACK whose range ends before it begins",
    "Malformed header",
    (seq) => buildMessage({ type: CTL, flags: ACK, sequence: seq }, rangeBody(9, 8)),
  ],
  ["length 0", "Bad message size", (seq) => raw(0x10, 0, 0, seq)],
  ["length 7", "Bad message size", (seq) => raw(0x10, 0, 7, seq)],
  ["length 100 in 8 bytes", "Bad message size", (seq) => raw(0x10, 0, 100, seq)],
  ["5 bytes", "Truncated message", () => Buffer.from("1000000800", "hex")],
  ["an ACK cut after 12 bytes", "Bad message size", (seq) => raw(0x1a, ACK, 16, seq, "00000000")],
  ["an ACK of length 12", "Truncated message", (seq) => raw(0x1a, ACK, 12, seq, "00000000")],
  [
    "an ACK of length 12 in 20 bytes",
    "Bad message size",
    (seq) => raw(0x1a, ACK, 12, seq, "000000000000000000000000"),
  ],
];

describeOnKernel("what comes in on the dedicated link", ["ours"], () => {
  let place: Place;
  let daemon: Conntrackd;
  let sink: Sink;
  let sequence = 5000;

  beforeAll(async () => {
    place = await createPlace();
    sink = await Sink.start(place.host, SINK, [PORT]);
    daemon = daemonAt(place);
    await daemon.start();
    sink.send(
      PORT,
      DAEMON,
      buildMessage({ type: 0, flags: HELLO | HELLO_BACK, sequence }, udpFlowBody(1)),
    );
    await acknowledged(sequence);
  });
  afterAll(() => place?.lab.destroy());

  /** Waits until the daemon has taken the message with this number. */
  const acknowledged = (wanted: number) =>
    waitFor(
      () =>
        sink
          .messages(PORT)
          .some(
            (each) => each.type === CTL && (each.flags & ACK) !== 0 && rangeOf(each).to === wanted,
          ),
      { what: `the acknowledgement of ${wanted}` },
    );

  for (const [name, counter, build] of badMessages) {
    it(`${name}: counted as ${counter.toLowerCase()}`, async () => {
      const before = await readCounters(daemon);
      sink.send(PORT, DAEMON, build(sequence + 1));
      const after = await waitFor(
        async () => {
          const now = await readCounters(daemon);
          return now["Malformed messages"] > before["Malformed messages"] && now;
        },
        { what: "the message to be counted" },
      );
      expect(after).toEqual({
        ...before,
        "Malformed messages": before["Malformed messages"] + 1,
        [counter]: before[counter] + 1,
      });
      // A bad payload is acknowledged like a good one, so that the sender does not repeat it.
      if (counter === "Malformed payload") {
        sequence += 1;
        await acknowledged(sequence);
      }
    });
  }

  it(`${FUZZ_DATAGRAMS} datagrams of noise leave it alive, answering, and in step`, async () => {
    const random = generator(0x5eed);
    const pids = daemon.pids();
    for (let sent = 0; sent < FUZZ_DATAGRAMS; sent += FUZZ_BATCH) {
      for (let i = 0; i < FUZZ_BATCH; i += 1) sink.send(PORT, DAEMON, noise(random, sequence + 1));
      // A hello is taken whatever its number: it tells that the batch was read.
      sequence = (sequence + 1000) >>> 0;
      const since = sink.messages(PORT).length;
      sink.send(PORT, DAEMON, buildMessage({ type: CTL, flags: ALIVE | HELLO, sequence }));
      await waitFor(
        () =>
          sink
            .messages(PORT)
            .slice(since)
            .some((each) => (each.flags & HELLO_BACK) !== 0),
        { what: `a sign of life after ${sent} datagrams`, everyMs: 2 },
      );
    }
    expect(daemon.pids()).toEqual(pids);
    const { "Malformed messages": malformed, ...reasons } = await readCounters(daemon);
    expect(malformed).toBeGreaterThan(FUZZ_DATAGRAMS / 20);
    expect(Object.values(reasons).reduce((sum, count) => sum + count)).toBe(malformed);
    expect((await daemon.dump("external")).length).toBeGreaterThan(0);
    expect(daemon.log()).not.toContain("internal error");
  });
});

/** Mulberry32: the same noise every time. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Pure noise, a good message with a few bytes changed, or one cut short. */
function noise(random: () => number, sequence: number): Buffer {
  const upTo = (limit: number) => Math.floor(random() * limit);
  const kind = upTo(4);
  if (kind === 0) return Buffer.from(Array.from({ length: upTo(120) + 1 }, () => upTo(256)));
  const body = random() < 0.8 ? udpFlowBody(upTo(255)) : rangeBody(upTo(1e6), upTo(1e6));
  const type = random() < 0.6 ? upTo(3) : upTo(16);
  const flags = random() < 0.7 ? 0 : upTo(256);
  const datagram = buildMessage({ type, flags, sequence: sequence + upTo(4) }, body);
  if (kind === 1) return datagram.subarray(0, 1 + upTo(datagram.length));
  for (let i = upTo(4); i > 0; i -= 1) datagram[upTo(datagram.length)] = upTo(256);
  return kind === 2 ? datagram : Buffer.concat([datagram, datagram.subarray(0, upTo(60))]);
}

describeOnKernel("a start that must fail", ["ours"], () => {
  let place: Place;

  beforeAll(async () => {
    place = await createPlace();
  });
  afterEach(() => {
    expect(place.fw.pids()).toEqual([]);
  });
  afterAll(() => place?.lab.destroy());

  const fresh = (name: string, config?: Partial<ConfigSettings>) => {
    const dir = join(place.lab.dir, name);
    mkdirSync(dir);
    return daemonAt(place, dir, config);
  };

  it("a lock that exists: the reference's words, and the lock stays", async () => {
    const daemon = fresh("lock");
    writeFileSync(daemon.lockPath, "");
    const { status } = await daemon.command("-d");
    expect(status).toBe(1);
    const words = `lockfile \`${daemon.lockPath}' exists, perhaps conntrackd already running?`;
    expect(daemon.log()).toContain(words);
    expect(existsSync(daemon.lockPath)).toBe(true);
    expect(existsSync(daemon.socketPath)).toBe(false);
  });

  it("a second daemon on the same lock: the first one does not notice", async () => {
    const first = fresh("twice");
    await first.start();
    const pids = first.pids();
    expect((await first.command("-d")).status).toBe(1);
    expect(first.pids()).toEqual(pids);
    expect((await first.command("-s")).status).toBe(0);
    await first.stop();
  });

  it("a file where the control socket should be: it stays as it was", async () => {
    const daemon = fresh("file");
    writeFileSync(daemon.socketPath, "precious");
    expect((await daemon.command("-d")).status).toBe(1);
    expect(readFileSync(daemon.socketPath, "utf8")).toBe("precious");
    expect(existsSync(daemon.lockPath)).toBe(false);
    expect(daemon.log()).toContain("conntrackd cannot start, please review your configuration");
  });

  it("a control socket that a living daemon serves: it goes on serving", async () => {
    const first = fresh("served");
    await first.start();
    const second = fresh("serving", {
      link: { interface: "sync0", address: DAEMON, peer: SINK, port: 3999 },
    });
    const text = readFileSync(second.configPath, "utf8");
    writeFileSync(second.configPath, text.replace(second.socketPath, first.socketPath));
    expect((await second.command("-d")).status).toBe(1);
    expect((await first.command("-s")).status).toBe(0);
    expect(existsSync(second.lockPath)).toBe(false);
    await first.stop();
  });

  it("a control socket that a dead daemon left: it is taken over", async () => {
    const daemon = fresh("dead");
    await daemon.start();
    await daemon.kill();
    expect(existsSync(daemon.socketPath)).toBe(true);
    await place.fw.runOk(["rm", daemon.lockPath]);
    await daemon.start();
    await daemon.stop();
    expect(existsSync(daemon.socketPath)).toBe(false);
  });

  it("an interface that is not there", async () => {
    const daemon = fresh("interface", {
      link: { interface: "sync9", address: "172.31.99.1", peer: SINK },
    });
    const { status, stderr } = await daemon.command("-d");
    expect(status).toBe(1);
    expect(`${stderr}${daemon.log()}`).toContain("sync9");
    expect([daemon.lockPath, daemon.socketPath].filter(existsSync)).toEqual([]);
  });

  it("without CAP_NET_ADMIN: it says that it is not permitted", async () => {
    const daemon = fresh("capability");
    const drop = ["setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin"];
    const argv = [...drop, daemon.binary, "-C", daemon.configPath, "-d"];
    expect((await place.fw.run(argv)).status).toBe(1);
    expect(daemon.log()).toContain("Operation not permitted");
    expect([daemon.lockPath, daemon.socketPath].filter(existsSync)).toEqual([]);
  });

  const mistakes: readonly (readonly [string, string, string, RegExp])[] = [
    ["a word that is none", "  Systemd off", "  Sistemd off", /:\d+:\d+: /],
    ["a missing brace", "General {", "General", /:\d+:\d+: /],
    ["a clause in the wrong place", "  Systemd off", "  ACKWindowSize 3", /:\d+:\d+: /],
    ["an address that is none", DAEMON, "172.31.77.1.5", /172\.31\.77\.1\.5|:\d+:\d+: /],
  ];
  for (const [name, from, to, said] of mistakes) {
    it(`${name}: file, line and column, status 1, nothing started`, async () => {
      const daemon = fresh(`mistake-${to.length}-${from.length}`);
      const text = readFileSync(daemon.configPath, "utf8");
      writeFileSync(daemon.configPath, text.replace(from, to));
      const { status, stderr } = await daemon.command("-d");
      expect(status).toBe(1);
      expect(stderr).toMatch(said);
      expect([daemon.lockPath, daemon.socketPath, daemon.logPath].filter(existsSync)).toEqual([]);
    });
  }
});
