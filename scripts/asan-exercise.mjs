// Calls every function of an addon binary, many times, and ends: `test-asan.mjs` runs it under the
// address sanitizer. It judges nothing but this: no export of the addon was left out.
//
// Usage: node asan-exercise.mjs BINARY [leak]. With `leak`, the leaks of a planted binary happen.

import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";

const rounds = 100;
/** Turns of the loop and threads cost more. */
const pollRounds = 20;
const workers = 4;

const [binary, mode] = process.argv.slice(2);
const called = new Set();
const loaded = createRequire(import.meta.url)(binary);
/** The addon, writing down what is used. */
const native = new Proxy(loaded, {
  get(target, name) {
    called.add(name);
    return target[name];
  },
});

const [unix, inet, netlink, stream, datagram, raw] = [1, 2, 16, 1, 2, 3];
const [socketLevel, reuseAddress] = [1, 2];
const [udpLevel, udpGro] = [17, 104];
const turn = () => new Promise((resolve) => setImmediate(resolve));
const bytes = (...values) => Uint8Array.from(values);

function bound(type) {
  const fd = native.socket(inet, type, 0);
  const address = bytes(inet, 0, 0, 0, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0);
  native.bind(fd, address);
  native.getsockname(fd, address);
  return { fd, address };
}

/** One that is awaited, one that is closed while it may be on its way, and one that nobody closes. */
function receiveAhead(fd, sender, arena, address) {
  const made = () => {
    const slots = [arena.subarray(0, 40), 10, 2, new Int32Array(4), new Uint8Array(64), 16];
    return new native.ReceiveAhead(fd, ...slots, 2);
  };
  const [awaited, closed, forgotten] = [made(), made(), made()];
  for (let i = 0; i < 5; i++) native.sendTo(sender, arena.subarray(0, 10), address);
  awaited.next();
  awaited.start();
  awaited.next();
  awaited.next();
  awaited.stop();
  awaited.close();
  closed.start();
  closed.close();
  forgotten.start();
}

/** Arenas end where the last byte goes, so that one byte more is one too many. */
function datagrams() {
  const { fd, address } = bound(datagram);
  const sender = native.socket(inet, datagram, 0);
  const arena = new Uint8Array(3000).fill(7);
  const offsets = Int32Array.of(0, 1000, 2000);
  const lengths = new Int32Array(3).fill(1000);
  const addresses = new Uint8Array([...address, ...address, ...address]);
  native.sendBatchTo(sender, arena, offsets, lengths, addresses, 16, 3);
  native.receiveBatchFrom(fd, arena, 1000, 3, lengths, new Uint8Array(84), 28);
  native.sendBatch(sender, arena, offsets, lengths, 1, 2, address);
  // No cut addresses: the sanitizer believes that the kernel wrote their true length.
  native.receiveBatchFrom(fd, arena, 1000, 2, lengths, new Uint8Array(32), 16);
  native.connect(sender, address);
  native.sendBatch(sender, arena, offsets, lengths, 0, 3, null);
  native.receiveBatch(fd, arena.subarray(0, 30), 10, 3, lengths);
  segments(sender, arena);
  native.send(sender, arena, 2990, 10);
  native.receive(fd, arena, 2990, 10);
  native.sendTo(sender, arena, address);
  receiveAhead(fd, sender, arena, address);
  native.attachFilter(fd, bytes(6, 0, 0, 0, 0, 0, 0, 0));
  native.attachFilter(fd, new Uint8Array(0));
  native.close(fd);
  native.close(sender);
}

/** Two of one size and a shorter one, which come out as they went in, and as one. */
function segments(sender, arena) {
  const { fd, address } = bound(datagram);
  native.setOption(fd, udpLevel, udpGro, bytes(1, 0, 0, 0));
  const lengths = Int32Array.of(9, 9, 3);
  const offsets = Int32Array.of(0, 1000, 2997);
  native.sendSegments(sender, arena, offsets, lengths, 0, 3, address);
  native.receiveSegments(fd, arena.subarray(0, 42), 21, 2, lengths, new Int32Array(2));
  native.close(fd);
}

/** More messages than one system call carries. */
function manyDatagrams() {
  const { fd, address } = bound(datagram);
  const zeroes = new Int32Array(1500);
  native.sendBatch(fd, new Uint8Array(1), zeroes, zeroes, 0, 1500, address);
  native.receiveBatch(fd, new Uint8Array(1500), 1, 1500, zeroes);
  native.close(fd);
}

