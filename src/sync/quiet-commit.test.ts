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
  return { kernel, engine };
}

function commit({ kernel, engine }: ReturnType<typeof backup>, meanwhile: () => void) {
  let isDone = false;
  engine.startCommit("committing conntrack cache", () => {
    isDone = true;
  });
  engine.step(NOW);
  meanwhile();
  const pump = () => kernel.pump((bytes) => engine.kernelEvent(bytes, 0, bytes.length, NOW));
  while (!isDone) {
    engine.step(NOW);
    pump();
  }
  pump();
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

  it("refuses to empty the external cache until it has caught up", () => {
    const node = backup(QUIET_COMMIT_ENTRIES);
    commit(node, () => node.engine.flush("external"));
    expect(node.engine.externalCache!.active).toBe(QUIET_COMMIT_ENTRIES);
    node.engine.flush("external");
    expect(node.engine.externalCache!.active).toBe(0);
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
