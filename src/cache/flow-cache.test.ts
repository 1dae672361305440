import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { anyFlowSeed, buildFlow, describeFlow } from "../../test/support/flows.ts";
import { flowKey, plainFlow } from "../../test/support/kernel-flows.ts";
import { mergeFlow } from "../flow/merge.ts";
import { deriveNat } from "../flow/nat.ts";
import { FlowRegister, Has0, IPPROTO_GRE, W } from "../flow/register.ts";
import { WIRE_EVERYTHING } from "../flow/wire-table.ts";
import { Arena, NULL_REF } from "./arena.ts";
import { FlowCache } from "./flow-cache.ts";
import { QueueId, RecordQueue } from "./queue.ts";
import { State } from "./record.ts";

const newCache = (limit = 1000) =>
  new FlowCache({ limit, mask: WIRE_EVERYTHING, fromKernel: true, seed: 99 });

function copy(flow: FlowRegister): FlowRegister {
  const out = new FlowRegister();
  out.copyFrom(flow);
  return out;
}

/** A small world of identities, so that steps meet: every kind of key part differs somewhere. */
function identity(n: number): FlowRegister {
  const kinds = [
    plainFlow({ sourcePort: 1 + (n >> 3) }),
    plainFlow({ sourcePort: 1 + (n >> 3), zone: 1 + (n & 1) }),
    plainFlow({ protocol: 17, sourcePort: 1 + (n >> 3) }),
    plainFlow({ protocol: 1, sourcePort: 1 + (n >> 3) }),
    plainFlow({ protocol: IPPROTO_GRE, sourcePort: n >> 3, targetPort: n >> 3 }),
    plainFlow({
      source: "2001:db8:0:0:0:0:0:1",
      target: "2001:db8:0:0:0:0:0:2",
      sourcePort: n >> 3,
    }),
    plainFlow({ protocol: 136, sourcePort: n >> 3 }),
    plainFlow({ protocol: 253 }),
  ];
  const flow = kinds[n & 7]!;
  if ((n & 7) === 7) flow.words[W.origSrc] = n;
  if ((n & 15) === 8) {
    flow.words[W.zoneOrig] = 3;
    flow.words[W.has0]! |= Has0.zoneOrig;
  }
  return flow;
}

interface Entry {
  readonly flow: FlowRegister;
  state: State;
  created: number;
  updated: number;
}

const anyStep = fc.record({
  what: fc.constantFrom("add", "add", "update", "update", "kill", "remove", "clear"),
  n: fc.integer({ min: 0, max: 63 }),
  attributes: anyFlowSeed,
  luck: fc.integer({ min: 0, max: 30 }),
});

/** Attributes of a generated flow on the tuple of another. */
function dress(tuple: FlowRegister, from: FlowRegister): FlowRegister {
  const out = copy(tuple);
  const wanted = copy(from);
  const drop =
    Has0.master | Has0.masterL4 | Has0.status | Has0.zone | Has0.zoneOrig | Has0.zoneReply;
  const protocols =
    Has0.tcpState |
    Has0.wscaleOrig |
    Has0.wscaleReply |
    Has0.tcpFlagsOrig |
    Has0.tcpFlagsReply |
    Has0.sctpState |
    Has0.sctpVtagOrig |
    Has0.sctpVtagReply |
    Has0.dccpState |
    Has0.dccpRole |
    Has0.dccpHandshake;
  wanted.words[W.has0]! &= ~(drop | protocols);
  mergeFlow(out, wanted);
  return out;
}

