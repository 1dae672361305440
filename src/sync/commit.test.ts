import { beforeEach, describe, expect, it } from "vitest";
import { message } from "../../test/support/dialogue.ts";
import { EOPNOTSUPP } from "../../test/support/kernel.ts";
import { flowKey, type PlainFlow, plainFlow } from "../../test/support/kernel-flows.ts";
import { engineOptions, Node } from "../../test/support/network.ts";
import { type FlowRegister, Has0, Status, W } from "../flow/register.ts";
import { EEXIST, ENOENT } from "../netlink/kernel-port.ts";
import type { EngineOptions } from "./engine.ts";
import { MessageType } from "./message.ts";

let node: Node;
let sequence: number;

function start(overrides: Partial<EngineOptions> = {}): void {
  let clock = 0;
  node = new Node(
    "B",
    engineOptions({
      flowLine: (flow) =>
        `port ${flow.words[W.origL4Src]} timeout ${flow.has0(Has0.timeout) ? flow.words[W.timeout] : "none"}`,
      microseconds: () => (clock += 1_250_042),
      ...overrides,
    }),
    0,
  );
  sequence = 1;
}
beforeEach(() => start());

/** A flow arrives from the peer. */
function learn(flow: FlowRegister, now = 0): FlowRegister {
  node.receive(message({ type: MessageType.CT_NEW, sequence: sequence++, flow }), now);
  return flow;
}

function advance(now: number): void {
  node.engine.step(now);
  node.kernel.settle();
}

/** Commit at `now` milliseconds; the log lines. */
function commit(now = 0): string[] {
  let done = 0;
  node.journal.lines.length = 0;
  node.engine.startCommit("committing all external caches", () => {
    done += 1;
  });
  for (let i = 0; i < 1000 && done === 0; i++) advance(now);
  expect(done).toBe(1);
  return node.journal.lines;
}

const kinds = () => node.kernel.requests.map((each) => each.kind);
const timeouts = () => node.kernel.requests.map((each) => each.timeout);
const MASTER: PlainFlow = { sourcePort: 2000, targetPort: 21 };

