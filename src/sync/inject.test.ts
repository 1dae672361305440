import { beforeEach, describe, expect, it } from "vitest";
import { datagram, message } from "../../test/support/dialogue.ts";
import { EBUSY, EOPNOTSUPP } from "../../test/support/kernel.ts";
import { flowKey, plainFlow } from "../../test/support/kernel-flows.ts";
import { engineOptions, Node } from "../../test/support/network.ts";
import { type FlowRegister, Has0, W } from "../flow/register.ts";
import { EEXIST, ENOENT } from "../netlink/kernel-port.ts";
import { InjectedExternal } from "./external.ts";
import { MessageType } from "./message.ts";

const { CT_NEW, CT_UPD, CT_DEL } = MessageType;
let node: Node;
let sequence: number;
beforeEach(() => {
  node = new Node("B", engineOptions({ externalCache: false }), 0);
  sequence = 1;
});

function arrive(...messages: readonly (readonly [number, FlowRegister])[]): void {
  node.receive(
    datagram(...messages.map(([type, flow]) => message({ type, flow, sequence: sequence++ }))),
    0,
  );
}

const log = () => node.kernel.requests.map((each) => `${each.kind} ${each.errno}`);
const counters = () => {
  const side = node.engine.external;
  if (!(side instanceof InjectedExternal)) throw new Error("flows are injected");
  return side.injector.counters;
};
const none = {
  created: 0,
  createFailed: 0,
  updated: 0,
  updateFailed: 0,
  destroyed: 0,
  destroyFailed: 0,
};

describe("CT_NEW", () => {
  it("creates", () => {
    arrive([CT_NEW, plainFlow()]);
    expect(log()).toEqual(["create 0"]);
    expect(counters()).toEqual({ ...none, created: 1 });
    expect(node.kernel.requests[0]!.handle).toBe("inject");
  });

  it("deletes what exists and creates once more", () => {
    node.kernel.change("new", plainFlow({ mark: 1 }));
    arrive([CT_NEW, plainFlow({ mark: 2 })]);
    expect(log()).toEqual(["create 17", "delete 0", "create 0"]);
    expect(node.kernel.flows.get(flowKey(plainFlow()))!.words[W.mark]).toBe(2);
    expect(counters()).toEqual({ ...none, created: 1 });
  });

  it("creates once more when what existed is gone meanwhile", () => {
    let creates = 0;
    node.kernel.refuse = (kind) => {
      if (kind === "delete") return ENOENT;
      creates += 1;
      return creates === 1 ? EEXIST : undefined;
    };
    arrive([CT_NEW, plainFlow()]);
    expect(log()).toEqual(["create 17", "delete 2", "create 0"]);
  });

  it("fails with a warning, at the first try or the second", () => {
    node.kernel.refuse = () => EBUSY;
    arrive([CT_NEW, plainFlow()]);
    node.kernel.refuse = (kind) => (kind === "create" ? EEXIST : undefined);
    node.kernel.change("new", plainFlow());
    arrive([CT_NEW, plainFlow()]);
    expect(counters()).toEqual({ ...none, createFailed: 2 });
    expect(node.journal.lines).toEqual([
      "warning: could not add new ct entry: errno 16",
      "flow: a flow",
      "warning: could not add new ct entry, even when deleting it first: errno 17",
      "flow: a flow",
    ]);
  });

  it("gives a flow without timeout 60 seconds", () => {
    const flow = plainFlow();
    flow.words[W.has0]! &= ~Has0.timeout;
    arrive([CT_NEW, flow]);
    expect(node.kernel.requests[0]!.timeout).toBe(60);
  });
});

describe("CT_UPD", () => {
  it("updates", () => {
    node.kernel.change("new", plainFlow({ mark: 1 }));
    arrive([CT_UPD, plainFlow({ mark: 2 })]);
    expect(log()).toEqual(["update 0"]);
    expect(counters()).toEqual({ ...none, updated: 1 });
  });

  it("creates what is not there", () => {
    arrive([CT_UPD, plainFlow()]);
    expect(log()).toEqual(["update 2", "create 0"]);
    expect(counters()).toEqual({ ...none, updated: 1 });
  });

  it("replaces what cannot be updated", () => {
    node.kernel.change("new", plainFlow({ status: 0x6 }));
    arrive([CT_UPD, plainFlow()]);
    expect(log()).toEqual(["update 16", "delete 0", "create 0"]);
    expect(counters()).toEqual({ ...none, updated: 1 });
  });

  it("fails with a warning", () => {
    node.kernel.refuse = (kind) => (kind === "update" ? ENOENT : EOPNOTSUPP);
    arrive([CT_UPD, plainFlow()]);
    node.kernel.refuse = () => EOPNOTSUPP;
    arrive([CT_UPD, plainFlow()]);
    expect(counters()).toEqual({ ...none, updateFailed: 2 });
    expect(node.journal.lines.filter((each) => each.startsWith("warning"))).toEqual([
      "warning: could not update ct entry, even if creating it instead: errno 95",
      "warning: could not update ct entry, even when deleting it first: errno 95",
    ]);
  });
});

describe("CT_DEL", () => {
  it("deletes, and does not mind what is gone", () => {
    node.kernel.change("new", plainFlow());
    arrive([CT_DEL, plainFlow()]);
    arrive([CT_DEL, plainFlow()]);
    expect(log()).toEqual(["delete 0", "delete 2"]);
    expect(counters()).toEqual({ ...none, destroyed: 1 });
  });

  it("fails with a warning", () => {
    node.kernel.refuse = () => 1;
    arrive([CT_DEL, plainFlow()]);
    expect(counters()).toEqual({ ...none, destroyFailed: 1 });
    expect(node.journal.lines).toContain("warning: could not destroy ct entry: errno 1");
  });
});

describe("a batch", () => {
  it("takes the flows of a datagram together, in order", () => {
    arrive(...[1, 2, 3].map((sourcePort) => [CT_NEW, plainFlow({ sourcePort })] as const));
    expect(node.kernel.batches).toEqual([3]);
  });

  it("is sent before a second message about one of its flows, whose fall-backs it must not overtake", () => {
    arrive([CT_UPD, plainFlow()], [CT_DEL, plainFlow()], [CT_NEW, plainFlow({ mark: 3 })]);
    expect(log()).toEqual(["update 2", "create 0", "delete 0", "create 0"]);
    expect(node.kernel.flows.size).toBe(1);
  });

  it("never exceeds 64 requests", () => {
    arrive(
      ...Array.from({ length: 150 }, (_, i) => [CT_NEW, plainFlow({ sourcePort: 1 + i })] as const),
    );
    expect(node.kernel.batches).toEqual([64, 64, 22]);
    expect(counters().created).toBe(150);
  });

  it("causes events that are ignored", () => {
    arrive([CT_NEW, plainFlow()]);
    node.kernel.pump((bytes) => node.engine.kernelEvent(bytes, 0, bytes.length, 0));
    expect(node.engine.internalCache!.entries).toBe(0);
    expect(node.engine.counters.received).toBe(1);
  });

  it("leaves a commit nothing to do", () => {
    let done = false;
    node.engine.startCommit("committing", () => {
      done = true;
    });
    expect([done, node.engine.busy]).toEqual([true, false]);
  });
});
