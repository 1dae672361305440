import { beforeEach, describe, expect, it } from "vitest";
import { messageWords, readDatagram } from "../../test/support/dialogue.ts";
import { plainFlow } from "../../test/support/kernel-flows.ts";
import { Arena, NULL_REF } from "../cache/arena.ts";
import { FlowCache } from "../cache/flow-cache.ts";
import { State } from "../cache/record.ts";
import { WIRE_EVERYTHING } from "../flow/wire-table.ts";
import { Ftfw, type FtfwOptions } from "./ftfw.ts";
import { CachedInternal } from "./internal.ts";
import { Flag, MessageType } from "./message.ts";
import { Outbox } from "./outbox.ts";
import { Verdict } from "./protocol.ts";
import { Transmitter } from "./transmitter.ts";

const { CT_NEW, CT_UPD, CTL } = MessageType;
const { ACK, NACK, ALIVE, HELLO, HELLO_BACK, RESYNC } = Flag;
/** First sequence number of the machine under test. */
const FIRST = 500;

class Bench {
  readonly cache: FlowCache;
  readonly outbox: Outbox;
  readonly protocol: Ftfw;
  readonly internal: CachedInternal;
  resyncs = 0;

  constructor(
    options: Partial<FtfwOptions> = {},
    outbox = new Outbox(1472, 64),
    firstSequence = FIRST,
  ) {
    this.outbox = outbox;
    const arena = new Arena();
    this.protocol = new Ftfw(
      new Transmitter(arena, this.outbox, () => firstSequence),
      { window: 300, resendQueueSize: 1000, ...options },
      {
        onResync: () => {
          this.resyncs += 1;
        },
        onForget: (ref) => this.cache.remove(ref),
      },
      0,
    );
    this.cache = new FlowCache({
      limit: 1000,
      seed: 1,
      mask: WIRE_EVERYTHING,
      fromKernel: true,
      queues: this.protocol.queues,
      arena,
    });
    this.internal = new CachedInternal(this.cache, this.protocol);
  }

  /** Send everything; the messages in words. */
  sent(now = 0): string[] {
    const out: string[] = [];
    for (let done = false; !done; ) {
      done = this.protocol.transmit(now);
      for (let i = 0; i < this.outbox.count; i++) {
        const at = this.outbox.offsets[i]!;
        const bytes = this.outbox.bytes.slice(at, at + this.outbox.lengths[i]!);
        out.push(...readDatagram(bytes).map(messageWords));
      }
      this.outbox.clear();
    }
    return out;
  }

  data(sequence: number, flags = 0): Verdict {
    return this.protocol.receive(CT_NEW, flags, sequence, 0, 0);
  }

  control(flags: number, sequence: number, from = 0, to = 0): Verdict {
    return this.protocol.receive(CTL, flags, sequence, from, to);
  }

  /** Silence until `now` at least. */
  idle(now = 0): void {
    this.protocol.tick(Math.max(now, this.protocol.nextDeadline()));
  }

  /** Both have greeted: the machine says HELLO no more, and its peer is at sequence `last`. */
  greet(last = 1000): void {
    this.idle(0);
    this.sent();
    this.control(ALIVE | HELLO_BACK, last);
    this.idle(0);
    this.sent();
  }

  /** A flow named by its source port, as an event brings it. */
  event(kind: "new" | "update" | "destroy", port: number, mark?: number): void {
    const flow = plainFlow({ sourcePort: port, ...(mark === undefined ? {} : { mark }) });
    if (kind === "new") this.internal.created(flow, "elsewhere", 0);
    else if (kind === "update") this.internal.updated(flow, "elsewhere", 0);
    else this.internal.destroyed(flow, "elsewhere");
  }

  get resendSequences(): number[] {
    return [...this.protocol.resendList()].map((each) => each.sequence);
  }
}

const line = (type: string, sequence: number, port: number, mark?: number) =>
  `${type} ${sequence} tcp 10.1.1.1:${port} > 10.2.2.2:80${mark === undefined ? "" : ` mark=${mark}`}`;

let bench: Bench;
beforeEach(() => {
  bench = new Bench();
  bench.greet();
});
/** The number of the next message: greeting took two. */
const NEXT = FIRST + 2;