describe("a commit", () => {
  it("creates every external flow and tells how many, and how long it took", () => {
    const flows = [1, 2, 3].map((sourcePort) => learn(plainFlow({ sourcePort, mark: sourcePort })));
    expect(commit()).toEqual([
      "committing all external caches",
      "Committed 3 new entries",
      "commit has taken 1.250042 seconds",
    ]);
    expect(flows.every((flow) => node.kernel.flows.has(flowKey(flow)))).toBe(true);
    expect(node.kernel.requests.every((each) => each.handle === "commit")).toBe(true);
    // The cache stays as it was.
    expect(node.engine.externalCache!.entries).toBe(3);
  });

  it("of nothing says so", () => {
    expect(commit()[1]).toBe("Committed 0 new entries");
    expect(kinds()).toEqual([]);
  });

  it("creates related flows in a second pass, when their masters exist", () => {
    for (let i = 0; i < 40; i++) {
      learn(plainFlow({ sourcePort: 3000 + i, master: { ...MASTER, source: `10.7.0.${i}` } }));
    }
    for (let i = 0; i < 40; i++) learn(plainFlow({ ...MASTER, source: `10.7.0.${i}` }));
    expect(commit()).toContain("Committed 80 new entries");
    const withMaster = node.kernel.requests.map(({ key }) => key.includes(" 80 "));
    expect(withMaster.lastIndexOf(false)).toBeLessThan(withMaster.indexOf(true));
  });

  it("replaces an entry that exists, and counts it as committed", () => {
    const flow = learn(plainFlow({ mark: 2 }));
    node.kernel.change("new", plainFlow({ mark: 1 }));
    expect(commit()).toContain("Committed 1 new entries");
    expect(kinds()).toEqual(["create", "delete", "create"]);
    expect(node.kernel.flows.get(flowKey(flow))!.words[W.mark]).toBe(2);
    expect(commit()).toContain("Committed 1 new entries");
  });

  it("goes on when the entry to be replaced is gone meanwhile", () => {
    learn(plainFlow());
    let first = true;
    node.kernel.refuse = (kind) => {
      if (kind === "create" && first) {
        first = false;
        return EEXIST;
      }
      return kind === "delete" ? ENOENT : undefined;
    };
    expect(commit()).toContain("Committed 1 new entries");
  });

  it("tells of each entry that failed, and of their number, and never stops early", () => {
    for (const sourcePort of [1, 2, 3]) learn(plainFlow({ sourcePort, timeout: 100 }));
    const bad = flowKey(plainFlow({ sourcePort: 2 }));
    node.kernel.refuse = (_kind, key) => (key === bad ? EOPNOTSUPP : undefined);
    expect(commit()).toEqual([
      "committing all external caches",
      "error: commit-create: errno 95",
      "flow: port 2 timeout 100",
      "Committed 2 new entries",
      "1 entries can't be committed",
      "commit has taken 1.250042 seconds",
    ]);
  });

  it("tells which half of a replacement failed", () => {
    learn(plainFlow({ sourcePort: 1 }));
    node.kernel.change("new", plainFlow({ sourcePort: 1 }));
    node.kernel.refuse = (kind) => (kind === "delete" ? 1 : undefined);
    expect(commit()).toContain("error: commit-destroy: errno 1");
    node.kernel.refuse = (kind) => (kind === "create" ? EEXIST : undefined);
    expect(commit()).toContain("error: commit-create: errno 17");
  });

  it("counts a batch that could not be sent as failed, entry by entry", () => {
    for (const sourcePort of [1, 2]) learn(plainFlow({ sourcePort }));
    node.kernel.refuseBatch = 105;
    expect(commit().filter((each) => each === "error: commit-create: errno 105")).toHaveLength(2);
  });

  it("replaces a whole batch", () => {
    for (let i = 0; i < 200; i++) {
      learn(plainFlow({ sourcePort: 1 + i, mark: 5 }));
      node.kernel.change("new", plainFlow({ sourcePort: 1 + i }));
    }
    expect(commit()).toContain("Committed 200 new entries");
    expect([...node.kernel.flows.values()].every((flow) => flow.words[W.mark] === 5)).toBe(true);
  });

  it("copes with a bucket that holds more than a batch, while another batch is on its way", () => {
    const cache = node.engine.externalCache!;
    const scan = cache.scan.bind(cache);
    cache.scan = (from, _budget, visit) => scan(from, 1400, visit);
    for (let i = 0; i < 5000; i++) learn(plainFlow({ sourcePort: 1 + i, mark: 5 }));
    for (let i = 0; i < 50; i++) {
      node.kernel.change("new", plainFlow({ sourcePort: 1 + i * 100 }));
    }
    expect(commit()).toContain("Committed 5000 new entries");
    expect([...node.kernel.flows.values()].every((flow) => flow.words[W.mark] === 5)).toBe(true);
  });

  it("does not replace by what the peer has ended meanwhile, but by what was asked for", () => {
    const flow = learn(plainFlow({ mark: 2 }));
    node.kernel.change("new", plainFlow({ mark: 1 }));
    let isDone = false;
    node.engine.startCommit("committing", () => {
      isDone = true;
    });
    node.engine.step(0);
    node.receive(message({ type: MessageType.CT_DEL, sequence: sequence++, flow }), 0);
    while (!isDone) advance(0);
    expect(kinds()).toEqual(["create", "delete", "create"]);
    expect(node.kernel.flows.get(flowKey(flow))!.words[W.mark]).toBe(2);
  });

  it("is not told to the peer", () => {
    for (const sourcePort of [1, 2]) learn(plainFlow({ sourcePort }));
    commit();
    node.kernel.pump((bytes) => node.engine.kernelEvent(bytes, 0, bytes.length, 0));
    expect(node.engine.internalCache!.entries).toBe(2);
    expect(node.engine.protocol.transmitQueue.length).toBe(0);
  });
});

