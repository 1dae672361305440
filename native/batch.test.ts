import { describe, expect, it } from "vitest";
import { bound, bytes, open, word } from "../test/support/sockets.ts";
import * as c from "./constants.ts";
import * as native from "./index.ts";

describe("datagrams", () => {
  it("arrive in one batch, each in its slot, cut ones with their true length", () => {
    const { fd, address } = bound();
    const arena = Uint8Array.from({ length: 64 }, (_, i) => i);
    const sender = open(c.AF_INET, c.SOCK_DGRAM);
    const offsets = Int32Array.of(0, 10, 20, 40);
    const sizes = Int32Array.of(3, 12, 8, 5);
    expect(native.sendBatch(sender, arena, offsets, sizes, 1, 3, address)).toBe(3);
    const slots = new Uint8Array(40);
    const lengths = new Int32Array(5);
    expect(native.receiveBatch(fd, slots, 8, 5, lengths)).toBe(3);
    expect([...lengths.subarray(0, 3)]).toEqual([12, 8, 5]);
    expect([...slots.subarray(0, 21)]).toEqual([
      ...arena.subarray(10, 18),
      ...arena.subarray(20, 28),
      ...arena.subarray(40, 45),
    ]);
    expect(native.receiveBatch(fd, slots, 8, 5, lengths)).toBe(-c.EAGAIN);
  });

  it("tell their senders, and leave nothing of an earlier address", () => {
    const { fd, address } = bound();
    const from = bound();
    expect(native.sendTo(from.fd, bytes(7), address)).toBe(1);
    const senders = new Uint8Array(28).fill(0xff);
    const lengths = new Int32Array(1);
    const arena = new Uint8Array(8);
    expect(native.receiveBatchFrom(fd, arena, 8, 1, lengths, senders, 28)).toBe(1);
    expect([...senders.subarray(0, 16)]).toEqual([...from.address]);
    expect([...senders.subarray(16)]).toEqual(new Array(12).fill(0));
  });

  it("go to one address each, or to the connected peer", () => {
    const first = bound();
    const second = bound();
    const sender = open(c.AF_INET, c.SOCK_DGRAM);
    const addresses = new Uint8Array([...first.address, ...second.address]);
    const offsets = Int32Array.of(0, 1);
    const sizes = Int32Array.of(1, 2);
    expect(native.sendBatchTo(sender, bytes(1, 2, 3), offsets, sizes, addresses, 16, 2)).toBe(2);
    expect(native.connect(sender, first.address)).toBe(0);
    expect(native.sendBatch(sender, bytes(4), Int32Array.of(0), Int32Array.of(1), 0, 1, null)).toBe(
      1,
    );
    expect(native.send(sender, bytes(5, 6), 1, 1)).toBe(1);
    const into = new Uint8Array(4);
    const lengths = new Int32Array(4);
    expect(native.receiveBatch(first.fd, into, 1, 4, lengths)).toBe(3);
    expect([...into]).toEqual([1, 4, 6, 0]);
    expect(native.receive(second.fd, into, 1, 3)).toBe(2);
    expect([...into.subarray(1, 3)]).toEqual([2, 3]);
  });

  it("of one size pass as segments of one message, and come out as they went in", () => {
    const plain = bound();
    const joined = bound();
    expect(native.setOption(joined.fd, c.SOL_UDP, c.UDP_GRO, word(1))).toBe(0);
    const sender = open(c.AF_INET, c.SOCK_DGRAM);
    const arena = Uint8Array.from({ length: 28 }, (_, i) => i);
    // Three of six bytes and a shorter one; a longer one and a shorter one; one more of that size.
    const offsets = Int32Array.of(0, 6, 12, 18, 20, 26, 27);
    const sizes = Int32Array.of(6, 6, 6, 2, 6, 1, 1);
    for (const { address } of [plain, joined]) {
      expect(native.sendSegments(sender, arena, offsets, sizes, 0, 7, address)).toBe(7);
    }
    const lengths = new Int32Array(8);
    const segments = new Int32Array(8).fill(-1);
    const slots = new Uint8Array(8 * 32);
    expect(native.receiveSegments(plain.fd, slots, 32, 8, lengths, segments)).toBe(7);
    expect([...lengths.subarray(0, 7)]).toEqual([...sizes]);
    expect([...segments]).toEqual([0, 0, 0, 0, 0, 0, 0, -1]);
    expect([...slots.subarray(3 * 32, 3 * 32 + 2)]).toEqual([18, 19]);
    expect(native.receiveSegments(joined.fd, slots, 32, 8, lengths, segments)).toBe(3);
    expect([...lengths.subarray(0, 3)]).toEqual([20, 7, 1]);
    expect([...segments.subarray(0, 3)]).toEqual([6, 6, 0]);
    expect(slots.subarray(0, 20)).toEqual(arena.subarray(0, 20));
    expect(slots.subarray(32, 39)).toEqual(arena.subarray(20, 27));
  });

  it("are as many segments as the kernel takes in one message, and go on in the next", () => {
    const { fd, address } = bound();
    native.setOption(fd, c.SOL_SOCKET, c.SO_RCVBUFFORCE, word(8 << 20));
    const offsets = new Int32Array(200);
    const lengths = new Int32Array(200).fill(1000);
    expect(
      native.sendSegments(fd, bytes(...new Uint8Array(1000)), offsets, lengths, 0, 200, address),
    ).toBe(200);
    expect(native.receiveBatch(fd, new Uint8Array(256), 1, 256, new Int32Array(256))).toBe(200);
  });

  it("without a checksum cannot be segmented", () => {
    const { fd, address } = bound();
    expect(native.setOption(fd, c.SOL_SOCKET, c.SO_NO_CHECK, word(1))).toBe(0);
    const two = Int32Array.of(2, 2);
    expect(native.sendSegments(fd, bytes(1, 2), new Int32Array(2), two, 0, 2, address)).toBe(
      -c.EINVAL,
    );
    expect(native.sendBatch(fd, bytes(1, 2), new Int32Array(2), two, 0, 2, address)).toBe(2);
  });

  it("go out in more than one system call when they are more than 1024", () => {
    const { fd, address } = bound();
    native.setOption(fd, c.SOL_SOCKET, c.SO_RCVBUFFORCE, word(8 << 20));
    const sender = open(c.AF_INET, c.SOCK_DGRAM);
    const zeroes = new Int32Array(1500);
    expect(native.sendBatch(sender, new Uint8Array(1), zeroes, zeroes, 0, 1500, address)).toBe(
      1500,
    );
  });
});
