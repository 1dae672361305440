import { beforeEach, describe, expect, it } from "vitest";
import { messageWords, readDatagram } from "../../test/support/dialogue.ts";
import { PORTS } from "../../test/support/kernel.ts";
import { eventMessage, flowKey, plainFlow } from "../../test/support/kernel-flows.ts";
import { engineOptions, Node } from "../../test/support/network.ts";
import { Has1, W } from "../flow/register.ts";

let node: Node;
const start = (overrides = {}) => {
  node = new Node("A", engineOptions(overrides), 0);
};
beforeEach(() => start());

/** Everything happens that can at `now`; the data messages sent, in words. */
function turn(now = 0): string[] {
  const out: string[] = [];
  node.turn(now, (bytes) => {
    const words = readDatagram(bytes).map(messageWords);
    out.push(
      ...words
        .filter((each) => each.startsWith("CT_"))
        .map((each) => each.replace(/,\S+ \d+ .*10\.1\.1\.1:(\d+) > \S+/, " $1")),
    );
  });
  return out;
}

const event = (kind: "new" | "update" | "destroy", port: number, by = 0) => {
  const bytes = eventMessage(kind, plainFlow({ sourcePort: port }), by);
  node.engine.kernelEvent(bytes, 0, bytes.length, 0);
};
const internal = () => node.engine.internalCache!;

describe("kernel events", () => {
  it("become messages by what happened to the flow", () => {
    event("new", 1);
    event("update", 2);
    event("destroy", 3);
    expect(turn()).toEqual(["CT_NEW 1", "CT_NEW 2"]);
    event("update", 1);
    event("destroy", 2);
    expect(turn()).toEqual(["CT_UPD 1", "CT_DEL 2"]);
    expect(node.engine.counters).toMatchObject({ received: 5, filtered: 0, unknown: 0, failed: 0 });
  });

  it("of our own commit and flush change the cache and are not sent", () => {
    event("new", 1, PORTS.commit);
    event("new", 2, PORTS.commit);
    event("destroy", 2, PORTS.flush);
    expect(turn()).toEqual([]);
    expect(internal().entries).toBe(1);
    // What others do to that flow later is told.
    event("update", 1);
    expect(turn()).toEqual(["CT_UPD 1"]);
  });

  it("of our own injection are ignored", () => {
    event("new", 1, PORTS.inject);
    expect(internal().entries).toBe(0);
  });

  it("that the filter rejects are counted", () => {
    start({ filter: () => false });
    event("new", 1);
    expect(internal().entries).toBe(0);
    expect(node.engine.counters).toMatchObject({ received: 1, filtered: 1 });
    start({ filter: () => false, filteredByKernel: true });
    event("new", 1);
    expect(internal().entries).toBe(1);
  });

  it("of other kinds or damaged are counted", () => {
    const other = eventMessage("new", plainFlow());
    other[5] = 2;
    node.engine.kernelEvent(other, 0, other.length, 0);
    const cut = eventMessage("new", plainFlow());
    node.engine.kernelEvent(cut, 0, 30, 0);
    expect(node.engine.counters).toMatchObject({ received: 2, unknown: 1, failed: 1 });
  });

  it("count the traffic of flows that end", () => {
    event("new", 1);
    const flow = plainFlow({ sourcePort: 1 });
    flow.words[W.packetsOrigLow] = 3;
    flow.words[W.bytesOrigLow] = 0xffffffff;
    flow.words[W.has1] = Has1.countersOrig;
    const bytes = eventMessage("destroy", flow);
    node.engine.kernelEvent(bytes, 0, bytes.length, 0);
    node.engine.kernelEvent(bytes, 0, bytes.length, 0);
    expect(node.engine.internal.traffic).toEqual({ packets: 3, bytes: 0xffffffff });
  });
});

