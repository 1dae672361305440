/**
 * Nodes on a network with virtual time. A seed decides which datagrams are lost, come twice or come
 * late; the engines are the ones that production runs.
 */
import type { FlowRegister } from "../../src/flow/register.ts";
import type { Journal } from "../../src/kit/journal.ts";
import { seededRandom } from "../../src/kit/random.ts";
import { Engine, type EngineOptions } from "../../src/sync/engine.ts";
import { Flag } from "../../src/sync/message.ts";
import { readDatagram } from "./dialogue.ts";
import { FakeKernel, PORTS } from "./kernel.ts";
import type { EventKind } from "./kernel-flows.ts";

export interface Weather {
  /** Probabilities, 0 to 1. */
  readonly loss: number;
  readonly duplicate: number;
  /** Milliseconds on the way: at least, and how much more at most. */
  readonly delay: number;
  readonly jitter: number;
}

export const FAIR: Weather = { loss: 0, duplicate: 0, delay: 0, jitter: 0 };

export class RecordingJournal implements Journal {
  readonly lines: string[] = [];
  notice = (text: string): void => void this.lines.push(text);
  warning = (text: string): void => void this.lines.push(`warning: ${text}`);
  error = (text: string): void => void this.lines.push(`error: ${text}`);
  flow = (text: string): void => void this.lines.push(`flow: ${text}`);
  errnoText = (errno: number): string => `errno ${errno}`;
}

export function engineOptions(overrides: Partial<EngineOptions> = {}): EngineOptions {
  return {
    hashLimit: 100_000,
    hashSeed: 42,
    datagramLimit: 1472,
    datagramSlots: 64,
    mode: { kind: "ftfw", window: 300, resendQueueSize: 131_072 },
    commitTimeout: 0,
    purgeTimeout: 60,
    overrunResync: 30,
    pollInterval: 0,
    externalCache: true,
    windowTracking: false,
    firstSequence: () => 1000,
    filter: () => true,
    filteredByKernel: false,
    flowLine: () => "a flow",
    microseconds: () => 0,
    ...overrides,
  };
}

/** An engine with a kernel and a log, and the time of day handed to it. */
export class Node {
  readonly name: string;
  readonly kernel: FakeKernel;
  readonly journal = new RecordingJournal();
  readonly engine: Engine;
  /** Whether the last message sent carried HELLO or HELLO_BACK. */
  greeting = true;
  readonly #words = new Int32Array(16385 + 4);
  readonly #bytes = new Uint8Array(this.#words.buffer);

  constructor(name: string, options: EngineOptions, now: number, kernel = new FakeKernel()) {
    this.name = name;
    this.kernel = kernel;
    this.engine = new Engine(options, kernel, this.journal, now);
    Object.assign(this.engine.ports, {
      commit: PORTS.commit,
      flush: PORTS.flush,
      inject: PORTS.inject,
    });
  }

  receive(datagram: Uint8Array, now: number): void {
    this.#bytes.set(datagram);
    this.engine.receiver.datagram(
      this.#words,
      this.#bytes,
      0,
      datagram.length,
      Math.floor(now / 1000),
    );
  }

  /** One turn of the loop: kernel events, timers, long work, then everything that waits goes out. */
  turn(now: number, send: (datagram: Uint8Array) => void): void {
    const { engine } = this;
    engine.tick(now);
    for (let turns = 0; turns < 10_000 && (this.kernel.waiting || engine.busy); turns++) {
      this.kernel.pump((bytes) => engine.kernelEvent(bytes, 0, bytes.length, now));
      engine.step(now);
    }
    for (;;) {
      const done = engine.transmit(now);
      const { outbox } = engine;
      for (let i = 0; i < outbox.count; i++) {
        const at = outbox.offsets[i]!;
        const bytes = outbox.bytes.slice(at, at + outbox.lengths[i]!);
        for (const each of readDatagram(bytes)) {
          this.greeting = (each.flags & (Flag.HELLO | Flag.HELLO_BACK)) !== 0;
        }
        send(bytes);
      }
      outbox.clear();
      if (done) return;
    }
  }