describe("enqueue", () => {
  it("sends what an object is when it is sent, not what it was", () => {
    bench.event("new", 1);
    bench.event("update", 1, 7);
    bench.event("new", 2);
    expect(bench.sent()).toEqual([line("CT_UPD", NEXT, 1, 7), line("CT_NEW", NEXT + 1, 2)]);
  });

  it("keeps the place of an object that waits already", () => {
    bench.event("new", 1);
    bench.event("new", 2);
    bench.event("update", 1);
    expect(bench.sent()).toEqual([line("CT_UPD", NEXT, 1), line("CT_NEW", NEXT + 1, 2)]);
  });

  it("moves an object from the resend queue to the transmit queue and forgets its number", () => {
    bench.event("new", 1);
    bench.event("new", 2);
    bench.sent();
    expect(bench.resendSequences).toContain(NEXT);
    bench.event("update", 1);
    expect(bench.resendSequences).not.toContain(NEXT);
    expect(bench.sent()).toEqual([line("CT_UPD", NEXT + 2, 1)]);
    expect(bench.resendSequences.slice(-2)).toEqual([NEXT + 1, NEXT + 2]);
  });

  it("keeps a dead object until its end is acknowledged", () => {
    bench.event("new", 1);
    bench.sent();
    bench.event("destroy", 1);
    expect([bench.cache.entries, bench.cache.active]).toEqual([1, 0]);
    expect(bench.sent()).toEqual([line("CT_DEL", NEXT + 1, 1)]);
    bench.control(ACK, 1001, NEXT + 1, NEXT + 1);
    expect(bench.cache.entries).toBe(0);
  });

  it("forgets the end of a flow whose successor has the same identity", () => {
    bench.event("new", 1);
    bench.event("destroy", 1);
    bench.event("new", 1, 9);
    expect(bench.cache.entries).toBe(1);
    expect(bench.sent()).toEqual([line("CT_NEW", NEXT, 1, 9)]);
  });

  it("makes a dead flow that changes a new one: nothing of the old remains", () => {
    bench.event("new", 1, 7);
    bench.sent();
    bench.event("destroy", 1);
    bench.event("update", 1);
    expect([bench.cache.entries, bench.cache.active]).toEqual([1, 1]);
    expect(bench.sent()).toEqual([line("CT_NEW", NEXT + 1, 1)]);
  });
});

describe("transmit", () => {
  it("gives control messages and data one row of numbers, and remembers all but ALIVE", () => {
    const before = bench.resendSequences;
    bench.event("new", 1);
    bench.protocol.requestResync();
    bench.sent();
    bench.idle(0);
    bench.sent();
    bench.idle(0);
    expect(bench.sent()).toEqual([`ALIVE ${NEXT + 3}`]);
    expect(bench.resendSequences).toEqual([...before, NEXT, NEXT + 1]);
  });

  it("restarts the idle timer, and does so only where something was sent", () => {
    bench.protocol.transmit(5000);
    expect(bench.protocol.nextDeadline()).toBe(1000);
    bench.event("new", 1);
    bench.sent(5000);
    expect(bench.protocol.nextDeadline()).toBe(6000);
  });

  it("goes on where a full outbox stopped it", () => {
    // 2 datagrams of 1472 bytes do not hold them.
    const narrow = new Bench({}, new Outbox(1472, 2));
    for (let port = 1; port <= 900; port++) narrow.event("new", port);
    expect(narrow.protocol.transmit(0)).toBe(false);
    const words = narrow.sent();
    expect(words).toHaveLength(900);
    expect(words[899]).toBe(line("CT_NEW,HELLO", FIRST + 899, 900));
  });

  it("drops the oldest from a full resend queue, and counts it", () => {
    const small = new Bench({ resendQueueSize: 5 });
    for (let port = 1; port <= 20; port++) small.event("new", port);
    small.sent();
    expect(small.resendSequences).toEqual([515, 516, 517, 518, 519]);
    expect(small.protocol.counters.resendOverflow).toBe(15);
    small.control(NACK, 1000, 500, 519);
    expect(small.sent()).toHaveLength(5);
  });

  it("lets a dead object that overflows vanish at once", () => {
    const small = new Bench({ resendQueueSize: 1 });
    small.event("new", 1);
    small.event("destroy", 1);
    small.event("new", 2);
    small.sent();
    expect(small.cache.entries).toBe(1);
  });

  it("survives a resend queue of no size", () => {
    const none = new Bench({ resendQueueSize: 0 });
    for (let port = 1; port <= 3; port++) none.event("new", port);
    none.event("destroy", 2);
    expect(none.sent()).toHaveLength(3);
    none.idle(0);
    none.sent();
    expect(none.protocol.transmitQueue.length).toBe(0);
    expect(none.protocol.unacknowledged).toBe([...none.protocol.resendList()].length);
    none.event("update", 1);
    expect(none.sent()).toHaveLength(1);
  });
});