describe("a cache", () => {
  it("holds what a Map by identity holds", () => {
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 120 }), (steps) => {
        const cache = newCache();
        const model = new Map<string, Entry>();
        let now = 1;
        for (const { what, n, attributes, luck } of steps) {
          now += 1;
          const flow = dress(identity(n), buildFlow(attributes));
          const key = flowKey(flow);
          const known = model.get(key);
          const ref = cache.find(flow);
          expect(ref !== NULL_REF).toBe(known !== undefined);
          if (what === "clear") {
            if (luck > 0) continue;
            cache.clear();
            model.clear();
          } else if (what === "add" && known === undefined) {
            expect(cache.add(flow, now)).not.toBe(NULL_REF);
            model.set(key, { flow: copy(flow), state: State.new, created: now, updated: now });
          } else if (known === undefined) continue;
          else if (what === "update" && known.state !== State.dead) {
            cache.update(ref, flow, now);
            mergeFlow(known.flow, flow);
            deriveNat(known.flow);
            known.state = State.alive;
            known.updated = now;
          } else if (what === "kill" && known.state !== State.dead) {
            cache.kill(ref);
            known.state = State.dead;
          } else if (what === "remove") {
            cache.remove(ref);
            model.delete(key);
          }
        }
        expect(cache.entries).toBe(model.size);
        const dead = [...model.values()].filter((each) => each.state === State.dead).length;
        expect(cache.active).toBe(model.size - dead);
        const loaded = new FlowRegister();
        for (const { flow, state, created, updated } of model.values()) {
          const ref = cache.find(flow);
          expect(ref).not.toBe(NULL_REF);
          expect([cache.state(ref), cache.created(ref), cache.updated(ref)]).toEqual([
            state,
            created,
            updated,
          ]);
          cache.load(ref, loaded);
          expect(describeFlow(loaded)).toEqual(describeFlow(flow));
        }
      }),
      { numRuns: 120 },
    );
  });

  it("tells GRE keys, UDP-Lite ports and zones apart", () => {
    const cache = newCache();
    const all = [
      plainFlow({ protocol: IPPROTO_GRE, sourcePort: 1, targetPort: 2 }),
      plainFlow({ protocol: IPPROTO_GRE, sourcePort: 1, targetPort: 3 }),
      plainFlow({ protocol: IPPROTO_GRE, sourcePort: 0, targetPort: 0 }),
      plainFlow({ protocol: 136, sourcePort: 5 }),
      plainFlow({ protocol: 136, sourcePort: 6 }),
      plainFlow(),
      plainFlow({ zone: 5 }),
      plainFlow({ zone: 6 }),
    ];
    const refs = all.map((flow) => {
      expect(cache.find(flow)).toBe(NULL_REF);
      return cache.add(flow, 0);
    });
    expect(all.map((flow) => cache.find(flow))).toEqual(refs);
    expect(cache.find(plainFlow({ zone: 0 }))).toBe(refs[5]);
  });

  it("refuses what is beyond its limit, counts it, and takes it when there is room again", () => {
    const cache = newCache(2);
    cache.add(plainFlow({ sourcePort: 1 }), 0);
    const second = cache.add(plainFlow({ sourcePort: 2 }), 0);
    expect(cache.add(plainFlow({ sourcePort: 3 }), 0)).toBe(NULL_REF);
    expect(cache.counters).toMatchObject({ created: 2, createFailed: 1, noSpace: 1 });
    // A dead entry takes its place until it is removed.
    cache.kill(second);
    expect(cache.add(plainFlow({ sourcePort: 3 }), 0)).toBe(NULL_REF);
    cache.remove(second);
    expect(cache.add(plainFlow({ sourcePort: 3 }), 0)).not.toBe(NULL_REF);
    expect(cache.counters).toMatchObject({ created: 3, createFailed: 2, destroyed: 1 });
  });

  it("keeps its place in a queue when an update moves it", () => {
    const arena = new Arena();
    const queue = new RecordQueue(arena, QueueId.transmit);
    const cache = new FlowCache({
      limit: 10,
      mask: WIRE_EVERYTHING,
      fromKernel: true,
      seed: 1,
      arena,
      queues: [undefined, queue],
    });
    const refs = [1, 2, 3].map((sourcePort) => cache.add(plainFlow({ sourcePort }), 0));
    for (const ref of refs) queue.append(ref);
    const bigger = plainFlow({ sourcePort: 2, mark: 1, tcpState: 3 });
    bigger.words[W.labelWords] = 4;
    bigger.words.fill(7, W.labels, W.labels + 4);
    bigger.words[W.has0]! |= Has0.labels;
    const moved = cache.update(refs[1]!, bigger, 1);
    expect(moved).not.toBe(refs[1]);
    expect([queue.head, queue.next(refs[0]!), queue.next(moved), queue.tail, queue.length]).toEqual(
      [refs[0], moved, refs[2], refs[2], 3],
    );
    expect(cache.find(bigger)).toBe(moved);
  });

  it("keeps an attribute that an update lacks, and lets a status of 0 overwrite", () => {
    const cache = newCache();
    const ref = cache.add(plainFlow({ mark: 7, status: 0x6 }), 0);
    const update = plainFlow({ timeout: 5 });
    update.words[W.status] = 0;
    const loaded = new FlowRegister();
    cache.load(cache.update(ref, update, 1), loaded);
    expect([loaded.words[W.mark], loaded.words[W.status], loaded.words[W.timeout]]).toEqual([
      7, 0, 5,
    ]);
  });

  it("shows every entry once to a scan in steps, while entries come, grow and go", () => {
    const cache = newCache(20_000);
    for (let i = 0; i < 6000; i++) {
      cache.add(plainFlow({ source: `10.0.${i >> 8}.${i & 255}` }), 0);
    }
    const seen = new Map<string, number>();
    const flow = new FlowRegister();
    let added = 0;
    cache.beginScan();
    for (let bucket = 0; bucket >= 0; ) {
      bucket = cache.scan(bucket, 100, (ref) => {
        cache.load(ref, flow);
        const key = flowKey(flow);
        seen.set(key, (seen.get(key) ?? 0) + 1);
        const at = flow.words[W.origSrc]! >>> 24;
        if (at % 3 === 0) cache.remove(ref);
        else if (at % 3 === 1) cache.update(ref, plainFlow({ mark: 1, tcpState: 3 }), 1);
      });
      for (let i = 0; i < 40; i++, added++) {
        cache.add(plainFlow({ source: `10.9.${added >> 8}.${added & 255}` }), 0);
      }
    }
    cache.endScan();
    const old = [...seen].filter(([key]) => !key.includes(" 0a09"));
    expect(old).toHaveLength(6000);
    expect(old.every(([, times]) => times === 1)).toBe(true);
  });
});
