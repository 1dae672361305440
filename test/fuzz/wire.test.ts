/**
 * Bytes from strangers: nothing throws, nothing grows without bound, and what decodes is what was
 * encoded. Counterexamples print their seed.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeKernelFlow } from "../../src/flow/kernel-encode.ts";
import { decodeKernelFlow } from "../../src/flow/kernel-table.ts";
import { FlowRegister } from "../../src/flow/register.ts";
import { decodeWireFlow, encodeWireFlow, WIRE_EVERYTHING } from "../../src/flow/wire-table.ts";
import { MessageWriter } from "../../src/netlink/message.ts";
import { Flag, MessageType } from "../../src/sync/message.ts";
import { datagram, flowPayload, message } from "../support/dialogue.ts";
import { anyFlowSeed, buildFlow, describeFlow } from "../support/flows.ts";
import { eventMessage } from "../support/kernel-flows.ts";
import { engineOptions, Node } from "../support/network.ts";

const HASH_LIMIT = 16;
const runs = (numRuns: number) => ({ numRuns });

const anyType = fc.constantFrom(...Object.values(MessageType), 7, 15);
const anyFlags = fc.oneof(
  fc.constant(0),
  fc.constantFrom(...Object.values(Flag)),
  fc.integer({ min: 0, max: 255 }),
);

/** A message as a peer builds it, perhaps with a lying length, version or range. */
const anyMessage = fc
  .record({
    type: anyType,
    flags: anyFlags,
    sequence: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.nat(0xffffffff)),
    seed: anyFlowSeed,
    from: fc.option(fc.nat(0xffffffff), { nil: undefined }),
    length: fc.option(fc.nat(0xffff), { nil: undefined, freq: 12 }),
    version: fc.constantFrom(1, 1, 1, 1, 1, 1, 0, 2),
  })
  .map(({ seed, from, length, ...rest }) =>
    message({
      ...rest,
      ...(from === undefined ? { flow: buildFlow(seed) } : { from, to: from + 5 }),
      ...(length === undefined ? {} : { length }),
    }),
  );

/** Change, cut or repeat some bytes. */
const anyDamage = fc.array(
  fc.record({ at: fc.nat(), value: fc.integer({ min: 0, max: 255 }), cut: fc.boolean() }),
  { maxLength: 4 },
);

function damage(bytes: Uint8Array, wounds: readonly { at: number; value: number; cut: boolean }[]) {
  let out = bytes.slice();
  for (const { at, value, cut } of wounds) {
    if (out.length === 0) break;
    if (cut && value < 64) out = out.slice(0, at % (out.length + 1));
    else out[at % out.length] = value;
  }
  return out;
}

const anyDatagram = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  fc
    .tuple(fc.array(anyMessage, { maxLength: 4 }), anyDamage)
    .map(([all, wounds]) => damage(datagram(...all), wounds)),
);

const anyKernelMessage = fc.oneof(
  fc.uint8Array({ minLength: 16, maxLength: 200 }),
  fc
    .tuple(
      fc.constantFrom("new" as const, "update" as const, "destroy" as const),
      anyFlowSeed,
      anyDamage,
    )
    .map(([kind, seed, wounds]) => {
      const whole = eventMessage(kind, buildFlow(seed));
      const hurt = damage(whole, wounds);
      return hurt.length < 16 ? whole : hurt;
    }),
);

/** What must hold whatever was received. */
function sound(node: Node): void {
  const { engine } = node;
  expect(engine.internalCache!.entries).toBeLessThanOrEqual(HASH_LIMIT);
  expect(engine.externalCache?.entries ?? 0).toBeLessThanOrEqual(HASH_LIMIT);
  const { counters } = engine.receiver;
  const { malformed, ...reasons } = counters;
  expect(Object.values(reasons).reduce((sum, each) => sum + each, 0)).toBe(malformed);
  expect(engine.internalCache!.active).toBeGreaterThanOrEqual(0);
  expect(engine.protocol.unacknowledged).toBeLessThanOrEqual(32);
  expect(engine.protocol.unacknowledged).toBe([...engine.protocol.resendList()].length);
}