describe("hello", () => {
  it("is said on every message until HELLO_BACK is seen", () => {
    const fresh = new Bench();
    fresh.idle(0);
    fresh.event("new", 1);
    expect(fresh.sent()).toEqual([`ALIVE,HELLO ${FIRST}`, line("CT_NEW,HELLO", FIRST + 1, 1)]);
    fresh.data(7, HELLO_BACK);
    fresh.idle(0);
    expect(fresh.sent()).toEqual([`ACK ${FIRST + 2} [7-7]`]);
  });

  it("is not answered before it was said: a HELLO_BACK that nobody asked for changes nothing", () => {
    const fresh = new Bench();
    fresh.data(7, HELLO_BACK);
    fresh.idle(0);
    expect(fresh.sent()).toEqual([`ACK,HELLO ${FIRST} [7-7]`]);
  });

  it("is answered on the very next message, once", () => {
    bench.data(1001, HELLO);
    bench.event("new", 1);
    bench.event("new", 2);
    expect(bench.sent()).toEqual([line("CT_NEW,HELLO_BACK", NEXT, 1), line("CT_NEW", NEXT + 1, 2)]);
  });

  it("makes any number the new reference, even an older one", () => {
    expect(bench.data(20, HELLO)).toBe(Verdict.data);
    expect(bench.data(21)).toBe(Verdict.data);
    expect(bench.protocol.counters).toMatchObject({ lost: 0, before: 0 });
    expect(bench.data(1001)).toBe(Verdict.data);
    expect(bench.protocol.counters.lost).toBe(1001 - 21 + 1);
  });

  it("drops the resend queue: dead objects go, the living are not sent again", () => {
    bench.event("new", 1);
    bench.event("new", 2);
    bench.event("destroy", 2);
    bench.sent();
    const { controls } = bench.protocol;
    expect(controls).toBeGreaterThan(0);
    bench.data(1001, HELLO);
    expect(bench.protocol.unacknowledged).toBe(0);
    expect(bench.protocol.controls).toBe(0);
    expect(bench.cache.entries).toBe(1);
    expect(bench.sent()).toEqual([]);
  });

  it("stays on a control message that is sent again", () => {
    const fresh = new Bench();
    fresh.data(1000);
    fresh.idle(0);
    expect(fresh.sent()).toEqual([`ACK,HELLO ${FIRST} [1000-1000]`]);
    fresh.control(NACK | HELLO_BACK, 1001, FIRST, FIRST);
    expect(fresh.sent()).toEqual([`ACK,HELLO ${FIRST + 1} [1000-1000]`]);
  });

  it("moves the start of the pending range back with the numbers", () => {
    bench.data(1001);
    bench.data(1002);
    bench.data(900, HELLO);
    bench.idle(0);
    expect(bench.sent()).toEqual([`ACK,HELLO_BACK ${NEXT} [900-900]`]);
  });
});