function streams() {
  const server = bound(stream);
  const option = new Uint8Array(4);
  native.getOption(server.fd, socketLevel, reuseAddress, option);
  native.setOption(server.fd, socketLevel, reuseAddress, option);
  native.listen(server.fd, 2);
  const client = native.socket(inet, stream, 0);
  native.connect(client, server.address);
  const peer = native.accept(server.fd);
  native.send(client, bytes(1, 2), 0, 2);
  native.receive(peer, new Uint8Array(2), 0, 2);
  native.shutdown(client, 2);
  for (const fd of [server.fd, client, peer]) native.close(fd);
}

function system() {
  const timer = native.timerCreate();
  native.timerArm(timer, 1);
  native.read(timer, new Uint8Array(8), 0, 8);
  native.close(native.dup2(timer, native.socket(unix, datagram, 0)));
  native.close(timer);
  for (const name of ["lo", "", "none-such", "a name that is much too long for a link"]) {
    native.interfaceIndex(name);
    native.interfaceMtu(name);
    native.interfaceFlags(name);
  }
  for (const error of [1, -105, 4095, -(2 ** 31)]) {
    native.errnoName(error);
    native.errnoText(error);
  }
  native.setScheduler(0, 0);
  native.setScheduler(0, 99);
  native.restAfter(1000, 1000, 1);
}

/** An answer of the kernel, and nonsense of every kind. */
function refusals() {
  const fd = native.socket(netlink, raw, 0);
  const request = bytes(20, 0, 0, 0, 18, 0, 1, 3, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0); // RTM_GETLINK
  native.send(fd, request, 0, 20);
  native.receive(fd, new Uint8Array(65536), 0, 65536);
  native.close(fd);
  const wrong = [undefined, null, "text", 1.5, 2 ** 53, -1, {}, new Int32Array(2), bytes(1)];
  for (const [name, value] of Object.entries(loaded)) {
    if (name === "leak" || name === "setScheduler" || name === "dup2") continue;
    for (const each of wrong) {
      try {
        const answer = name === "Poll" ? new value(-1, each) : value(-1, ...Array(6).fill(each));
        if (name === "timerCreate") native.close(answer);
      } catch (error) {
        if (!(error instanceof TypeError)) throw error;
      }
    }
  }
}

async function polls() {
  const timer = native.timerCreate();
  native.timerArm(timer, 1);
  await new Promise((resolve) => {
    const poll = new native.Poll(timer, () => {
      poll.stop();
      poll.start(3);
      poll.close();
      resolve();
    });
    poll.start(1);
  });
  new native.Poll(native.timerCreate(), () => {}).close();
  new native.Poll(native.timerCreate(), () => {}); // Nobody closes this one.
  const stopped = new native.Poll(native.timerCreate(), () => {});
  stopped.start(2);
  stopped.stop();
  await turn();
}

/** One whose answer is awaited, one that is still on its way when the bytes are forgotten. */
async function background() {
  const { fd, address } = bound(datagram);
  native.connect(fd, address);
  native.sendInBackground(fd, new Uint8Array(1000), 1000, () => {});
  await new Promise((resolve) => native.sendInBackground(fd, new Uint8Array(10), 10, resolve));
  native.hasRoom(fd);
  native.loopTime();
  native.turnTime();
  native.close(fd);
  await turn();
}

/** A thread that ends while a poll of its own waits and its loop is looked at for rests. */
function thread() {
  const script = `
    const { parentPort, workerData } = require("node:worker_threads");
    const native = require(workerData);
    const poll = new native.Poll(native.timerCreate(), () => {});
    poll.start(1);
    native.restAfter(1000, 1000, 1);
    parentPort.postMessage("started");`;
  const worker = new Worker(script, { eval: true, workerData: binary });
  return new Promise((resolve, reject) => {
    worker.once("message", () => resolve(worker.terminate()));
    worker.once("error", reject);
  });
}

for (let i = 0; i < rounds; i++) {
  datagrams();
  streams();
  system();
  refusals();
}
for (let i = 0; i < 10; i++) manyDatagrams();
for (let i = 0; i < pollRounds; i++) await polls();
for (let i = 0; i < rounds; i++) await background();
for (let i = 0; i < workers; i++) await thread();
if (mode === "leak") for (let i = 0; i < 10; i++) loaded.leak(100);

const left = Object.keys(loaded).filter((name) => name !== "leak" && !called.has(name));
if (left.length > 0) throw new Error(`never called: ${left.join(", ")}`);
console.log(`exercised ${called.size} functions`);
