import { describe, expect, it } from "vitest";
import { ExpectationKernel } from "../../test/support/expectation-kernel.ts";
import { expectationEvent, plainExpectation } from "../../test/support/expectations.ts";
import { PORTS } from "../../test/support/kernel.ts";
import { eventMessage, plainFlow } from "../../test/support/kernel-flows.ts";
import { engineOptions, Node } from "../../test/support/network.ts";
import { splitMessages } from "../../test/support/wire-message.ts";
import { HasX, NAT_TUPLE, X } from "../flow/expectation.ts";
import { expectationText } from "../flow/expectation-text.ts";
import type { EngineOptions } from "./engine.ts";

const NAMES = ["CT_NEW", "CT_UPD", "CT_DEL", "EXP_NEW", "EXP_UPD", "EXP_DEL"];
const MASTER = plainFlow({ sourcePort: 4000, targetPort: 21 });
const SYNC = { helpers: [], line: () => "an expectation" };

interface Station {
  readonly node: Node;
  readonly kernel: ExpectationKernel;
  /** Everything happens that can; the datagrams. */
  turn(now?: number): Uint8Array[];
}

function station(overrides: Partial<EngineOptions> = {}): Station {
  const kernel = new ExpectationKernel();
  const options = engineOptions({ expectations: SYNC, ...overrides });
  const node = new Node("A", options, 0, kernel);
  return {
    node,
    kernel,
    turn(now = 0) {
      const out: Uint8Array[] = [];
      node.turn(now, (bytes) => out.push(bytes));
      return out;
    },
  };
}

/** Names of the data messages. */
function told(datagrams: readonly Uint8Array[]): string[] {
  const messages = datagrams.flatMap((bytes) => splitMessages(Buffer.from(bytes)));
  return messages.flatMap(({ type }) => NAMES[type] ?? []);
}

function flowEvent({ node }: Station, kind: "new" | "destroy", flow = MASTER, by = 0): void {
  const bytes = eventMessage(kind, flow, by);
  node.engine.kernelEvent(bytes, 0, bytes.length, 0);
}

function expectEvent(
  { node }: Station,
  kind: "new" | "destroy",
  port: number,
  { helper = "ftp" as string | undefined, by = 0, master = MASTER } = {},
): void {
  const bytes = expectationEvent(kind, plainExpectation(master, port, helper), by);
  node.engine.kernelEvent(bytes, 0, bytes.length, 0);
}

/** A node that has heard, from another, of the master and these expectations. */
function backup(ports: readonly number[], overrides: Partial<EngineOptions> = {}): Station {
  const a = station();
  flowEvent(a, "new");
  for (const port of ports) expectEvent(a, "new", port);
  const b = station(overrides);
  for (const bytes of a.turn()) b.node.receive(bytes, 0);
  return b;
}

const lines = (at: Station, cache: "internalCache" | "externalCache"): string[] => {
  const found: string[] = [];
  const from = at.node.engine.expectations![cache]!;
  const entry = plainExpectation(MASTER, 0);
  from.scan(0, Number.POSITIVE_INFINITY, (ref) => {
    from.load(ref, entry);
    found.push(/dport=(\d+)/.exec(expectationText(entry))![1]!);
  });
  return found.sort();
};