  /** Whether a message that waits for its acknowledgement would say HELLO when sent again. */
  get mayGreetAgain(): boolean {
    for (const { flags } of this.engine.protocol.resendList()) {
      if ((flags & (Flag.HELLO | Flag.HELLO_BACK)) !== 0) return true;
    }
    return false;
  }
}

interface Flight {
  readonly at: number;
  readonly order: number;
  readonly to: string;
  readonly from: string;
  readonly bytes: Uint8Array;
}

/** Two nodes and what lies between them. */
export class Network {
  now = 0;
  weather: Weather = FAIR;
  /** Nothing arrives while this holds. */
  partitioned = false;
  readonly nodes = new Map<string, Node>();
  /** Sees every datagram as it is sent; what it returns false for is lost. */
  onSend: (from: string, bytes: Uint8Array, now: number) => boolean = () => true;
  readonly sent = { datagrams: 0, lost: 0 };
  readonly #random: () => number;
  #flights: Flight[] = [];
  #order = 0;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  start(node: Node): Node {
    this.nodes.set(node.name, node);
    return node;
  }

  /** The process is gone; what it sent is still under way. */
  stop(name: string): void {
    this.nodes.delete(name);
  }

  node(name: string): Node {
    const node = this.nodes.get(name);
    if (node === undefined) throw new Error(`node ${name} runs`);
    return node;
  }

  change(name: string, kind: EventKind, flow: FlowRegister): void {
    this.node(name).kernel.change(kind, flow);
  }

  /** No greeting is under way, waits to be repeated, or is still owed. */
  get settled(): boolean {
    if (this.nodes.size < 2) return false;
    for (const node of this.nodes.values()) if (node.greeting || node.mayGreetAgain) return false;
    for (const { bytes } of this.#flights) {
      for (const { flags } of readDatagram(bytes)) {
        if ((flags & (Flag.HELLO | Flag.HELLO_BACK)) !== 0) return false;
      }
    }
    return true;
  }

  /** Let everybody act now, until nothing more can happen at this moment. */
  settleNow(): void {
    for (let again = true; again; ) {
      for (const node of this.nodes.values()) {
        node.turn(this.now, (bytes) => this.#launch(node.name, bytes));
      }
      again = this.#land();
    }
  }

  /** Let `ms` milliseconds pass. */
  advance(ms: number): void {
    const end = this.now + ms;
    this.settleNow();
    for (;;) {
      let next = end;
      for (const { at } of this.#flights) if (at < next) next = at;
      for (const { engine } of this.nodes.values()) {
        const deadline = engine.nextDeadline();
        if (deadline < next) next = deadline;
      }
      this.now = Math.max(this.now, next);
      this.settleNow();
      if (this.now >= end) return;
    }
  }

  #launch(from: string, bytes: Uint8Array): void {
    this.sent.datagrams += 1;
    const keep = this.onSend(from, bytes, this.now);
    const copies = this.#random() < this.weather.duplicate ? 2 : 1;
    for (let i = 0; i < copies; i++) {
      if (!keep || this.partitioned || this.#random() < this.weather.loss) {
        this.sent.lost += 1;
        continue;
      }
      const at = this.now + this.weather.delay + Math.floor(this.#random() * this.weather.jitter);
      const to = from === "A" ? "B" : "A";
      this.#flights.push({ at, order: this.#order++, from, to, bytes });
    }
  }

  /** Deliver what has arrived; whether anything had. */
  #land(): boolean {
    const due = this.#flights.filter((each) => each.at <= this.now);
    if (due.length === 0) return false;
    this.#flights = this.#flights.filter((each) => each.at > this.now);
    due.sort((a, b) => a.at - b.at || a.order - b.order);
    for (const each of due) this.nodes.get(each.to)?.receive(each.bytes, this.now);
    return true;
  }
}
