import { describe, expect, it } from "vitest";
import { datagram, message, messageWords, readDatagram } from "../../test/support/dialogue.ts";
import { PORTS } from "../../test/support/kernel.ts";
import { type EventKind, eventMessage, plainFlow } from "../../test/support/kernel-flows.ts";
import { engineOptions, Node } from "../../test/support/network.ts";
import { Arena } from "../cache/arena.ts";
import { Has0, IPPROTO_TCP, W } from "../flow/register.ts";
import { WIRE_EVERYTHING } from "../flow/wire-table.ts";
import { BypassInternal } from "./bypass.ts";
import type { EngineOptions } from "./engine.ts";
import type { CachedExternal } from "./external.ts";
import { Flag, MessageType } from "./message.ts";
import type { Mode } from "./modes.ts";
import { Notrack } from "./notrack.ts";
import { Outbox } from "./outbox.ts";
import { Transmitter } from "./transmitter.ts";

const { CT_NEW, CT_UPD, CT_DEL, CTL } = MessageType;
const notrack: Mode = { kind: "notrack", internalCache: true };
const bypass: Mode = { kind: "notrack", internalCache: false };
const alarm: Mode = { kind: "alarm", refreshTime: 10, cacheTimeout: 30 };

const start = (mode: Mode, options: Partial<EngineOptions> = {}) =>
  new Node("A", engineOptions({ mode, ...options }), 0);

/** Everything happens that can at `now`; the messages sent, flows named by their port. */
function turn(node: Node, now = 0): string[] {
  const out: string[] = [];
  node.turn(now, (bytes) => out.push(...readDatagram(bytes).map(messageWords)));
  return out.map((each) => each.replace(/^(CT_\w+) \d+ .*10\.1\.1\.1:(\d+) > \S+/, "$1 $2"));
}

const event = (node: Node, kind: EventKind, port: number, by = 0) => {
  const bytes = eventMessage(kind, plainFlow({ sourcePort: port }), by);
  node.engine.kernelEvent(bytes, 0, bytes.length, 0);
};

const told = (node: Node, type: number, sequence: number, port: number, now = 0, flags = 0) =>
  node.receive(message({ type, flags, sequence, flow: plainFlow({ sourcePort: port }) }), now);

const external = (node: Node) => node.engine.externalCache?.active;

describe("NOTRACK", () => {
  it("sends each change once, and forgets what ended with its last message", () => {
    const node = start(notrack);
    event(node, "new", 1);
    event(node, "new", 2);
    expect(turn(node)).toEqual(["CT_NEW 1", "CT_NEW 2"]);
    event(node, "update", 1);
    event(node, "destroy", 2);
    expect(turn(node)).toEqual(["CT_UPD 1", "CT_DEL 2"]);
    expect(node.engine.internalCache?.entries).toBe(1);
    expect(turn(node)).toEqual([]);
  });

  it("shows that it lives, a second after it last sent", () => {
    const node = start(notrack);
    expect(turn(node, 999)).toEqual([]);
    expect(turn(node, 1000)).toEqual(["ALIVE 1000"]);
    event(node, "new", 1);
    expect(turn(node, 1500)).toEqual(["CT_NEW 1"]);
    expect(turn(node, 2000)).toEqual([]);
    expect(turn(node, 2500)).toEqual(["ALIVE 1002"]);
    expect(node.engine.protocol.controls).toBe(0);
  });

  it("takes what comes in any order, and counts what is missing", () => {
    const node = start(notrack);
    told(node, CT_NEW, 10, 1);
    told(node, CT_NEW, 14, 2);
    told(node, CT_UPD, 12, 3, 0, Flag.HELLO | Flag.HELLO_BACK);
    told(node, CT_DEL, 13, 1);
    expect(external(node)).toBe(2);
    expect(node.engine.protocol.counters).toMatchObject({ lost: 5, before: 1 });
  });

  it("refuses the messages of other modes, and goes on from the last good number", () => {
    const node = start(notrack);
    told(node, CT_NEW, 10, 1);
    for (const flags of [Flag.ACK, Flag.NACK]) {
      node.receive(message({ type: CTL, flags, sequence: 99, from: 1, to: 2 }), 0);
    }
    node.receive(message({ type: CTL, sequence: 98 }), 0);
    node.receive(message({ type: 7, sequence: 97 }), 0);
    told(node, CT_NEW, 96, 2, 0, Flag.ALIVE);
    expect(node.engine.receiver.counters).toMatchObject({ malformed: 5, header: 5 });
    const { lost } = node.engine.protocol.counters;
    // Two too many for each gap, and each refused message seen as one behind number 10.
    expect(lost).toBe([99, 99, 98, 97, 96].reduce((sum, sequence) => sum + sequence - 9, 0));
    told(node, CT_NEW, 11, 2);
    expect(node.engine.protocol.counters).toMatchObject({ lost, before: 0 });
  });

  it("answers the request for everything, once more for all that come meanwhile", () => {
    const node = start(notrack);
    for (const port of [1, 2, 3]) event(node, "new", port);
    turn(node);
    const asked = message({ type: CTL, flags: Flag.RESYNC, sequence: 5, from: 0, to: 0 });
    node.receive(datagram(asked, asked, asked, asked), 0);
    expect(turn(node).sort()).toEqual(["CT_NEW 1", "CT_NEW 2", "CT_NEW 3"]);
    expect(node.journal.lines.slice(0, 2)).toEqual([
      "resync requested by other node",
      "sending bulk update",
    ]);
    expect(node.engine.busy).toBe(false);
  });

  it("asks for everything", () => {
    const node = start(notrack);
    node.engine.requestResync();
    expect(turn(node)).toEqual(["RESYNC 1000 [0-0]"]);
    expect(node.journal.lines).toEqual(["resync requested"]);
  });

  it("keeps a waiting request when the cache is emptied", () => {
    const node = start(notrack);
    event(node, "new", 1);
    node.engine.requestResync();
    node.engine.flush("internal");
    expect(turn(node)).toEqual(["RESYNC 1000 [0-0]"]);
  });
});