describe("a kernel event about an expectation", () => {
  it("is told behind its master, and its end too", () => {
    const at = station();
    flowEvent(at, "new");
    expectEvent(at, "new", 5001);
    expect(told(at.turn())).toEqual(["CT_NEW", "EXP_NEW"]);
    expectEvent(at, "destroy", 5001);
    expect(told(at.turn())).toEqual(["EXP_DEL"]);
    expect(at.node.engine.counters).toMatchObject({ received: 3, filtered: 0, unknown: 0 });
  });

  it("is left aside where nobody knows its master, or another one's", () => {
    const at = station();
    expectEvent(at, "new", 5001);
    flowEvent(at, "new");
    expectEvent(at, "new", 5001, { master: plainFlow({ sourcePort: 4001, targetPort: 21 }) });
    expect(told(at.turn())).toEqual(["CT_NEW"]);
  });

  it("is filtered by the name of its helper", () => {
    const at = station({ expectations: { ...SYNC, helpers: ["SIP", "tftp"] } });
    flowEvent(at, "new");
    for (const [port, helper] of [
      [1, "ftp"],
      [2, "sip-5060"],
      [3, "si"],
      [4, "TFTP"],
    ] as const) {
      expectEvent(at, "new", port, { helper });
    }
    expectEvent(at, "new", 5, { helper: undefined });
    expect(lines(at, "internalCache")).toEqual(["2", "4"]);
    expect(at.node.engine.counters.filtered).toBe(3);
  });

  it("of our own commit is kept and not told, of our injection not even looked at", () => {
    const at = station();
    expectEvent(at, "new", 5001, { by: PORTS.commit });
    expectEvent(at, "new", 5002, { by: PORTS.inject });
    expect(lines(at, "internalCache")).toEqual(["5001"]);
    expectEvent(at, "destroy", 5001, { by: PORTS.flush });
    expect(told(at.turn())).toEqual([]);
    expect(at.node.engine.expectations!.internalCache!.entries).toBe(0);
  });

  it("means nothing without ExpectationSync", () => {
    const at = station({ expectations: undefined });
    flowEvent(at, "new");
    expectEvent(at, "new", 5001);
    expect(told(at.turn())).toEqual(["CT_NEW"]);
    expect(at.node.engine.counters.unknown).toBe(1);
  });

  it("is told without a cache where the kernel has the master", () => {
    const at = station({ mode: { kind: "notrack", internalCache: false } });
    expectEvent(at, "new", 5001);
    expect(told(at.turn())).toEqual([]);
    at.kernel.change("new", MASTER);
    at.turn();
    expectEvent(at, "new", 5001);
    expectEvent(at, "destroy", 5001);
    expect(told(at.turn())).toEqual(["EXP_NEW", "EXP_DEL"]);
  });
});

describe("expectations in the caches", () => {
  it("arrive as they were, and leave when the peer says so", () => {
    const b = backup([5001, 5002]);
    expect(lines(b, "externalCache")).toEqual(["5001", "5002"]);
    expect(b.node.engine.receiver.counters.malformed).toBe(0);
    const a = station();
    flowEvent(a, "new");
    expectEvent(a, "new", 5001);
    a.turn();
    expectEvent(a, "destroy", 5001);
    for (const bytes of a.turn()) b.node.receive(bytes, 0);
    expect(lines(b, "externalCache")).toEqual(["5002"]);
  });

  it("are sent in bulk behind the flows", () => {
    const at = station();
    flowEvent(at, "new");
    expectEvent(at, "new", 5001);
    at.turn();
    at.node.engine.sendAll();
    expect(told(at.turn())).toEqual(["CT_NEW", "EXP_NEW"]);
  });

  it("are forgotten with the flows, and what was to be told of them", () => {
    const at = station();
    flowEvent(at, "new");
    expectEvent(at, "new", 5001);
    at.node.engine.flush("internal");
    expect(told(at.turn())).toEqual([]);
    expect(at.node.engine.expectations!.internalCache!.entries).toBe(0);
    const b = backup([5001]);
    b.node.engine.flush("external");
    expect(b.node.engine.expectations!.externalCache!.entries).toBe(0);
  });

  it("that ended stay until the peer has acknowledged it", () => {
    const a = station();
    const b = station();
    flowEvent(a, "new");
    expectEvent(a, "new", 5001);
    expectEvent(a, "destroy", 5001);
    const cache = a.node.engine.expectations!.internalCache!;
    expect([cache.entries, cache.active]).toEqual([1, 0]);
    for (let now = 0; now < 5000 && cache.entries > 0; now += 500) {
      for (const bytes of a.turn(now)) b.node.receive(bytes, now);
      for (const bytes of b.turn(now)) a.node.receive(bytes, now);
    }
    expect(cache.entries).toBe(0);
  });

  it("expire in ALARM when the peer confirms them no more", () => {
    const mode = { kind: "alarm", refreshTime: 60, cacheTimeout: 180 } as const;
    const a = station({ mode });
    flowEvent(a, "new");
    expectEvent(a, "new", 5001);
    const b = station({ mode });
    for (const bytes of a.turn()) b.node.receive(bytes, 0);
    expect(lines(b, "externalCache")).toEqual(["5001"]);
    b.turn(182_000);
    expect(lines(b, "externalCache")).toEqual([]);
  });

  it("have no place without ExpectationSync, and do no harm", () => {
    const b = backup([5001], { expectations: undefined });
    expect(b.node.engine.receiver.counters.malformed).toBe(0);
    expect(b.node.engine.externalCache!.entries).toBe(1);
  });
});