describe("acknowledgement", () => {
  it("is forced when the window is used up, counted from the last forced one", () => {
    const narrow = new Bench({ window: 10 });
    narrow.data(5000);
    for (let i = 5001; i <= 5003; i++) narrow.data(i);
    narrow.idle(0);
    expect(narrow.sent()).toEqual([`ACK,HELLO ${FIRST} [5000-5003]`]);
    for (let i = 5004; i <= 5008; i++) narrow.data(i);
    expect(narrow.sent()).toEqual([]);
    // The timer's acknowledgement did not reset the window: this is the tenth message.
    narrow.data(5009);
    expect(narrow.sent()).toEqual([`ACK,HELLO ${FIRST + 1} [5004-5009]`]);
    for (let i = 5010; i <= 5018; i++) narrow.data(i);
    expect(narrow.sent()).toEqual([]);
    narrow.data(5019);
    expect(narrow.sent()).toEqual([`ACK,HELLO ${FIRST + 2} [5010-5019]`]);
  });

  it("comes from the idle timer for what is pending, else ALIVE", () => {
    bench.data(1001);
    bench.idle(3000);
    expect(bench.protocol.nextDeadline()).toBe(4000);
    expect(bench.sent(3000)).toEqual([`ACK ${NEXT} [1001-1001]`]);
    bench.idle(4000);
    expect(bench.sent(4000)).toEqual([`ALIVE ${NEXT + 1}`]);
  });

  it("is not asked of a link that takes nothing", () => {
    bench.protocol.requestResync();
    for (let now = 1000; now < 9000; now += 1000) bench.idle(now);
    expect(bench.protocol.transmitQueue.length).toBe(1);
  });

  it("covers control messages too", () => {
    bench.control(ALIVE, 1001);
    bench.control(ACK, 1002, 1, 1);
    bench.idle(0);
    expect(bench.sent()).toEqual([`ACK ${NEXT} [1001-1002]`]);
  });

  it("is given for each message with ACKWindowSize 1, after a gap as before", () => {
    const one = new Bench({ window: 1 });
    one.data(10);
    one.data(11);
    one.data(14);
    one.data(15);
    expect(one.sent().map((each) => each.replace(/ \d+ /, " "))).toEqual([
      "ACK,HELLO [10-10]",
      "ACK,HELLO [11-11]",
      "NACK,HELLO [12-13]",
      "ACK,HELLO [14-15]",
    ]);
  });

  it("releases exactly the range, the ends included", () => {
    for (let port = 1; port <= 5; port++) bench.event("new", port);
    bench.sent();
    bench.control(ACK, 1001, NEXT + 1, NEXT + 3);
    expect(bench.resendSequences.filter((each) => each >= NEXT)).toEqual([NEXT, NEXT + 4]);
  });

  it("is bad when it ends before it begins", () => {
    expect(bench.control(ACK, 1001, 5, 4)).toBe(Verdict.bad);
    // A bad header does not use its number up.
    expect(bench.data(1001)).toBe(Verdict.data);
  });
});

describe("a gap", () => {
  it("is answered by ACK and NACK, in this order", () => {
    bench.data(1001);
    expect(bench.data(1005)).toBe(Verdict.data);
    expect(bench.sent()).toEqual([`ACK ${NEXT} [1001-1001]`, `NACK ${NEXT + 1} [1002-1004]`]);
    bench.idle(0);
    expect(bench.sent()).toEqual([`ACK ${NEXT + 2} [1005-1005]`]);
  });

  it("is answered by NACK alone where nothing is pending", () => {
    bench.data(1001 + 1);
    expect(bench.sent()).toEqual([`NACK ${NEXT} [1001-1001]`]);
  });

  it("of three counts five lost, as scripts know it", () => {
    bench.data(1001);
    bench.data(1005);
    expect(bench.protocol.counters.lost).toBe(5);
  });

  it("starts the window again", () => {
    const narrow = new Bench({ window: 4 });
    for (const each of [10, 11, 12]) narrow.data(each);
    narrow.data(20);
    narrow.sent();
    narrow.data(21);
    narrow.data(22);
    expect(narrow.sent()).toEqual([]);
    narrow.data(23);
    expect(narrow.sent()[0]).toContain("[20-23]");
  });

  it("leaves everything as it was when its message is bad", () => {
    bench.data(1001);
    expect(bench.protocol.receive(7, 0, 1005, 0, 0)).toBe(Verdict.bad);
    expect(bench.sent()).toEqual([]);
    expect(bench.data(1002)).toBe(Verdict.data);
  });
});

describe("an old message", () => {
  it("is dropped without an answer", () => {
    bench.data(1001);
    bench.data(1005);
    bench.sent();
    expect(bench.data(1003)).toBe(Verdict.drop);
    expect(bench.data(1005)).toBe(Verdict.drop);
    expect(bench.protocol.counters.before).toBe(2);
    expect(bench.data(1006)).toBe(Verdict.data);
    expect(bench.sent()).toEqual([]);
  });
});