describe("the timeout of a committed entry", () => {
  it("is what is left of the peer's", () => {
    learn(plainFlow({ timeout: 100 }), 10_000);
    commit(40_000);
    expect(timeouts()).toEqual([70]);
  });

  it("is 60 seconds when the peer's has run out, and the peer's when just nothing is left", () => {
    learn(plainFlow({ timeout: 20 }), 0);
    commit(21_000);
    expect(timeouts()).toEqual([60]);
    start();
    learn(plainFlow({ timeout: 20 }), 0);
    commit(20_000);
    expect(timeouts()).toEqual([20]);
  });

  it("is 60 seconds for an entry whose sender keeps it to itself", () => {
    const flow = plainFlow();
    flow.words[W.has0]! &= ~Has0.timeout;
    learn(flow);
    commit(5000);
    expect(timeouts()).toEqual([60]);
  });

  it("is CommitTimeout where that is set", () => {
    start({ commitTimeout: 180 });
    learn(plainFlow({ timeout: 5 }));
    commit(90_000);
    expect(timeouts()).toEqual([180]);
  });
});

describe("what is created", () => {
  it("has the translation and a status that the kernel takes", () => {
    const flow = plainFlow({
      replySource: "10.9.9.9",
      status: Status.DST_NAT_DONE | Status.EXPECTED | Status.ASSURED,
    });
    flow.bytes.set([10, 9, 9, 9], W.dnat * 4);
    flow.words[W.has0]! |= Has0.dnat;
    learn(flow);
    expect(commit()).toContain("Committed 1 new entries");
    const made = node.kernel.flows.get(flowKey(flow))!;
    expect(Array.from(made.bytes.subarray(W.replySrc * 4, W.replySrc * 4 + 4))).toEqual([
      10, 9, 9, 9,
    ]);
    expect(made.words[W.status]! & (Status.EXPECTED | Status.ASSURED | Status.CONFIRMED)).toBe(
      Status.ASSURED | Status.CONFIRMED,
    );
  });
});

describe("commands while a commit runs", () => {
  it("a second commit is skipped, a flush of the external side refused", () => {
    learn(plainFlow());
    const done: string[] = [];
    node.engine.startCommit("committing", () => done.push("first"));
    node.engine.startCommit("committing again", () => done.push("second"));
    expect(done).toEqual(["second"]);
    node.engine.flush("external");
    node.engine.flush("all");
    node.engine.flush("internal");
    expect(node.journal.lines).toEqual([
      "committing",
      "commit already in progress, skipping",
      "error: ignoring flush command, commit still in progress",
      "error: ignoring flush command, commit still in progress",
      "flushing internal cache",
    ]);
    for (let i = 0; i < 10; i++) advance(0);
    expect(done).toEqual(["second", "first"]);
    node.engine.flush("external");
    expect(node.engine.externalCache!.entries).toBe(0);
  });

  it("messages that arrive do not disturb it", () => {
    for (let i = 0; i < 3000; i++) learn(plainFlow({ sourcePort: 1 + i }));
    let isDone = false;
    node.engine.startCommit("committing", () => {
      isDone = true;
    });
    let extra = 0;
    while (!isDone) {
      advance(0);
      for (let i = 0; i < 50; i++) learn(plainFlow({ sourcePort: 10_000 + extra++ }));
      node.receive(
        message({
          type: MessageType.CT_DEL,
          sequence: sequence++,
          flow: plainFlow({ sourcePort: 3000 - extra / 50 }),
        }),
        0,
      );
    }
    const kept = Array.from({ length: 2500 }, (_, i) => flowKey(plainFlow({ sourcePort: 1 + i })));
    expect(kept.filter((key) => !node.kernel.flows.has(key))).toEqual([]);
    expect(node.kernel.requests.filter((each) => each.errno !== 0)).toEqual([]);
  });
});