describe("an engine", () => {
  it.each([true, false])("stands whatever arrives (external cache: %s)", (externalCache) => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.boolean(), anyDatagram, anyKernelMessage), { maxLength: 40 }),
        (arrivals) => {
          const options = engineOptions({
            hashLimit: HASH_LIMIT,
            mode: { kind: "ftfw", window: 3, resendQueueSize: 32 },
            datagramLimit: 200,
            datagramSlots: 2,
            externalCache,
          });
          const node = new Node("A", options, 0);
          let now = 0;
          for (const [fromPeer, bytes, event] of arrivals) {
            now += 300;
            if (fromPeer) node.receive(bytes, now);
            else node.engine.kernelEvent(event, 0, event.length, now);
            node.turn(now, (sent) => expect(sent.length).toBeLessThan(512));
            sound(node);
          }
          // Still alive: a new flow arrives and is sent.
          node.engine.flush("internal");
          const flow = eventMessage(
            "new",
            buildFlow({ v6: false, protocol: 6, has0: 0, has1: 0, words: [1, 2, 3], mirror: true }),
          );
          node.engine.kernelEvent(flow, 0, flow.length, now);
          expect(node.engine.internalCache!.entries).toBe(1);
          let sent = 0;
          node.turn(now, () => {
            sent += 1;
          });
          expect(sent).toBeGreaterThan(0);
        },
      ),
      runs(400),
    );
  });

  it("survives a commit of whatever it was told", () => {
    fc.assert(
      fc.property(fc.array(anyDatagram, { minLength: 5, maxLength: 40 }), (arrivals) => {
        const node = new Node("A", engineOptions({ hashLimit: HASH_LIMIT }), 0);
        for (const each of arrivals) node.receive(each, 0);
        let done = false;
        node.engine.startCommit("committing", () => {
          done = true;
        });
        // The kernel's answers come between the steps.
        node.turn(0, () => {});
        expect(done).toBe(true);
      }),
      runs(200),
    );
  });
});

/** Written for the kernel and read again. */
function rewritten(flow: FlowRegister): FlowRegister {
  const w = new MessageWriter(8192);
  encodeKernelFlow(w, flow);
  const out = new FlowRegister();
  expect(decodeKernelFlow(out, w.bytes, 0, w.length)).toBe(true);
  return out;
}

describe("codecs", () => {
  it("encode what they decoded from a damaged message to what decodes to the same flow", () => {
    let decoded = 0;
    fc.assert(
      fc.property(anyFlowSeed, anyDamage, (seed, wounds) => {
        const bytes = damage(flowPayload(buildFlow(seed)), wounds);
        const words = new Int32Array(300);
        new Uint8Array(words.buffer).set(bytes);
        const first = new FlowRegister();
        if (!decodeWireFlow(first, words, 0, bytes.length)) return;
        decoded += 1;
        const out = new Int32Array(300);
        const end = encodeWireFlow(first, WIRE_EVERYTHING, out, 0);
        const second = new FlowRegister();
        expect(decodeWireFlow(second, out, 0, end * 4)).toBe(true);
        const again = new Int32Array(300);
        expect(encodeWireFlow(second, WIRE_EVERYTHING, again, 0)).toBe(end);
        expect(again).toEqual(out);
      }),
      runs(3000),
    );
    expect(decoded).toBeGreaterThan(500);
  });

  it("read damaged kernel messages or refuse them, and write what they read", () => {
    let decoded = 0;
    fc.assert(
      fc.property(anyKernelMessage, (bytes) => {
        const first = new FlowRegister();
        if (!decodeKernelFlow(first, bytes, 20, bytes.length)) return;
        decoded += 1;
        // What a damaged message half says is dropped by the first writing, not by the second.
        const second = rewritten(first);
        expect(describeFlow(rewritten(second))).toEqual(describeFlow(second));
      }),
      runs(3000),
    );
    expect(decoded).toBeGreaterThan(500);
  });
});
