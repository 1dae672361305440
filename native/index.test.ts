import { execFileSync } from "node:child_process";
import {
  constants,
  copyFileSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { Worker } from "node:worker_threads";
import { beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { bound, bytes, loopback, open, opened, word } from "../test/support/sockets.ts";
import * as c from "./constants.ts";
import * as native from "./index.ts";

const descriptors = () => readdirSync("/proc/self/fd").length;
/** What is ready has been told, even where the timer was late: the loop polls between a timer and an immediate. */
const turn = () => new Promise((resolve) => setTimeout(() => setImmediate(resolve), 5));

/** Without root, what needs it is skipped; in CI it fails. */
const withoutRoot = process.getuid?.() !== 0 && !process.env["CI"];

const EBUSY = 16;

function temporaryPath(name: string): string {
  const directory = mkdtempSync(path.join(tmpdir(), "flowkeeper-native-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  return path.join(directory, name);
}

describe("bounds", () => {
  it("are checked before any byte moves", () => {
    const { fd, address } = bound();
    const one = Int32Array.of(1);
    const invalid = -c.EINVAL;
    const ten = new Uint8Array(10);
    expect(native.receiveBatch(fd, ten, 4, 3, new Int32Array(3))).toBe(invalid);
    expect(native.receiveBatch(fd, ten, 4, 2, one)).toBe(invalid);
    expect(native.receiveBatch(fd, ten, 0, 1, one)).toBe(invalid);
    expect(native.receiveBatch(fd, ten, 4, -1, one)).toBe(invalid);
    expect(native.receiveBatch(fd, ten, Number.MAX_SAFE_INTEGER, 1, one)).toBe(invalid);
    expect(native.receiveBatchFrom(fd, ten, 5, 2, new Int32Array(2), ten, 6)).toBe(invalid);
    const outside = Int32Array.of(-1, 10, 2 ** 31 - 1);
    for (let i = 0; i < 3; i++) {
      const sizes = new Int32Array(3).fill(1);
      expect(native.sendBatch(fd, ten, outside, sizes, i, 1, address)).toBe(invalid);
    }
    expect(native.sendBatch(fd, ten, one, Int32Array.of(-1), 0, 1, address)).toBe(invalid);
    expect(native.sendBatch(fd, ten, one, one, 1, 1, address)).toBe(invalid);
    expect(native.sendBatchTo(fd, ten, one, one, ten, 16, 1)).toBe(invalid);
    expect(native.send(fd, ten, 5, 6)).toBe(invalid);
    expect(native.receive(fd, ten, -1, 2)).toBe(invalid);
    expect(native.read(fd, ten, 11, 0)).toBe(invalid);
    expect(native.attachFilter(fd, ten)).toBe(invalid);
    expect(native.timerArm(fd, -1)).toBe(invalid);
  });

  it("tell whether a write would wait", () => {
    const fifo = temporaryPath("fifo");
    execFileSync("mkfifo", [fifo]);
    const fd = openSync(fifo, constants.O_RDWR);
    opened.push(fd);
    const piece = new Uint8Array(4096);
    let pieces = 0;
    // Whenever it has room, it takes a whole piece: it would wait for ever otherwise.
    while (native.hasRoom(fd) === 1) pieces += writeSync(fd, piece) / piece.length;
    expect(pieces).toBeGreaterThanOrEqual(1);
    readSync(fd, piece);
    expect(native.hasRoom(fd)).toBe(1);
    expect(native.hasRoom(12_345)).toBe(-c.EBADF);
  });

  it("throw for a wrong type only", () => {
    const wrong = native as unknown as Record<string, (...values: unknown[]) => unknown>;
    expect(() => wrong["socket"]?.("2", 2, 0)).toThrow(
      new TypeError("argument 1 must be an integer"),
    );
    expect(() => native.socket(2, 2.5, 0)).toThrow(TypeError);
    expect(() => native.close(2 ** 40)).toThrow("argument 1 must be an integer of 32 bits");
    expect(() => wrong["bind"]?.(1, [])).toThrow("argument 2 must be a Uint8Array");
    expect(() => wrong["receiveBatch"]?.(1, bytes(1), 1, 1, bytes(1))).toThrow("an Int32Array");
    expect(() => wrong["interfaceIndex"]?.()).toThrow("argument 1 must be a string");
    expect(() => Reflect.construct(native.Poll, [1, "no function"])).toThrow("must be a function");
    expect(native.close(-1)).toBe(-c.EBADF);
    expect(native.connect(-1, loopback())).toBe(-c.EBADF);
    expect(native.socket(12345, 1, 0)).toBe(-c.EAFNOSUPPORT);
  });
});

describe("sockets", () => {
  it("of AF_UNIX send datagrams to paths and to abstract names, and tell the sender", () => {
    const address = (name: string) => Uint8Array.from([c.AF_UNIX, 0, ...Buffer.from(name)]);
    const byPath = address(temporaryPath("socket"));
    const abstract = address(`\0flowkeeper-native-${process.pid}`);
    const into = new Uint8Array(8);
    const senders = new Uint8Array(110).fill(0xff);
    const fd = open(c.AF_UNIX, c.SOCK_DGRAM);
    const other = open(c.AF_UNIX, c.SOCK_DGRAM);
    expect(native.sendTo(fd, bytes(1), byPath)).toBe(-c.ENOENT);
    expect([native.bind(fd, byPath), native.bind(other, abstract)]).toEqual([0, 0]);
    expect(native.bind(open(c.AF_UNIX, c.SOCK_DGRAM), byPath)).toBe(-c.EADDRINUSE);
    expect(native.sendTo(other, bytes(1, 2), byPath)).toBe(2);
    expect(native.receiveBatchFrom(fd, into, 8, 1, new Int32Array(1), senders, 110)).toBe(1);
    expect([...into.subarray(0, 2)]).toEqual([1, 2]);
    expect([...senders]).toEqual([...abstract, ...new Array(110 - abstract.length).fill(0)]);
    expect(native.sendTo(fd, bytes(3), abstract)).toBe(1);
    expect(native.receive(other, into, 0, 8)).toBe(1);
    while (native.sendTo(other, bytes(4), byPath) === 1);
    expect(native.sendTo(other, bytes(4), byPath)).toBe(-c.EAGAIN); // A full queue does not block.
  });

  it("listen, accept, and end a stream", async () => {
    const server = bound(c.SOCK_STREAM);
    expect(native.listen(server.fd, 4)).toBe(0);
    expect(native.accept(server.fd)).toBe(-c.EAGAIN);
    const client = open(c.AF_INET, c.SOCK_STREAM);
    expect([0, -c.EINPROGRESS]).toContain(native.connect(client, server.address));
    await turn();
    const peer = native.accept(server.fd);
    expect(peer).toBeGreaterThan(0);
    opened.push(peer);
    expect(native.send(client, bytes(1, 2), 0, 2)).toBe(2);
    expect(native.shutdown(client, c.SHUT_WR)).toBe(0);
    expect(native.receive(peer, new Uint8Array(8), 0, 8)).toBe(2);
    expect(native.receive(peer, new Uint8Array(8), 0, 8)).toBe(0);
  });

  it("take options and filters", () => {
    const { fd, address } = bound();
    const out = new Uint8Array(4);
    expect(native.setOption(fd, c.SOL_SOCKET, c.SO_REUSEADDR, word(1))).toBe(0);
    expect(native.getOption(fd, c.SOL_SOCKET, c.SO_REUSEADDR, out)).toBe(4);
    expect([...out]).toEqual([...word(1)]);
    expect(native.setOption(fd, c.SOL_SOCKET, 9999, word(1))).toBe(-c.ENOPROTOOPT);
    const dropAll = bytes(0x06, 0, 0, 0, 0, 0, 0, 0); // BPF_RET | BPF_K, 0
    expect(native.attachFilter(fd, dropAll)).toBe(0);
    native.sendTo(fd, bytes(1), address);
    expect(native.receive(fd, out, 0, 4)).toBe(-c.EAGAIN);
    expect(native.attachFilter(fd, new Uint8Array(0))).toBe(0);
    native.sendTo(fd, bytes(1), address);
    expect(native.receive(fd, out, 0, 4)).toBe(1);
    expect(native.attachFilter(fd, new Uint8Array(0))).toBe(-c.ENOENT);
  });
});

describe("a poll", () => {
  /** The first one that starts opens what all of them share. */
  beforeAll(() => {
    const first = new native.Poll(native.timerCreate(), () => {});
    first.start(native.READABLE);
    first.close();
  });

  it("tells readiness, stops, starts again, and closes its descriptor", async () => {
    const before = descriptors();
    const { fd, address } = bound();
    opened.pop();
    const seen: number[] = [];
    const poll = new native.Poll(fd, (events) => {
      seen.push(events);
      native.receive(fd, new Uint8Array(8), 0, 8);
    });
    const tell = () => native.sendTo(fd, bytes(1), address);
    expect(poll.start(0)).toBe(-c.EINVAL);
    expect(poll.start(native.READABLE)).toBe(0);
    tell();
    await turn();
    expect(seen).toEqual([native.READABLE]);
    expect(poll.stop()).toBe(0);
    tell();
    await turn();
    expect(seen.length).toBe(1);
    expect(poll.start(native.READABLE)).toBe(0);
    await turn();
    expect(seen.length).toBe(2);
    poll.start(native.READABLE | native.WRITABLE);
    await turn();
    expect(seen.at(-1)).toBe(native.WRITABLE);
    expect(poll.close()).toBe(0);
    expect(poll.close()).toBe(0);
    expect(poll.start(1)).toBe(-c.EBADF);
    await turn();
    expect(native.close(fd)).toBe(-c.EBADF);
    expect(descriptors()).toBe(before);
  });

  it("may be closed by its own callback, and before it was started", async () => {
    const before = descriptors();
    const fd = native.timerCreate();
    let calls = 0;
    const poll = new native.Poll(fd, () => {
      calls++;
      expect(native.read(fd, new Uint8Array(8), 0, 8)).toBe(8);
      poll.close();
    });
    poll.start(native.READABLE);
    expect(native.timerArm(fd, 200)).toBe(0);
    new native.Poll(native.timerCreate(), () => {}).close();
    await turn();
    await turn();
    expect(calls).toBe(1);
    expect(descriptors()).toBe(before);
  });

  it("tells how long a turn has lasted, whoever has looked", async () => {
    const began = process.hrtime();
    const passed = () => {
      const [seconds, nanoseconds] = process.hrtime(began);
      return seconds * 1e6 + nanoseconds / 1000;
    };
    while (passed() < 30_000);
    expect(native.turnTime()).toBeGreaterThanOrEqual(30_000);
    await turn();
    expect(native.turnTime()).toBeLessThan(passed() - 30_000);
    expect(Number.isInteger(native.turnTime())).toBe(true);
  });

  it("makes an exception of its callback an uncaught one, and goes on", () => {
    const script = `
      const native = require(process.argv[1]);
      const fd = native.timerCreate();
      let calls = 0;
      const poll = new native.Poll(fd, () => {
        if (++calls === 3) { poll.close(); return; }
        throw new Error("thrown");
      });
      process.on("uncaughtException", (error) => console.log(error.message));
      native.timerArm(fd, 1);
      poll.start(1);`;
    const out = execFileSync(process.execPath, ["-e", script, native.binaryPath], {
      encoding: "utf8",
    });
    expect(out).toBe("thrown\nthrown\n");
  });

  it("works in a worker thread, and ends with it", async () => {
    const before = descriptors();
    const binary = temporaryPath("flowkeeper.node");
    copyFileSync(native.binaryPath, binary);
    const script = `
      const { parentPort, workerData } = require("node:worker_threads");
      const native = require(workerData);
      const fd = native.timerCreate();
      native.timerArm(fd, 100);
      const poll = new native.Poll(fd, (events) => {
        native.read(fd, new Uint8Array(8), 0, 8);
        parentPort.postMessage(events);
      });
      poll.start(1);`;
    const worker = new Worker(script, { eval: true, workerData: binary });
    const message = await new Promise((resolve, reject) => {
      worker.once("message", resolve);
      worker.once("error", reject);
    });
    expect(message).toBe(native.READABLE);
    await worker.terminate();
    expect(descriptors()).toBe(before);
  });
});

describe("a netlink socket", () => {
  const dump = bytes(20, 0, 0, 0, 18, 0, 1, 3, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0); // RTM_GETLINK

  it("is answered by the kernel, port 0", () => {
    const fd = open(c.AF_NETLINK, c.SOCK_RAW, c.NETLINK_ROUTE);
    expect(native.send(fd, dump, 0, dump.length)).toBe(20);
    const senders = new Uint8Array(12).fill(0xff);
    const lengths = new Int32Array(1);
    const arena = new Uint8Array(65536);
    expect(native.receiveBatchFrom(fd, arena, 65536, 1, lengths, senders, 12)).toBe(1);
    expect(lengths[0]).toBeGreaterThan(20);
    expect([...senders.subarray(0, 8)]).toEqual([16, 0, 0, 0, 0, 0, 0, 0]);
  });

  it("sends in the background, though its descriptor is closed meanwhile", async () => {
    const fd = native.socket(c.AF_INET, c.SOCK_DGRAM, 0);
    const receiver = open(c.AF_INET, c.SOCK_DGRAM, 0);
    const address = bytes(2, 0, 0, 0, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0);
    native.bind(receiver, address);
    native.getsockname(receiver, address);
    native.connect(fd, address);
    const result = await new Promise((resolve) => {
      expect(native.sendInBackground(fd, bytes(7, 8, 9), 2, resolve)).toBe(0);
      native.close(fd);
    });
    expect(result).toBe(2);
    const into = new Uint8Array(8);
    expect(native.receive(receiver, into, 0, 8)).toBe(2);
    expect([...into.subarray(0, 2)]).toEqual([7, 8]);
  });

  it("tells in the background what went wrong, and refuses at once what cannot be", async () => {
    const unconnected = open(c.AF_INET, c.SOCK_DGRAM, 0);
    const result = await new Promise((resolve) =>
      native.sendInBackground(unconnected, bytes(1), 1, resolve),
    );
    expect(result).toBe(-c.EDESTADDRREQ);
    const never = () => expect.unreachable();
    expect(native.sendInBackground(-1, bytes(1), 1, never)).toBe(-c.EBADF);
    expect(native.sendInBackground(unconnected, bytes(1), 2, never)).toBe(-c.EINVAL);
    expect(() => native.sendInBackground(unconnected, bytes(1), 1, 5 as never)).toThrow(TypeError);
    await turn();
  });

  /** A ring of two parts of two datagrams of four bytes. */
  function ring(fd: number) {
    const arena = new Uint8Array(16);
    const lengths = new Int32Array(4);
    const senders = new Uint8Array(64);
    const ahead = new native.ReceiveAhead(fd, arena, 4, 2, lengths, senders, 16, 2);
    return { arena, lengths, ahead };
  }

  it("receives ahead while the caller does something else, part by part", async () => {
    const { fd: receiver, address } = bound();
    const sender = open(c.AF_INET, c.SOCK_DGRAM);
    const send = (...values: number[]) => {
      for (const value of values) native.sendTo(sender, bytes(value, 0), address);
    };
    const { arena, lengths, ahead } = ring(receiver);
    native.close(receiver); // It has a descriptor of its own.
    send(1, 2, 3, 4, 5, 6, 7);
    expect(ahead.next()).toBe(2); // Without `start`, now.
    expect([arena[0], arena[4], lengths[0]]).toEqual([1, 2, 2]);
    expect(ahead.start()).toBe(0);
    expect(ahead.start()).toBe(-EBUSY);
    expect(ahead.next()).toBe(2);
    expect([arena[8], arena[12], lengths[2]]).toEqual([3, 4, 2]);
    expect(ahead.next()).toBe(2); // Round again.
    expect([arena[0], arena[4]]).toEqual([5, 6]);
    expect(ahead.next()).toBe(1);
    expect(arena[8]).toBe(7);
    // A part that was not full was the last one, whatever comes later.
    send(8);
    expect(ahead.next()).toBe(-c.EAGAIN);
    expect(ahead.next()).toBe(-c.EAGAIN);
    expect(ahead.stop()).toBe(0);
    expect(ahead.next()).toBe(1);
    expect(arena[0]).toBe(8);
  });

  it("receives no further ahead than there is room", async () => {
    const { fd: receiver, address } = bound();
    const sender = open(c.AF_INET, c.SOCK_DGRAM);
    const { arena, ahead } = ring(receiver);
    for (let i = 1; i <= 8; i++) native.sendTo(sender, bytes(i), address);
    ahead.next();
    ahead.start();
    await turn();
    expect([arena[0], arena[4]]).toEqual([1, 2]); // The part that the caller has.
    ahead.next();
    await turn();
    expect([arena[8], arena[12]]).toEqual([3, 4]);
    expect(ahead.close()).toBe(0);
    expect(ahead.next()).toBe(-c.EBADF);
  });

  it("receives ahead into what it was given, and nowhere else", () => {
    const { fd: receiver } = bound();
    const made = (slotBytes: number, slots: number, stride: number, parts: number) =>
      new native.ReceiveAhead(
        receiver,
        new Uint8Array(16),
        slotBytes,
        slots,
        new Int32Array(4),
        new Uint8Array(16),
        stride,
        parts,
      );
    for (const wrong of [
      [4, 3, 1, 2],
      [4, 2, 5, 2],
      [-1, 2, 4, 2],
      [4, 2, 4, 3],
      [4, 2, 4, 0],
      [4, 2, 4, -1],
      [4, -2, 4, 2],
      [4, 2, 4, 1 << 20],
    ] as [number, number, number, number][]) {
      expect(made(...wrong).next(), wrong.join()).toBe(-c.EINVAL);
    }
    expect(made(4, 2, 4, 2).next()).toBe(-c.EAGAIN);
    expect(made(4, 2, 4, 1).start()).toBe(-c.EINVAL);
    expect(
      () => new native.ReceiveAhead(0, 5 as never, 1, 1, new Int32Array(1), bytes(), 1, 2),
    ).toThrow(TypeError);
  });

  /** Two sockets in one user group: what one multicasts floods the other, without touching the system. */
  it.skipIf(withoutRoot)(
    "that overran (needs root to multicast) tells ENOBUFS, and later events arrive",
    async () => {
      const NETLINK_USERSOCK = 2;
      const group = (bits: number) => bytes(16, 0, 0, 0, 0, 0, 0, 0, bits, 0, 0, 0);
      const fd = native.socket(c.AF_NETLINK, c.SOCK_RAW, NETLINK_USERSOCK);
      expect(native.bind(fd, group(1))).toBe(0);
      expect(native.setOption(fd, c.SOL_SOCKET, c.SO_RCVBUF, word(1))).toBe(0);
      const sender = open(c.AF_NETLINK, c.SOCK_RAW, NETLINK_USERSOCK);
      const answers: number[] = [];
      const into = new Uint8Array(4096);
      const lengths = new Int32Array(1);
      const poll = new native.Poll(fd, () => {
        answers.push(native.receiveBatch(fd, into, 4096, 1, lengths));
      });
      poll.start(native.READABLE);
      for (let i = 0; i < 100; i++) native.sendTo(sender, new Uint8Array(1000), group(1));
      await turn();
      expect(answers).toContain(-c.ENOBUFS);
      const seen = answers.length;
      native.sendTo(sender, bytes(1, 2, 3), group(1));
      await turn();
      expect(answers.slice(seen)).toEqual([1]);
      expect(lengths[0]).toBe(3);
      poll.close();
      await turn();
    },
  );
});

describe("the system", () => {
  it("knows interfaces", () => {
    expect(native.interfaceIndex("lo")).toBe(1);
    expect(native.interfaceMtu("lo")).toBeGreaterThan(1000);
    expect(native.interfaceFlags("lo") & c.IFF_LOOPBACK).toBe(c.IFF_LOOPBACK);
    for (const name of ["", "none-such", "a-name-that-is-too-long", "lo\0"]) {
      expect(native.interfaceIndex(name)).toBe(-c.ENODEV);
    }
  });

  /** The namespace has no name: it goes with the program that runs in it. */
  it.skipIf(withoutRoot)("knows links that are down (needs root to make one)", () => {
    const script = `
      const native = require(process.argv[1]);
      require("node:child_process").execFileSync("ip", "link add fkwest type veth peer name fkeast".split(" "));
      const ask = () => ["fkwest", "fkeast", "lo"].map((name) =>
        [native.interfaceIndex(name), native.interfaceMtu(name), native.interfaceFlags(name) & ${c.IFF_UP}]);
      console.log(JSON.stringify(ask()), Object.keys(require("node:os").networkInterfaces()).length);`;
    const env = { ...process.env, PATH: `${process.env["PATH"]}:/usr/sbin:/sbin` };
    const command = ["--net", process.execPath, "-e", script, native.binaryPath];
    const out = execFileSync("unshare", command, { encoding: "utf8", env });
    expect(out).toMatch(/^\[\[\d+,1500,0\],\[\d+,1500,0\],\[1,65536,0\]\] 0\n$/);
  });

  it("has the words of C for errors", () => {
    expect(native.errnoText(c.EPERM)).toBe("Operation not permitted");
    expect(native.errnoText(-c.ENOBUFS)).toBe("No buffer space available");
    expect(native.errnoName(-c.ENOBUFS)).toBe("ENOBUFS");
    expect(native.errnoText(4095)).toBe("Unknown error 4095");
    expect(native.errnoName(4095)).toBe("Unknown error 4095");
  });

  it("sets the scheduler of every thread, and refuses nonsense", () => {
    const threads = readdirSync("/proc/self/task").length;
    expect(native.setScheduler(c.SCHED_OTHER, 0)).toBeGreaterThanOrEqual(Math.min(threads, 2));
    expect(native.setScheduler(c.SCHED_OTHER, 50)).toBe(-c.EINVAL);
  });

  it("has a clock that stands still while the loop does not turn", async () => {
    const start = native.loopTime();
    expect(Number.isInteger(start) && start > 0).toBe(true);
    const until = performance.now() + 20;
    while (performance.now() < until);
    expect(native.loopTime()).toBe(start);
    await new Promise((resolve) => setTimeout(resolve, 20));
    const passed = native.loopTime() - start;
    expect(passed).toBeGreaterThanOrEqual(39);
    expect(passed).toBeLessThan(10_000);
  });

  it("has a loop that need not rest after it has waited", () => {
    const script = `
      const native = require(process.argv[1]);
      const fd = native.timerCreate();
      native.restAfter(500_000, 500_000, 500_000);
      let first;
      const poll = new native.Poll(fd, () => {
        native.read(fd, new Uint8Array(8), 0, 8);
        native.timerArm(fd, 1);
        first ??= process.hrtime();
        if (++calls < 3) return;
        const [seconds, nanoseconds] = process.hrtime(first);
        console.log(seconds * 1000 + nanoseconds / 1e6 < 400);
        poll.close();
      });
      let calls = 0;
      native.timerArm(fd, 600_000);
      poll.start(1);`;
    const out = execFileSync(process.execPath, ["-e", script, native.binaryPath], {
      encoding: "utf8",
    });
    expect(out).toBe("true\n");
  });

  it("has a loop rest that never waits, and no other", () => {
    const script = `
      const native = require(process.argv[1]);
      const status = () => require("node:fs").readFileSync("/proc/thread-self/status", "utf8");
      const pauses = () => Number(/^voluntary_ctxt_switches:\\s+(\\d+)/m.exec(status())[1]);
      const busy = (turns, done) => {
        const until = process.cpuUsage().user + 1000;
        while (process.cpuUsage().user < until);
        if (turns > 0) setImmediate(busy, turns - 1, done);
        else done();
      };
      const refused = [[0, 1, 1], [5, 10, 1], [10, 5, 6], [2e6, 1, 1]].map((each) => native.restAfter(...each));
      const before = pauses();
      busy(200, () => {
        const between = pauses();
        const taken = native.restAfter(20000, 2000, 100);
        busy(200, () => console.log(JSON.stringify([refused, taken, between - before, pauses() - between])));
      });`;
    const argv = ["-e", script, native.binaryPath];
    const out = execFileSync(process.execPath, argv, { encoding: "utf8" });
    const [refused, taken, without, pauses] = JSON.parse(out) as [number[], number, number, number];
    expect(refused).toEqual([-c.EINVAL, -c.EINVAL, -c.EINVAL, -c.EINVAL]);
    expect(taken).toBe(0);
    // 200 ms of work: 20 until the first rest, then one for each 2.
    expect(pauses - without).toBeGreaterThan(40);
  });

  it("duplicates descriptors and disarms timers", () => {
    const fd = native.timerCreate();
    const spare = open(c.AF_INET, c.SOCK_DGRAM);
    expect(native.dup2(fd, spare)).toBe(spare);
    expect(native.timerArm(spare, 1)).toBe(0);
    expect(native.timerArm(fd, 0)).toBe(0);
    expect(native.read(fd, new Uint8Array(8), 0, 8)).toBe(-c.EAGAIN);
    expect(native.close(fd)).toBe(0);
    expect(native.dup2(-1, spare)).toBe(-c.EBADF);
  });
});
