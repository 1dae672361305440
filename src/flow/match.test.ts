import { describe, expect, it } from "vitest";
import { flowMatch, updateMatch } from "./match.ts";
import { AF_INET, FlowRegister, Has0, Status, W } from "./register.ts";
import { FlowTemplate, Given, Nat } from "./template.ts";

function flow(): FlowRegister {
  const r = new FlowRegister();
  r.words.set([Has0.orig | Has0.origL4 | Has0.reply | Has0.replyL4 | Has0.status | Has0.mark]);
  r.words[W.family] = AF_INET;
  r.words[W.protocol] = 6;
  r.bytes.set([10, 0, 0, 1], W.origSrc * 4);
  r.bytes.set([10, 0, 0, 2], W.origDst * 4);
  r.bytes.set([10, 0, 0, 2], W.replySrc * 4);
  r.bytes.set([9, 9, 9, 9], W.replyDst * 4);
  r.words[W.origL4Src] = r.words[W.replyL4Dst] = 1000;
  r.words[W.origL4Dst] = r.words[W.replyL4Src] = 80;
  r.words[W.status] = Status.SEEN_REPLY | Status.SRC_NAT_DONE | Status.DST_NAT_DONE;
  r.words[W.mark] = 0x12;
  return r;
}

function template(say: (t: FlowTemplate) => void): FlowTemplate {
  const t = new FlowTemplate();
  say(t);
  return t;
}

const asks = (say: (t: FlowTemplate) => void, each = flow()) => flowMatch(template(say))(each);

describe("a flow is chosen", () => {
  it("by nothing at all", () => expect(asks(() => undefined)).toBe(true));
  it("by a network", () => {
    const network = (last: number) => (t: FlowTemplate) => {
      t.setFamily(AF_INET);
      t.flow.bytes.set([10, 0, last, 77], W.origSrc * 4);
      new Uint8Array(t.masks.buffer).set([255, 255, 255, 0]);
      t.given = Given.origSrc | Given.srcMask;
    };
    expect([asks(network(0)), asks(network(1))]).toEqual([true, false]);
  });
  it("by a mark under its mask", () => {
    const mark = (value: number, mask: number) => (t: FlowTemplate) => {
      t.flow.words[W.has0] = Has0.mark;
      t.flow.words[W.mark] = value;
      t.markMask = mask;
    };
    expect([asks(mark(0x10, 0xf0)), asks(mark(0x12, 0xf0)), asks(mark(0x12, 0xffffffff))]).toEqual([
      true,
      false,
      true,
    ]);
  });
  it("by bits that are set and bits that are clear", () => {
    const status = (set: number, clear: number) => (t: FlowTemplate) => {
      t.flow.words[W.has0] = Has0.status;
      t.flow.words[W.status] = set;
      t.statusClear = clear;
    };
    expect(asks(status(Status.SEEN_REPLY, Status.ASSURED))).toBe(true);
    expect(asks(status(0, Status.SEEN_REPLY))).toBe(false);
    expect(asks(status(Status.ASSURED, 0))).toBe(false);
  });
  it("by its zone; none is zone 0", () => {
    const zone = (value: number) => (t: FlowTemplate) => {
      t.flow.words[W.has0] = Has0.zone;
      t.flow.words[W.zone] = value;
    };
    expect([asks(zone(0)), asks(zone(5))]).toEqual([true, false]);
  });
  it("by its translation, and by where that leads", () => {
    const nat = (kind: Nat, address?: readonly number[], port?: number) => (t: FlowTemplate) => {
      t.nat = kind;
      t.setFamily(AF_INET);
      if (address !== undefined) {
        t.flow.words[W.has0]! |= Has0.snat;
        t.flow.bytes.set(address, W.snat * 4);
      }
      if (port !== undefined) {
        t.flow.words[W.has0]! |= Has0.snatPort;
        t.flow.words[W.snatPort] = port;
      }
    };
    expect(asks(nat(Nat.source))).toBe(true);
    expect(asks(nat(Nat.destination))).toBe(false);
    expect(asks(nat(Nat.both))).toBe(false);
    expect(asks(nat(Nat.any))).toBe(true);
    expect(asks(nat(Nat.source, [9, 9, 9, 9]))).toBe(true);
    expect(asks(nat(Nat.source, [9, 9, 9, 8]))).toBe(false);
    expect(asks(nat(Nat.source, [9, 9, 9, 9], 1000))).toBe(false);
  });
  it("by labels that are all set, and never by one that the kernel cannot hold", () => {
    const each = flow();
    each.words[W.has0]! |= Has0.labels;
    each.words[W.labelWords] = 4;
    each.words[W.labels + 1] = 0b110;
    const labels =
      (...bits: number[]) =>
      (t: FlowTemplate) =>
        void bits.map((bit) => t.addLabel(bit));
    expect(asks(labels(33, 34), each)).toBe(true);
    expect(asks(labels(33, 3), each)).toBe(false);
    expect(asks(labels(200), each)).toBe(false);
    expect(asks(labels(33))).toBe(false);
  });
});

describe("an update", () => {
  it("takes marks and status for new values", () => {
    const t = template(({ flow: { words } }) => {
      words[W.has0] = Has0.mark | Has0.status | Has0.timeout;
      words[W.mark] = 99;
      words[W.status] = Status.ASSURED;
    });
    expect([updateMatch(t)(flow()), flowMatch(t)(flow())]).toEqual([true, false]);
  });
});