describe("NACK", () => {
  it("brings an object again under a new number, with its present content", () => {
    bench.event("new", 1);
    bench.event("new", 2);
    bench.sent();
    bench.event("new", 3);
    bench.control(NACK, 1001, NEXT, NEXT + 1);
    bench.event("update", 2, 8);
    expect(bench.sent()).toEqual([
      line("CT_NEW", NEXT + 2, 3),
      line("CT_NEW", NEXT + 3, 1),
      line("CT_UPD", NEXT + 4, 2, 8),
    ]);
  });

  it("for content that was superseded brings nothing", () => {
    bench.event("new", 1);
    bench.sent();
    bench.event("update", 1);
    bench.sent();
    bench.control(NACK, 1001, NEXT, NEXT);
    expect(bench.sent()).toEqual([]);
  });

  it("brings a lost NACK again with its own range", () => {
    bench.data(1005);
    expect(bench.sent()).toEqual([`NACK ${NEXT} [1001-1004]`]);
    bench.control(NACK, 1006, NEXT, NEXT);
    expect(bench.sent()).toEqual([`NACK ${NEXT + 1} [1001-1004]`]);
  });

  it("finds nothing where an ALIVE was lost", () => {
    bench.idle(0);
    bench.sent();
    bench.idle(0);
    expect(bench.sent()).toEqual([`ALIVE ${NEXT + 1}`]);
    bench.control(NACK, 1001, NEXT + 1, NEXT + 1);
    expect(bench.sent()).toEqual([]);
  });

  it("is bad when it ends before it begins", () => {
    expect(bench.control(NACK, 1001, 9, 8)).toBe(Verdict.bad);
  });
});

describe("digest", () => {
  it("takes the first of ACK, NACK, RESYNC, ALIVE", () => {
    bench.event("new", 1);
    bench.sent();
    bench.control(ACK | NACK | RESYNC | ALIVE, 1001, NEXT, NEXT);
    expect(bench.resendSequences).not.toContain(NEXT);
    expect(bench.sent()).toEqual([]);
    expect(bench.resyncs).toBe(0);
  });

  it("asks for everything on RESYNC", () => {
    expect(bench.control(RESYNC, 1001)).toBe(Verdict.control);
    expect(bench.resyncs).toBe(1);
  });

  it.each([
    ["type 7", 7, 0],
    ["control without flags", CTL, 0],
    ["data with ACK", CT_NEW, ACK],
    ["data with ALIVE", CT_UPD, ALIVE],
    ["data with the unused bit", CT_UPD, 1],
  ])("refuses %s", (_name, type, flags) => {
    expect(bench.protocol.receive(type, flags, 1001, 0, 0)).toBe(Verdict.bad);
  });
});

describe("sequence numbers", () => {
  it("wrap in both directions", () => {
    const wrap = new Bench({}, new Outbox(1472, 64), 0xfffffffe);
    for (let port = 1; port <= 4; port++) wrap.event("new", port);
    wrap.sent();
    expect(wrap.resendSequences).toEqual([0xfffffffe, 0xffffffff, 0, 1]);
    wrap.data(0xffffffff | 0, HELLO_BACK);
    expect(wrap.data(0)).toBe(Verdict.data);
    wrap.control(ACK, 1, 0xffffffff | 0, 0);
    expect(wrap.resendSequences).toEqual([0xfffffffe, 1]);
    expect(wrap.data(5)).toBe(Verdict.data);
    expect(wrap.sent()).toEqual([`ACK 2 [4294967295-1]`, `NACK 3 [2-4]`]);
  });
});

describe("clearing the cache", () => {
  it("keeps the control messages where they waited, with their numbers, and counts them once", () => {
    bench.protocol.requestResync();
    bench.event("new", 1);
    bench.sent();
    bench.event("new", 2);
    bench.data(1003);
    const { controls } = bench.protocol;
    const kept = [...bench.protocol.resendList()].filter((each) => each.control);
    bench.internal.clear();
    expect(bench.cache.entries).toBe(0);
    expect([...bench.protocol.resendList()]).toEqual(kept);
    expect(bench.protocol.controls).toBe(controls);
    expect(bench.sent()).toEqual([`NACK ${NEXT + 2} [1001-1002]`]);
  });
});

describe("a silent change", () => {
  it("is not sent, and the end of a flow so ended is not either", () => {
    const flow = plainFlow({ sourcePort: 1 });
    bench.internal.created(flow, "silent", 0);
    bench.internal.updated(flow, "silent", 0);
    expect(bench.cache.state(bench.cache.find(flow))).toBe(State.alive);
    bench.internal.destroyed(flow, "silent");
    expect(bench.cache.find(flow)).toBe(NULL_REF);
    expect(bench.sent()).toEqual([]);
  });
});
