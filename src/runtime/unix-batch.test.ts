import { beforeEach, describe, expect, it } from "vitest";
import { UnixBatch, WAITING_MAX_MESSAGES } from "./unix-batch.ts";

const EAGAIN = -11;
const ECONNREFUSED = -111;

let received: string[];
let systemCalls: number;
let told: number[];
/** Messages the listener still takes; negative: an errno. */
let room: number;

function open(): UnixBatch {
  return new UnixBatch({
    path: "/dev/log",
    onTrouble: (dropped) => told.push(dropped),
    calls: {
      socket: () => 5,
      close: () => 0,
      sendBatch(_fd, arena, offsets, lengths, first, count) {
        systemCalls += 1;
        if (room <= 0) return room === 0 ? EAGAIN : room;
        const taken = Math.min(room, count);
        room -= taken;
        for (let i = first; i < first + taken; i++) {
          const at = offsets[i]!;
          received.push(Buffer.from(arena.subarray(at, at + lengths[i]!)).toString());
        }
        return taken;
      },
    },
  });
}

const bytes = (n: number) => new TextEncoder().encode(`message ${n}`);
const turn = () => new Promise((resolve) => setImmediate(resolve));
const expected = (count: number) => Array.from({ length: count }, (_, i) => `message ${i}`);

beforeEach(() => {
  received = [];
  systemCalls = 0;
  told = [];
  room = Number.MAX_SAFE_INTEGER;
});

describe("datagrams to a local socket", () => {
  it("leave together at the end of the turn, 256 a system call", async () => {
    const batch = open();
    for (let i = 0; i < 600; i++) batch.post(bytes(i));
    expect(systemCalls).toBe(0);
    await turn();
    expect(received).toEqual(expected(600));
    expect(systemCalls).toBe(3);
  });

  it("wait for a listener that is slow, in their order", async () => {
    const batch = open();
    room = 10;
    for (let i = 0; i < 25; i++) batch.post(bytes(i));
    await turn();
    expect(received.length).toBe(10);
    while (received.length < 25) {
      room = 10;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    expect(received).toEqual(expected(25));
    expect(told).toEqual([]);
    batch.close();
  });

  it("have the whole bound again as the listener takes them", () => {
    const batch = open();
    const all = WAITING_MAX_MESSAGES + 3000;
    for (let i = 0; i < all; i++) {
      room = i < WAITING_MAX_MESSAGES ? 0 : 3;
      batch.post(bytes(i));
    }
    room = Number.MAX_SAFE_INTEGER;
    batch.close();
    expect(received).toEqual(expected(all));
    expect(told).toEqual([]);
  });

  it("are dropped, and counted, past the bound; both are told once", async () => {
    const batch = open();
    room = 0;
    for (let i = 0; i < WAITING_MAX_MESSAGES + 7; i++) batch.post(bytes(i));
    expect(told).toEqual([0]);
    room = Number.MAX_SAFE_INTEGER;
    batch.flush();
    expect(received).toEqual(expected(WAITING_MAX_MESSAGES));
    expect(told).toEqual([0, 7]);
    batch.close();
  });

  it("are dropped where nobody listens", async () => {
    const batch = open();
    room = ECONNREFUSED;
    for (let i = 0; i < 3; i++) batch.post(bytes(i));
    batch.flush();
    batch.post(bytes(3));
    batch.flush();
    expect(told).toEqual([0]);
    room = Number.MAX_SAFE_INTEGER;
    batch.post(bytes(4));
    batch.close();
    expect(received).toEqual(["message 4"]);
    expect(told).toEqual([0, 4]);
  });
});
