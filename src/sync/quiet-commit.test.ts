import { describe, expect, it } from "vitest";
import { FakeKernel, PORTS } from "../../test/support/kernel.ts";
import { flowKey, plainFlow } from "../../test/support/kernel-flows.ts";
import { engineOptions, RecordingJournal } from "../../test/support/network.ts";
import { Engine, QUIET_COMMIT_ENTRIES } from "./engine.ts";
import { MessageType } from "./message.ts";

const NOW = 5_000;

const flowNumber = (n: number) =>
  plainFlow({ source: `10.1.${n >> 13}.1`, sourcePort: 1024 + (n & 8191) });

/** A node whose peer has told it of `count` flows. */
function backup(count: number) {
  const kernel = new FakeKernel();
  const engine = new Engine(engineOptions(), kernel, new RecordingJournal(), NOW);
  Object.assign(engine.ports, PORTS);
  for (let i = 0; i < count; i++) engine.external.apply(MessageType.CT_NEW, flowNumber(i), 5);
  const pump = () => kernel.pump((bytes) => engine.kernelEvent(bytes, 0, bytes.length, NOW));
  return { kernel, engine, pump };
}

/** Commits and catches up; `meanwhile` runs after the first step, `afterwards` at the answer. */
function commit(
  { kernel, engine, pump }: ReturnType<typeof backup>,
  meanwhile: () => void,
  afterwards = () => {},
) {
  let isDone = false;
  engine.startCommit("committing conntrack cache", () => {
    isDone = true;
  });
  engine.step(NOW);
  meanwhile();
  while (!isDone) {
    engine.step(NOW);
    kernel.settle();
  }
  afterwards();
  while (engine.busy || kernel.waiting) {
    engine.step(NOW);
    pump();
  }
}

describe("a commit of many entries", () => {
  it("is not listened to, yet the internal cache holds every entry and the peer hears of none", () => {
    const node = backup(QUIET_COMMIT_ENTRIES);
    let wasHeard = true;
    commit(node, () => {
      wasHeard = node.kernel.isHeard;
    });
    expect(wasHeard).toBe(false);
    expect(node.kernel.isHeard).toBe(true);
    expect(node.kernel.flows.size).toBe(QUIET_COMMIT_ENTRIES);
    expect(node.engine.internalCache!.active).toBe(QUIET_COMMIT_ENTRIES);
    expect(node.engine.protocol.transmitQueue.length).toBe(0);
  });

  it("tells the peer of a flow that somebody else created meanwhile", () => {
    const node = backup(QUIET_COMMIT_ENTRIES);
    const stranger = flowNumber(QUIET_COMMIT_ENTRIES + 7);
    commit(node, () => node.kernel.change("new", stranger));
    expect(node.kernel.flows.has(flowKey(stranger))).toBe(true);
    expect(node.engine.internalCache!.find(stranger)).not.toBe(0);
    expect(node.engine.protocol.transmitQueue.length).toBe(1);
  });

  it("answers before it has caught up, and a flush then has nothing to catch up with", () => {
    const node = backup(QUIET_COMMIT_ENTRIES);
    commit(
      node,
      () => {},
      () => node.engine.flush("all"),
    );
    expect(node.engine.internalCache!.active).toBe(0);
    expect(node.engine.externalCache!.active).toBe(0);
  });

  it("tells the peer of every flow when a bulk update is asked for before it has caught up", () => {
    const node = backup(QUIET_COMMIT_ENTRIES);
    commit(
      node,
      () => {},
      () => node.engine.sendAll(),
    );
    expect(node.engine.protocol.transmitQueue.length).toBe(QUIET_COMMIT_ENTRIES);
  });

  it("reads the table again when a second commit ends before the first was caught up with", () => {
    const node = backup(QUIET_COMMIT_ENTRIES);
    const stranger = flowNumber(QUIET_COMMIT_ENTRIES + 7);
    commit(
      node,
      () => {},
      () => {
        node.engine.startCommit("again", () => {});
        node.engine.step(NOW);
        node.kernel.settle();
        node.kernel.change("new", stranger);
      },
    );
    for (let i = 0; i < 100; i++) {
      node.engine.step(NOW);
      node.pump();
    }
    expect(node.engine.internalCache!.find(stranger)).not.toBe(0);
    expect(node.engine.internalCache!.active).toBe(QUIET_COMMIT_ENTRIES + 1);
  });
});

describe("a commit of few entries", () => {
  it("is listened to", () => {
    const node = backup(100);
    commit(node, () => expect(node.kernel.isHeard).toBe(true));
    expect(node.engine.internalCache!.active).toBe(100);
    expect(node.engine.protocol.transmitQueue.length).toBe(0);
  });
});