describe("NOTRACK without an internal cache", () => {
  it("tells each event as it is, and remembers nothing", () => {
    const node = start(bypass);
    for (const kind of ["new", "update", "update", "destroy"] as const) event(node, kind, 1);
    event(node, "new", 2, PORTS.commit);
    event(node, "new", 2, PORTS.inject);
    event(node, "destroy", 2, PORTS.flush);
    expect(turn(node)).toEqual(["CT_NEW 1", "CT_UPD 1", "CT_UPD 1", "CT_DEL 1"]);
    const { internal } = node.engine;
    expect(internal).toMatchObject({ counters: { created: 1, updated: 2, destroyed: 1 } });
    expect(node.engine.internalCache).toBeUndefined();
    expect(node.engine.protocol.transmitQueue.length).toBe(0);
  });

  it("needs no window scale in the end of a TCP flow", () => {
    const node = start(bypass, { windowTracking: true });
    const flow = plainFlow({ sourcePort: 1, protocol: IPPROTO_TCP, tcpState: 7 });
    flow.words[W.has0]! &= ~(Has0.wscaleOrig | Has0.wscaleReply);
    const bytes = eventMessage("destroy", flow);
    node.engine.kernelEvent(bytes, 0, bytes.length, 0);
    expect(turn(node)).toEqual(["CT_DEL 1 TIME_WAIT"]);
  });

  it("reads the kernel's table for who asks for everything, through the filter", () => {
    const node = start(bypass, { filter: (flow) => flow.words[W.origL4Src] !== 2 });
    for (const port of [1, 2, 3]) node.kernel.change("new", plainFlow({ sourcePort: port }));
    node.kernel.overrun();
    const asked = message({ type: CTL, flags: Flag.RESYNC, sequence: 5, from: 0, to: 0 });
    node.receive(datagram(asked, asked), 0);
    // Once for the first, once more for the second.
    const all = ["CT_NEW 1", "CT_NEW 1", "CT_NEW 3", "CT_NEW 3"];
    expect(turn(node).sort()).toEqual(all);
    expect(node.journal.lines).not.toContain("sending bulk update");
    node.engine.sendAll();
    expect(turn(node).sort()).toEqual(["CT_NEW 1", "CT_NEW 3"]);
  });

  it("leaves the kernel alone when caches are emptied", () => {
    const node = start(bypass);
    node.kernel.change("new", plainFlow({ sourcePort: 1 }));
    node.engine.flush("all");
    node.engine.flush("internal");
    turn(node);
    expect(node.kernel.flows.size).toBe(1);
    node.engine.flushKernel();
    turn(node);
    expect(node.kernel.flows.size).toBe(0);
  });

  it("repairs nothing after lost events", () => {
    const node = start(bypass);
    node.kernel.change("new", plainFlow({ sourcePort: 1 }));
    turn(node);
    node.engine.overrun(0);
    expect(turn(node, 120_000).filter((each) => each.startsWith("CT_"))).toEqual([]);
    expect(node.engine.counters).toMatchObject({ overruns: 1, resyncs: 0 });
  });

  it("drops what finds no room, and counts it", () => {
    const node = start(bypass, { hashLimit: 3 });
    for (const port of [1, 2, 3, 4, 5]) event(node, "new", port);
    expect((node.engine.internal as BypassInternal).dropped).toBe(2);
    expect(turn(node)).toEqual(["CT_NEW 1", "CT_NEW 2", "CT_NEW 3"]);
  });

  it("gives the memory of what it sent back", () => {
    const arena = new Arena();
    const outbox = new Outbox(1472, 64);
    const events = { onResync: () => {}, onForget: () => {} };
    const protocol = new Notrack(new Transmitter(arena, outbox, () => 1), events, 0);
    const side = new BypassInternal(arena, protocol, { mask: WIRE_EVERYTHING, limit: 1000 });
    const flow = plainFlow({ sourcePort: 1 });
    for (let round = 0; round < 200; round++) {
      for (let i = 0; i < 200; i++) side.updated(flow, "elsewhere");
      expect(protocol.transmit(0)).toBe(true);
      outbox.clear();
    }
    expect(arena.bytes).toBe(262_144);
  });
});

