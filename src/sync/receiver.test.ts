import { beforeEach, describe, expect, it } from "vitest";
import { datagram, flowPayload, message } from "../../test/support/dialogue.ts";
import { plainFlow } from "../../test/support/kernel-flows.ts";
import { engineOptions, Node } from "../../test/support/network.ts";
import { Flag, MessageType, type Refusal } from "./message.ts";

const { CT_NEW, CT_UPD, CT_DEL, EXP_NEW, CTL } = MessageType;
const { ACK, ALIVE, HELLO, RESYNC } = Flag;

let node: Node;
beforeEach(() => {
  node = new Node("A", engineOptions(), 0);
  node.receive(message({ type: CTL, flags: ALIVE | HELLO, sequence: 1000 }), 0);
});

const entries = () => node.engine.externalCache!.entries;
const cut = (bytes: Uint8Array, length: number) => bytes.slice(0, length);
const attribute = (id: number, ...value: number[]) => {
  const length = 4 + value.length;
  return Uint8Array.of(length >>> 8, length, 0, id, ...value);
};

/** The table of what is refused: each is the only message of its datagram. */
const REFUSED: readonly [string, Uint8Array, Refusal][] = [
  [
    "RESYNC with length 8 in 8 bytes",
    message({ type: CTL, flags: RESYNC, sequence: 1001 }),
    "truncated",
  ],
  [
    "data with attribute 40",
    message({ type: CT_NEW, sequence: 1001, payload: attribute(40, 0, 0, 0, 0) }),
    "payload",
  ],
  [
    "version 2",
    message({ type: CT_NEW, sequence: 1001, version: 2, flow: plainFlow() }),
    "version",
  ],
  ["type 7", message({ type: 7, sequence: 1001 }), "header"],
  ["type 10 with flags 0", message({ type: CTL, sequence: 1001 }), "header"],
  [
    "data with ACK",
    message({ type: CT_NEW, flags: ACK, sequence: 1001, flow: plainFlow() }),
    "header",
  ],
  [
    "ACK that ends before it begins",
    message({ type: CTL, flags: ACK, sequence: 1001, from: 9, to: 8 }),
    "header",
  ],
  ["length 0", message({ type: CT_NEW, sequence: 1001, length: 0 }), "size"],
  ["length 7", message({ type: CT_NEW, sequence: 1001, length: 7 }), "size"],
  ["length 100 in 8 bytes", message({ type: CT_NEW, sequence: 1001, length: 100 }), "size"],
  ["5 bytes", cut(message({ type: CT_NEW, sequence: 1001 }), 5), "truncated"],
  [
    "ACK, length 16, in 12 bytes",
    cut(message({ type: CTL, flags: ACK, sequence: 1001, from: 1, to: 2 }), 12),
    "size",
  ],
  [
    "ACK, length 12, in 12 bytes",
    cut(message({ type: CTL, flags: ACK, sequence: 1001, from: 1, to: 2, length: 12 }), 12),
    "truncated",
  ],
  [
    "ACK, length 12, in 20 bytes",
    datagram(
      message({ type: CTL, flags: ACK, sequence: 1001, from: 1, to: 2, length: 12 }),
      new Uint8Array(4),
    ),
    "size",
  ],
];

describe("what is refused", () => {
  it.each(REFUSED)("%s", (_name, bytes, reason) => {
    node.receive(bytes, 0);
    expect(node.engine.receiver.counters).toEqual({
      malformed: 1,
      version: 0,
      header: 0,
      payload: 0,
      type: 0,
      truncated: 0,
      size: 0,
      [reason]: 1,
    });
    expect(entries()).toBe(0);
    // Only a bad payload has used its sequence number up.
    node.receive(message({ type: CT_NEW, sequence: 1001, flow: plainFlow() }), 0);
    expect(entries()).toBe(reason === "payload" ? 0 : 1);
  });

  it("counts one behind the other", () => {
    // Behind the bad payload, which has used 1001 up, the next number is 1002.
    for (const [i, [, bytes]] of REFUSED.entries()) {
      const next = bytes.slice();
      if (i > 1 && next.length >= 8) new DataView(next.buffer).setUint32(4, 1002);
      node.receive(next, 0);
    }
    expect(node.engine.receiver.counters).toEqual({
      malformed: 14,
      version: 1,
      header: 4,
      payload: 1,
      type: 0,
      truncated: 3,
      size: 5,
    });
  });
});

describe("a datagram", () => {
  it("of no bytes changes nothing", () => {
    node.receive(new Uint8Array(0), 0);
    expect(node.engine.receiver.counters.malformed).toBe(0);
  });

  it("brings its messages in order, and skips the one of an unknown version by its length", () => {
    const flow = plainFlow({ sourcePort: 7 });
    node.receive(
      datagram(
        message({ type: CT_NEW, sequence: 1001, flow }),
        message({ type: CT_NEW, sequence: 0, version: 9, flow }),
        message({ type: CT_UPD, sequence: 1002, flow: plainFlow({ sourcePort: 8 }) }),
        message({ type: CT_DEL, sequence: 1003, flow }),
      ),
      0,
    );
    expect(entries()).toBe(1);
    expect(node.engine.receiver.counters).toMatchObject({ malformed: 1, version: 1 });
  });

  it("keeps what came before the broken rest", () => {
    node.receive(
      datagram(message({ type: CT_NEW, sequence: 1001, flow: plainFlow() }), Uint8Array.of(1, 2)),
      0,
    );
    expect(entries()).toBe(1);
    expect(node.engine.receiver.counters).toMatchObject({ malformed: 1, truncated: 1 });
  });

  it("may hold messages that do not end at a multiple of four", () => {
    const odd = flowPayload(plainFlow({ sourcePort: 1 }));
    const payload = Uint8Array.of(...odd, 0, 0, 0);
    node.receive(
      datagram(
        message({ type: CT_NEW, sequence: 1001, payload }),
        message({ type: CT_NEW, sequence: 1002, flow: plainFlow({ sourcePort: 2 }) }),
        message({ type: CTL, flags: ACK, sequence: 1003, from: 1, to: 2 }),
      ),
      0,
    );
    expect(entries()).toBe(2);
    expect(node.engine.receiver.counters.malformed).toBe(0);
  });

  it("ignores up to four bytes behind the last attribute", () => {
    for (let extra = 0; extra <= 4; extra++) {
      const payload = Uint8Array.of(
        ...flowPayload(plainFlow({ sourcePort: 50 + extra })),
        ...new Array(extra).fill(0xff),
      );
      node.receive(message({ type: CT_NEW, sequence: 1001 + extra, payload }), 0);
    }
    expect(entries()).toBe(5);
    expect(node.engine.receiver.counters.malformed).toBe(0);
  });

  it("may hold expectations, which have no place to go", () => {
    node.receive(message({ type: EXP_NEW, sequence: 1001, payload: attribute(99, 1, 2) }), 0);
    node.receive(message({ type: CT_NEW, sequence: 1002, flow: plainFlow() }), 0);
    expect(entries()).toBe(1);
    expect(node.engine.receiver.counters.malformed).toBe(0);
    expect(node.engine.protocol.counters.lost).toBe(0);
  });

  it("of the greatest size is processed to its end", () => {
    const some = Array.from({ length: 1100 }, (_, i) =>
      message({ type: CT_NEW, sequence: 1001 + i, flow: plainFlow({ sourcePort: 1 + i }) }),
    );
    node.receive(datagram(...some), 0);
    expect(entries()).toBe(1100);
  });
});