describe("a commit of expectations", () => {
  it("comes after the flows, and replaces what exists", () => {
    const b = backup([5001, 5002]);
    b.kernel.expected.set(5002, plainExpectation(MASTER, 5002));
    let done = 0;
    b.node.engine.startCommit("committing all external caches", () => (done += 1));
    b.turn(10_000);
    expect(done).toBe(1);
    expect(b.kernel.flows.size).toBe(1);
    expect([...b.kernel.asked].sort()).toEqual([
      "create 5001",
      "create 5002",
      "create 5002: 17",
      "delete 5002",
    ]);
    expect(b.kernel.expected.get(5001)!.words[X.timeout]).toBe(290);
    expect(b.node.journal.lines).toEqual([
      "committing all external caches",
      "Committed 1 new entries",
      "commit has taken 0.000000 seconds",
      "Committed 2 new expectations",
      "commit has taken 0.000000 seconds",
    ]);
  });

  it("may come alone, tells what the kernel refuses, and goes on", () => {
    const b = backup([5001, 5002]);
    b.kernel.refuseExpectation = (request) => (request === "create 5001" ? 2 : undefined);
    b.node.engine.startCommit("committing expectation cache", () => {}, "expectations");
    b.turn();
    expect(b.kernel.flows.size).toBe(0);
    expect(b.node.journal.lines.slice(1)).toEqual([
      "error: commit-create: errno 2",
      "flow: an expectation",
      "Committed 1 new expectations",
      "1 expectations can't be committed",
      "commit has taken 0.000000 seconds",
    ]);
  });

  it("leaves them out where only flows are asked for", () => {
    const b = backup([5001]);
    b.node.engine.startCommit("committing conntrack cache", () => {}, "flows");
    b.turn();
    expect([b.kernel.flows.size, b.kernel.asked]).toEqual([1, []]);
  });

  it("keeps the translation", () => {
    const a = station();
    flowEvent(a, "new");
    const expectation = plainExpectation(MASTER, 5001);
    expectation.words[X.has]! |= HasX.nat | HasX.natL4 | HasX.natDirection;
    expectation.words[NAT_TUPLE.family] = 2;
    expectation.words[NAT_TUPLE.protocol] = 6;
    expectation.words[NAT_TUPLE.l4Src] = 777;
    expectation.words[X.natDirection] = 1;
    const bytes = expectationEvent("new", expectation);
    a.node.engine.kernelEvent(bytes, 0, bytes.length, 0);
    const b = station();
    for (const each of a.turn()) b.node.receive(each, 0);
    b.node.engine.startCommit("committing all external caches", () => {});
    b.turn();
    const committed = b.kernel.expected.get(5001)!;
    expect(committed.has(HasX.nat)).toBe(true);
    expect([committed.words[NAT_TUPLE.l4Src], committed.words[X.natDirection]]).toEqual([777, 1]);
  });
});

describe("expectations without an external cache", () => {
  it("go into the kernel behind their masters", () => {
    const b = backup([5001], { externalCache: false });
    expect(b.kernel.requests.map(({ kind }) => kind)).toEqual(["create"]);
    expect(b.kernel.asked).toEqual(["create 5001"]);
  });

  it("replace what exists, and tell what fails", () => {
    const { node, kernel } = station({ externalCache: false });
    const { external } = node.engine.expectations!;
    const one = plainExpectation(MASTER, 5001);
    external.apply(0, one, 0);
    external.apply(1, one, 0);
    external.apply(2, one, 0);
    external.apply(2, one, 0);
    kernel.refuseExpectation = () => 95;
    external.apply(0, one, 0);
    external.apply(2, one, 0);
    expect(kernel.asked).toEqual([
      "create 5001",
      "create 5001: 17",
      "delete 5001",
      "create 5001",
      "delete 5001",
      "delete 5001: 2",
      "create 5001: 95",
      "delete 5001: 95",
    ]);
    expect(node.journal.lines).toEqual([
      "warning: could not add new exp entry: errno 95",
      "flow: an expectation",
      "warning: could not delete exp entry: errno 95",
      "flow: an expectation",
    ]);
    expect("counters" in external && external.counters).toEqual({
      created: 1,
      createFailed: 1,
      updated: 1,
      updateFailed: 0,
      destroyed: 1,
      destroyFailed: 1,
    });
  });
});

describe("-F expect", () => {
  it("empties the kernel's table and says so", () => {
    const { node, kernel } = station();
    node.engine.expectations!.flushKernel();
    expect(kernel.asked).toEqual(["flush"]);
    expect(node.journal.lines).toEqual(["flushing kernel expect table"]);
    expect(node.engine.counters.kernelFlushes).toBe(1);
  });
});