describe("an overrun", () => {
  beforeEach(() => {
    for (const port of [1, 2, 3]) node.kernel.change("new", plainFlow({ sourcePort: port }));
    turn();
  });

  it("is repaired: what was missed is told, what is gone is told too", () => {
    node.kernel.change("new", plainFlow({ sourcePort: 4 }));
    node.kernel.change("destroy", plainFlow({ sourcePort: 2 }));
    node.kernel.overrun();
    node.engine.overrun(1000);
    expect(turn(30_999)).toEqual([]);
    expect(turn(31_000).sort()).toEqual(["CT_DEL 2", "CT_NEW 4", "CT_UPD 1", "CT_UPD 3"]);
    expect(node.engine.counters).toMatchObject({ overruns: 1, failed: 1, resyncs: 1 });
    expect(turn(90_000)).toEqual([]);
  });

  it("starts the time again when another follows", () => {
    node.engine.overrun(1000);
    node.engine.overrun(20_000);
    expect(turn(31_000)).toEqual([]);
    expect(turn(50_000)).toHaveLength(3);
  });

  it("is not repaired where that is switched off", () => {
    start({ overrunResync: 0 });
    node.engine.overrun(0);
    expect(node.engine.nextDeadline()).toBe(1000);
    turn(1_000_000);
    expect(node.engine.counters.resyncs).toBe(0);
  });

  it("finds zoned flows by their zone", () => {
    node.kernel.change("new", plainFlow({ sourcePort: 9, zone: 5 }));
    turn();
    node.engine.overrun(0);
    turn(30_000);
    expect(internal().active).toBe(4);
  });
});

describe("the kernel table", () => {
  beforeEach(() => {
    for (const port of [1, 2, 3]) node.kernel.change("new", plainFlow({ sourcePort: port }));
    turn();
  });

  it("is flushed of the flows that pass the filter, and the peer is not told", () => {
    start({ filter: (flow: { words: Uint32Array }) => flow.words[W.origL4Src] !== 2 });
    for (const port of [1, 2, 3]) node.kernel.change("new", plainFlow({ sourcePort: port }));
    turn();
    node.engine.flushKernel();
    expect(turn()).toEqual([]);
    expect([...node.kernel.flows.keys()]).toEqual([flowKey(plainFlow({ sourcePort: 2 }))]);
    expect(internal().entries).toBe(0);
    expect(node.journal.lines).toEqual(["flushing kernel conntrack table"]);
  });

  it("is flushed a while after `-t`, once", () => {
    node.engine.schedulePurge(0);
    node.engine.schedulePurge(30_000);
    turn(59_999);
    expect(node.kernel.flows.size).toBe(3);
    expect(turn(60_000)).toEqual([]);
    expect(node.kernel.flows.size).toBe(0);
    expect(internal().entries).toBe(0);
    expect(node.journal.lines).toEqual([
      "flushing conntrack table in 60 secs",
      "flushing kernel conntrack table (scheduled)",
    ]);
    expect(node.engine.counters.kernelFlushes).toBe(1);
  });

  it.each(["commit", "flush all", "flush internal"])("is spared when %s comes first", (what) => {
    node.engine.schedulePurge(0);
    if (what === "commit") node.engine.startCommit("committing", () => {});
    else node.engine.flush(what === "flush all" ? "all" : "internal");
    turn(60_000);
    expect(node.kernel.flows.size).toBe(3);
  });

  it("enters the cache at start without a message", () => {
    const { kernel } = node;
    node = new Node("A", engineOptions(), 0, kernel);
    kernel.readAll((bytes, at, end) => node.engine.tableEntry(bytes, at, end, 0));
    expect(internal().entries).toBe(3);
    expect(turn()).toEqual([]);
    node.engine.tableEntry(new Uint8Array(8), 0, 8, 0);
    expect(node.engine.counters.dumpUnknown).toBe(1);
  });
});

describe("a bulk", () => {
  it("sends every flow, dead ones included, each once", () => {
    for (let port = 1; port <= 300; port++) event("new", port);
    turn();
    event("update", 5);
    event("destroy", 7);
    node.engine.sendAll();
    const sent = turn();
    expect(sent).toHaveLength(300);
    expect(sent.filter((each) => !each.startsWith("CT_NEW")).sort()).toEqual([
      "CT_DEL 7",
      "CT_UPD 5",
    ]);
    expect(node.journal.lines).toEqual(["sending bulk update"]);
  });

  it("goes on when the cache is flushed under it", () => {
    for (let port = 1; port <= 6000; port++) event("new", port);
    turn();
    node.engine.sendAll();
    node.engine.step(0);
    node.engine.flush("internal");
    event("new", 1);
    while (node.engine.busy) node.engine.step(0);
    expect(turn()).toEqual(["CT_NEW 1"]);
  });
});

describe("flushing the caches", () => {
  it("empties what it names and tells nobody", () => {
    event("new", 1);
    node.engine.flush("external");
    expect(internal().entries).toBe(1);
    node.engine.flush("all");
    expect(internal().entries).toBe(0);
    expect(turn()).toEqual([]);
    expect(node.journal.lines).toEqual(["flushing external cache", "flushing caches"]);
  });
});