describe("ALARM", () => {
  /** When each flow was sent, in milliseconds, up to `end`. */
  const watch = (node: Node, end: number) => {
    const moments = new Map<string, number[]>();
    for (let now = 0; now <= end; now += 100) {
      for (const each of turn(node, now)) {
        moments.set(each, [...(moments.get(each) ?? []), now]);
      }
    }
    return moments;
  };

  it("sends each change once, and every flow again within its time", () => {
    const node = start(alarm);
    for (let port = 1; port <= 50; port++) event(node, "new", port);
    const moments = watch(node, 120_000);
    expect(moments.size).toBe(50);
    for (const [name, times] of moments) {
      expect(name).toMatch(/^CT_NEW/);
      expect(times[0]).toBe(0);
      times.slice(1).forEach((time, i) => {
        const wait = time - times[i]!;
        expect(wait).toBeGreaterThanOrEqual(1000);
        expect(wait).toBeLessThanOrEqual(11_300);
      });
      expect(120_000 - times.at(-1)!).toBeLessThanOrEqual(11_300);
    }
    const waits = [...moments.values()].flatMap((times) =>
      times.slice(1).map((time, i) => time - times[i]!),
    );
    const mean = waits.reduce((sum, wait) => sum + wait, 0) / waits.length;
    expect(mean).toBeGreaterThan(5000);
    expect(mean).toBeLessThan(7500);
  });

  it("repeats a changed flow as an update, and one that ended no more", () => {
    const node = start(alarm);
    event(node, "new", 1);
    event(node, "new", 2);
    turn(node);
    event(node, "update", 1);
    event(node, "destroy", 2);
    const moments = watch(node, 40_000);
    expect([...moments.keys()].sort()).toEqual(["CT_DEL 2", "CT_UPD 1"]);
    expect(moments.get("CT_DEL 2")).toEqual([0]);
    expect(moments.get("CT_UPD 1")?.length).toBeGreaterThan(3);
    expect(node.engine.internalCache?.entries).toBe(1);
  });

  it("repeats what it has not told: flows of the start and of a commit", () => {
    const node = start(alarm);
    event(node, "new", 1, PORTS.commit);
    const bytes = eventMessage("update", plainFlow({ sourcePort: 2 }));
    node.engine.tableEntry(bytes, 20, bytes.length, 0);
    expect(turn(node)).toEqual([]);
    expect([...watch(node, 15_000).keys()].sort()).toEqual(["CT_NEW 1", "CT_NEW 2"]);
  });

  it("says nothing else, whatever it is asked", () => {
    const node = start(alarm);
    node.engine.requestResync();
    node.engine.sendAll();
    expect([...watch(node, 10_000).keys()]).toEqual([]);
    expect(node.journal.lines).toEqual([]);
  });

  it("sends nothing of a cache that was emptied", () => {
    const node = start(alarm);
    for (let port = 1; port <= 20; port++) event(node, "new", port);
    turn(node);
    event(node, "update", 1);
    node.engine.flush("all");
    expect([...watch(node, 15_000).keys()]).toEqual([]);
    event(node, "new", 3);
    expect(turn(node, 15_000)).toEqual(["CT_NEW 3"]);
  });

  it("moves with an entry that grows while it waits", () => {
    const node = start(alarm);
    for (let port = 1; port <= 20; port++) event(node, "new", port, PORTS.commit);
    for (let port = 1; port <= 20; port++) {
      const flow = plainFlow({ sourcePort: port, mark: port, zone: 0 });
      const bytes = eventMessage("update", flow, PORTS.commit);
      node.engine.kernelEvent(bytes, 0, bytes.length, 0);
    }
    expect(watch(node, 15_000).size).toBe(20);
  });

  it("leaves aside whatever has a flag, and looks at no number", () => {
    const node = start(alarm);
    told(node, CT_NEW, 10, 1, 0, Flag.HELLO);
    node.receive(message({ type: CTL, flags: Flag.RESYNC, sequence: 5, from: 0, to: 0 }), 0);
    node.receive(message({ type: CTL, flags: Flag.ALIVE, sequence: 6 }), 0);
    expect(external(node)).toBe(0);
    told(node, CT_NEW, 10, 1);
    told(node, CT_NEW, 10, 2);
    told(node, CT_UPD, 5, 3);
    expect(external(node)).toBe(3);
    node.receive(message({ type: CTL, sequence: 7 }), 0);
    node.receive(message({ type: 8, sequence: 7 }), 0);
    expect(node.engine.receiver.counters).toMatchObject({ malformed: 2, type: 2 });
    expect(node.engine.protocol.counters).toMatchObject({ lost: 0, before: 0 });
  });

  it("forgets what the peer has not told for a while", () => {
    const node = start(alarm);
    told(node, CT_NEW, 1, 1, 0);
    told(node, CT_NEW, 2, 2, 0);
    told(node, CT_NEW, 3, 3, 0);
    told(node, CT_UPD, 4, 1, 20_000);
    told(node, CT_DEL, 5, 3, 20_000);
    turn(node, 30_000);
    expect(external(node)).toBe(2);
    turn(node, 31_000);
    expect(external(node)).toBe(1);
    const { cache, expiry } = node.engine.external as CachedExternal;
    const left = expiry?.left(cache, cache.find(plainFlow({ sourcePort: 1 })), 31);
    expect(left).toBe(19);
    turn(node, 51_000);
    expect(external(node)).toBe(0);
    expect(node.journal.lines).toEqual([]);
  });

  it("forgets many in bounded steps", () => {
    const node = start(alarm);
    for (let port = 1; port <= 10_000; port++) told(node, CT_NEW, port, port, 0);
    node.engine.tick(40_000);
    expect(external(node)).toBe(10_000 - 4096);
    expect(node.engine.nextDeadline()).toBeLessThanOrEqual(40_000);
    node.engine.tick(40_001);
    node.engine.tick(40_002);
    expect(external(node)).toBe(0);
    node.engine.tick(40_003);
    expect(node.engine.nextDeadline()).toBeGreaterThan(40_003);
  });

  it("empties an external cache whose entries wait for their end", () => {
    const node = start(alarm);
    told(node, CT_NEW, 1, 1, 0);
    node.engine.flush("external");
    told(node, CT_NEW, 2, 2, 5000);
    turn(node, 33_000);
    expect(external(node)).toBe(1);
    turn(node, 36_000);
    expect(external(node)).toBe(0);
  });
});

describe("PollSecs", () => {
  it("reads the table in place of events, in every mode with an internal cache", () => {
    for (const mode of [
      notrack,
      alarm,
      { kind: "ftfw", window: 20, resendQueueSize: 50 } as const,
    ]) {
      const node = start(mode, { pollInterval: 5 });
      for (const port of [1, 2]) node.kernel.change("new", plainFlow({ sourcePort: port }));
      node.kernel.overrun();
      const polled = (now: number) =>
        turn(node, now)
          .filter((each) => each.startsWith("CT_"))
          .map((each) => each.replace(/,\S+ \d+ .*10\.1\.1\.1:(\d+) > \S+/, " $1"))
          .sort();
      expect(polled(4999)).toEqual([]);
      expect(polled(5000)).toEqual(["CT_NEW 1", "CT_NEW 2"]);
      node.kernel.change("destroy", plainFlow({ sourcePort: 1 }));
      node.kernel.overrun();
      expect(polled(10_000).filter((each) => !each.startsWith("CT_NEW"))).toEqual([
        "CT_DEL 1",
        "CT_UPD 2",
      ]);
      expect(node.engine.counters.resyncs).toBe(0);
    }
  });
});
