/**
 * Replication messages as a test sees them: taken apart and written down, byte for byte, with nothing but the sequence
 * number and the hello flags left out. Written apart from the daemon's own codec on purpose: it is what we test.
 */

export interface WireMessage {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  /** All bytes behind the eighth. */
  readonly body: Buffer;
}

export const CTL = 10;
export const RESYNC = 0x02;
export const NACK = 0x04;
export const ACK = 0x08;
export const ALIVE = 0x10;
export const HELLO = 0x20;
export const HELLO_BACK = 0x40;
export const TIMEOUT_ID = 6;

const HEADER_BYTES = 8;
const HELLOS = HELLO | HELLO_BACK;
const TYPES = ["CT_NEW", "CT_UPD", "CT_DEL", "EXP_NEW", "EXP_UPD", "EXP_DEL"];
/** IPV4, IPV6, L4PROTO, PORT, ICMP_TYPE, ICMP_CODE, ICMP_ID, ZONE. */
const IDENTITY = [0, 1, 2, 3, 22, 23, 24, 32];

/** The messages of a datagram. Throws where the bytes are no sequence of messages. */
export function splitMessages(datagram: Buffer): WireMessage[] {
  const messages: WireMessage[] = [];
  for (let at = 0; at < datagram.length; ) {
    const length = datagram.readUInt16BE(at + 2);
    if (length < HEADER_BYTES || at + length > datagram.length || length % 4 !== 0) {
      throw new Error(`bad length ${length} at ${at} of ${datagram.toString("hex")}`);
    }
    const first = datagram.readUInt8(at);
    if (first >> 4 !== 1) throw new Error(`bad version in ${datagram.toString("hex")}`);
    messages.push({
      type: first & 0xf,
      flags: datagram.readUInt8(at + 1),
      sequence: datagram.readUInt32BE(at + 4),
      body: datagram.subarray(at + HEADER_BYTES, at + length),
    });
    at += length;
  }
  return messages;
}

/** The attributes of a message, padding included: `[id, hex]` in the order of the wire. */
export function attributes(message: WireMessage): [number, string][] {
  const { body } = message;
  const found: [number, string][] = [];
  for (let at = 0; at < body.length; ) {
    const bytes = (body.readUInt16BE(at) + 3) & ~3;
    if (bytes < 4) throw new Error(`bad attribute in ${body.toString("hex")}`);
    found.push([body.readUInt16BE(at + 2), body.subarray(at, at + bytes).toString("hex")]);
    at += bytes;
  }
  return found;
}

/** What tells a flow from all others, as a string. */
export function flowKey(message: WireMessage): string {
  return attributes(message)
    .filter(([id]) => IDENTITY.includes(id))
    .map(([, hex]) => hex)
    .join(" ");
}

/** The message as lines, one an attribute; `without` leaves attributes out. */
export function messageText(message: WireMessage, without: readonly number[] = []): string {
  const flags = message.flags & ~HELLOS;
  if (message.type === CTL) return `CTL flags ${flags} ${message.body.toString("hex")}`.trimEnd();
  const lines = attributes(message)
    .filter(([id]) => !without.includes(id))
    .map(([id, hex]) => `  ${id}: ${hex}`);
  return [`${TYPES[message.type] ?? message.type} flags ${flags}`, ...lines].join("\n");
}

/** A message to send: header and attributes or, for ACK, NACK and RESYNC, the range. */
export function buildMessage(
  header: { readonly type: number; readonly flags: number; readonly sequence: number },
  body: Buffer = Buffer.alloc(0),
): Buffer {
  const head = Buffer.alloc(HEADER_BYTES);
  head.writeUInt8(0x10 | header.type, 0);
  head.writeUInt8(header.flags, 1);
  head.writeUInt16BE(HEADER_BYTES + body.length, 2);
  head.writeUInt32BE(header.sequence >>> 0, 4);
  return Buffer.concat([head, body]);
}

/** The range of an ACK, NACK or RESYNC. */
export function rangeBody(from: number, to: number): Buffer {
  const body = Buffer.alloc(8);
  body.writeUInt32BE(from >>> 0, 0);
  body.writeUInt32BE(to >>> 0, 4);
  return body;
}

/** A range read back, for messages that have one. */
export function rangeOf(message: WireMessage): { from: number; to: number } {
  return { from: message.body.readUInt32BE(0), to: message.body.readUInt32BE(4) };
}

/** The body of a message about an established UDP flow `10.88.0.<host>:1000 -> 10.99.0.1:53`. */
export function udpFlowBody(host: number, more = ""): Buffer {
  const source = (0x0a580000 + host).toString(16).padStart(8, "0");
  const words = [`000c0000${source}0a630001`, "000800050000018e", "0005000211000000"];
  return Buffer.from([...words, "0008000303e80035", "000800060000012c", more].join(""), "hex");
}
