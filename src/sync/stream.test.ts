import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Flag, MessageType } from "./message.ts";
import { MessageStream } from "./stream.ts";

/** A message of that many bytes; its number tells it from others. */
function message(bytes: number, sequence: number, type = 0, flags = 0): Buffer {
  const out = Buffer.alloc(bytes, 0xee);
  out[0] = 0x10 | type;
  out[1] = flags;
  out.writeUInt16BE(bytes, 2);
  out.writeUInt32BE(sequence, 4);
  return out;
}

/** Give the stream these bytes as one read; what it takes for whole messages. */
function read(stream: MessageStream, chunk: Uint8Array): Buffer {
  expect(chunk.length).toBeLessThanOrEqual(stream.room);
  stream.bytes.set(chunk, stream.held);
  const whole = stream.append(chunk.length);
  const out = Buffer.from(stream.bytes.slice(0, whole));
  stream.release(whole);
  return out;
}

const anyMessages = fc.array(fc.oneof(fc.integer({ min: 8, max: 90 }), fc.constant(65535)), {
  maxLength: 12,
});
/** Lengths of reads, used round and round. */
const anyReads = fc.array(fc.integer({ min: 1, max: 65536 }), { minLength: 1, maxLength: 6 });

describe("a stream of messages", () => {
  it("gives the messages back whole, in order, however the reads cut them", () => {
    fc.assert(
      fc.property(anyMessages, anyReads, (lengths, reads) => {
        const all = Buffer.concat(lengths.map((bytes, i) => message(bytes, i)));
        const stream = new MessageStream();
        const taken: Buffer[] = [];
        for (let at = 0, i = 0; at < all.length; i++) {
          const size = Math.min(reads[i % reads.length]!, stream.room);
          const whole = read(stream, all.subarray(at, at + size));
          at += size;
          // What is given begins with a header and ends where a message ends.
          for (let from = 0; from < whole.length; from += whole.readUInt16BE(from + 2)) {
            expect(from + whole.readUInt16BE(from + 2)).toBeLessThanOrEqual(whole.length);
          }
          taken.push(whole);
        }
        expect(Buffer.concat(taken).equals(all)).toBe(true);
        expect(stream.held).toBe(0);
        expect(stream.isBroken).toBe(false);
      }),
      { numRuns: 60 },
    );
  });

  it("never holds more than a message and always has room, whatever the bytes are", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 400 })), (chunks) => {
        const stream = new MessageStream();
        for (const chunk of chunks) {
          read(stream, chunk);
          expect(stream.held).toBeLessThan(65536);
          if (stream.isBroken) stream.reset();
        }
      }),
    );
  });

  it("keeps an incomplete message, and forgets it when another connection begins", () => {
    const stream = new MessageStream();
    expect(read(stream, message(20, 1).subarray(0, 19))).toHaveLength(0);
    expect(stream.held).toBe(19);
    stream.reset();
    expect(read(stream, message(12, 2))).toEqual(message(12, 2));
  });

  it.each([
    ["of length 0", 0, 0],
    ["shorter than its header", 7, 0],
    ["of an acknowledgement that is too short for a range", 12, Flag.ACK],
  ])("is broken by a header %s, and gives the rest to be counted", (_, length, flags) => {
    const stream = new MessageStream();
    const bad = message(20, 2, flags === 0 ? 0 : MessageType.CTL, flags);
    bad.writeUInt16BE(length, 2);
    expect(read(stream, Buffer.concat([message(8, 1), bad]))).toHaveLength(28);
    expect(stream.isBroken).toBe(true);
    expect(stream.held).toBe(0);
  });
});
