/** Replication messages by hand: built, taken apart, and told in one line each. */

import { addressText } from "../../src/flow/address-text.ts";
import { protocolName, stateName, TCP_STATES } from "../../src/flow/flow-words.ts";
import { FlowRegister, Has0, W } from "../../src/flow/register.ts";
import { decodeWireFlow, encodeWireFlow, WIRE_EVERYTHING } from "../../src/flow/wire-table.ts";
import { Flag, MessageType } from "../../src/sync/message.ts";

export interface MessageSpec {
  readonly type: number;
  readonly flags?: number;
  readonly sequence: number;
  readonly from?: number;
  readonly to?: number;
  readonly flow?: FlowRegister;
  /** Raw bytes behind the header instead of a flow. */
  readonly payload?: Uint8Array;
  readonly version?: number;
  /** What the length field says, where that is not the truth. */
  readonly length?: number;
}

const RANGED = Flag.ACK | Flag.NACK | Flag.RESYNC;

/** The attributes of a flow as they travel. */
export function flowPayload(flow: FlowRegister): Uint8Array {
  const words = new Int32Array(160);
  const end = encodeWireFlow(flow, WIRE_EVERYTHING, words, 0);
  return new Uint8Array(words.buffer).slice(0, end * 4);
}

export function message(spec: MessageSpec): Uint8Array {
  const flags = spec.flags ?? 0;
  const ranged = spec.from !== undefined || spec.to !== undefined;
  const payload = spec.payload ?? (spec.flow ? flowPayload(spec.flow) : new Uint8Array(0));
  const header = ranged ? 16 : 8;
  const bytes = new Uint8Array(header + payload.length);
  const view = new DataView(bytes.buffer);
  bytes[0] = ((spec.version ?? 1) << 4) | spec.type;
  bytes[1] = flags;
  view.setUint16(2, spec.length ?? bytes.length);
  view.setUint32(4, spec.sequence);
  if (ranged) {
    view.setUint32(8, spec.from ?? 0);
    view.setUint32(12, spec.to ?? 0);
  }
  bytes.set(payload, header);
  return bytes;
}

export function datagram(...messages: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(messages.reduce((sum, each) => sum + each.length, 0));
  let at = 0;
  for (const each of messages) {
    out.set(each, at);
    at += each.length;
  }
  return out;
}

export interface ReadMessage {
  readonly type: number;
  readonly flags: number;
  readonly length: number;
  readonly sequence: number;
  readonly from: number;
  readonly to: number;
  readonly bytes: Uint8Array;
}

/** Take a well-formed datagram apart. */
export function readDatagram(bytes: Uint8Array): ReadMessage[] {
  const out: ReadMessage[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  for (let at = 0; at < bytes.length; ) {
    const type = bytes[at]! & 0xf;
    const flags = bytes[at + 1]!;
    const length = view.getUint16(at + 2);
    const ranged = type === MessageType.CTL && (flags & RANGED) !== 0;
    out.push({
      type,
      flags,
      length,
      sequence: view.getUint32(at + 4),
      from: ranged ? view.getUint32(at + 8) : 0,
      to: ranged ? view.getUint32(at + 12) : 0,
      bytes: bytes.slice(at, at + length),
    });
    if (length === 0) throw new Error("an empty message");
    at += length;
  }
  return out;
}

/** The flow of a data message; throws where it does not decode. */
export function messageFlow(read: ReadMessage): FlowRegister {
  const flow = new FlowRegister();
  const aligned = new Int32Array((read.length >> 2) + 4);
  new Uint8Array(aligned.buffer).set(read.bytes);
  if (!decodeWireFlow(flow, aligned, 2, read.length - 8)) throw new Error("a payload that decodes");
  return flow;
}

const TYPE_NAMES = new Map<number, string>(
  Object.entries(MessageType).map(([name, type]) => [type, name]),
);

function flagNames(flags: number): string {
  return Object.entries(Flag)
    .filter(([, bit]) => (flags & bit) !== 0)
    .map(([name]) => name)
    .join(",");
}

/** `tcp 10.1.1.1:1024 > 10.2.2.2:80 ESTABLISHED mark=3`. */
export function flowWords(flow: FlowRegister): string {
  const { words, bytes } = flow;
  const family = words[W.family]!;
  const ends = `${addressText(family, bytes, W.origSrc * 4)}:${words[W.origL4Src]} > ${addressText(family, bytes, W.origDst * 4)}:${words[W.origL4Dst]}`;
  const parts = [protocolName(words[W.protocol]!), ends];
  if (flow.has0(Has0.tcpState)) parts.push(stateName(TCP_STATES, words[W.tcpState]!));
  if (flow.has0(Has0.mark)) parts.push(`mark=${words[W.mark]}`);
  return parts.join(" ");
}

/** One line: `ACK,HELLO 1003 [1001-1002]`, `CT_NEW,HELLO 1001 tcp …`. */
export function messageWords(read: ReadMessage): string {
  const flags = flagNames(read.flags);
  const control = read.type === MessageType.CTL;
  const name = TYPE_NAMES.get(read.type) ?? `type ${read.type}`;
  const head = control ? flags : [name, flags].filter((each) => each !== "").join(",");
  if (control) {
    const range = (read.flags & RANGED) !== 0 ? ` [${read.from}-${read.to}]` : "";
    return `${head} ${read.sequence}${range}`;
  }
  return `${head} ${read.sequence} ${flowWords(messageFlow(read))}`;
}
