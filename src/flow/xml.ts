/**
 * A flow as one XML element on one line: `conntrackd -i -x`, `conntrack -o xml`.
 *
 * No declaration, no root, no newline. Some habits of the reference are kept because programs read
 * them: the layer 4 of ICMP is empty, the state of every protocol is named by the TCP table, and a
 * flow without a reply tuple has an empty reply.
 *
 * Described in: doc/flow.md, "XML".
 */
import { LineWriter } from "../kit/line-writer.ts";
import { writeAddress } from "./address-text.ts";
import {
  decimal64,
  familyName,
  labelNames,
  printableText,
  protocolName,
  protocolState,
  stateName,
  TCP_STATES,
  writeDecimal64,
  writeExactAge,
} from "./flow-words.ts";
import {
  type FlowRegister,
  Has0,
  Has1,
  hasPorts,
  IPPROTO_GRE,
  type Register,
  Status,
  W,
} from "./register.ts";
import type { FlowTextOptions } from "./text.ts";

export interface FlowXmlOptions extends FlowTextOptions {
  /** What happened to the flow: `new`, `update`, `destroy`. */
  readonly event?: string | undefined;
  /** The moment of the event, in local time. */
  readonly when?: Date | undefined;
}

/** Where one direction lies in the register. */
interface Direction {
  readonly name: "original" | "reply";
  readonly has: number;
  readonly src: number;
  readonly dst: number;
  readonly l4Src: number;
  readonly l4Dst: number;
  readonly hasZone: number;
  readonly zone: number;
  readonly hasCounters: number;
  readonly packets: number;
  readonly bytes: number;
}

const ORIGINAL: Direction = {
  name: "original",
  has: Has0.orig,
  src: W.origSrc,
  dst: W.origDst,
  l4Src: W.origL4Src,
  l4Dst: W.origL4Dst,
  hasZone: Has0.zoneOrig,
  zone: W.zoneOrig,
  hasCounters: Has1.countersOrig,
  packets: W.packetsOrigLow,
  bytes: W.bytesOrigLow,
};

const REPLY: Direction = {
  name: "reply",
  has: Has0.reply,
  src: W.replySrc,
  dst: W.replyDst,
  l4Src: W.replyL4Src,
  l4Dst: W.replyL4Dst,
  hasZone: Has0.zoneReply,
  zone: W.zoneReply,
  hasCounters: Has1.countersReply,
  packets: W.packetsReplyLow,
  bytes: W.bytesReplyLow,
};

const EMPTY_TUPLE =
  '<layer3 protonum="0" protoname="unknown"><src></src><dst></dst></layer3><layer4 protonum="0" protoname="unknown"></layer4>';

export function flowXml(register: FlowRegister, options: FlowXmlOptions): string {
  const w = new LineWriter(2048);
  writeFlowXml(w, register, options);
  return w.string();
}

export function writeFlowXml(w: LineWriter, register: FlowRegister, options: FlowXmlOptions): void {
  w.text(options.event === undefined ? "<flow>" : `<flow type="${options.event}">`);
  writeDirection(w, register, ORIGINAL);
  writeDirection(w, register, REPLY);
  writeIndependent(w, register, options);
  if (options.when !== undefined) w.text(whenXml(options.when));
  if (register.has0(Has0.helper)) text(w, "helper", stringOf(register, W.helper, W.helperLength));
  w.text("</flow>");
}

function writeDirection(w: LineWriter, register: FlowRegister, at: Direction): void {
  const words = register.words;
  w.text(at === ORIGINAL ? '<meta direction="original">' : '<meta direction="reply">');
  if (register.has0(at.has)) writeTuple(w, register, at);
  else w.text(EMPTY_TUPLE);
  if (register.has0(at.hasZone)) number(w, "zone", words[at.zone]!);
  // The counters of the original direction decide for both.
  if (register.has1(Has1.countersOrig)) {
    const known = register.has1(at.hasCounters);
    w.text("<counters><packets>");
    if (known) writeDecimal64(w, words, at.packets);
    else w.text("0");
    w.text("</packets><bytes>");
    if (known) writeDecimal64(w, words, at.bytes);
    else w.text("0");
    w.text("</bytes></counters>");
  }
  w.text("</meta>");
}

function writeTuple(w: LineWriter, register: FlowRegister, at: Direction): void {
  const { words, bytes } = register;
  const family = words[W.family]!;
  const protocol = words[W.protocol]!;
  w.text('<layer3 protonum="');
  w.decimal(family);
  w.text('" protoname="');
  w.text(familyName(family));
  w.text('"><src>');
  writeAddress(w, family, bytes, at.src * 4);
  w.text("</src><dst>");
  writeAddress(w, family, bytes, at.dst * 4);
  w.text('</dst></layer3><layer4 protonum="');
  w.decimal(protocol);
  w.text('" protoname="');
  w.text(protocolName(protocol));
  w.text('">');
  writeLayer4(w, protocol, words[at.l4Src]!, words[at.l4Dst]!);
  w.text("</layer4>");
}

/** The l4 part of a tuple; nothing for a protocol that has none, and for ICMP. */
export function layer4Xml(protocol: number, from: number, to: number): string {
  const w = new LineWriter(64);
  writeLayer4(w, protocol, from, to);
  return w.string();
}

function writeLayer4(w: LineWriter, protocol: number, from: number, to: number): void {
  if (protocol === IPPROTO_GRE) {
    text(w, "srckey", `0x${from.toString(16)}`);
    text(w, "dstkey", `0x${to.toString(16)}`);
  } else if (hasPorts(protocol)) {
    number(w, "sport", from);
    number(w, "dport", to);
  }
}

function writeIndependent(w: LineWriter, register: FlowRegister, options: FlowXmlOptions): void {
  const words = register.words;
  const state = protocolState(words);
  w.text('<meta direction="independent">');
  if (state !== -1) text(w, "state", stateName(TCP_STATES, state));
  if (options.timeout === true && register.has0(Has0.timeout)) {
    number(w, "timeout", words[W.timeout]!);
  }
  if (register.has0(Has0.mark)) number(w, "mark", words[W.mark]!);
  if (options.labels !== undefined && register.has0(Has0.labels)) {
    const names = labelNames(words, options.labels).map((name) => `<label>${name}</label>`);
    text(w, "labels", names.join(""));
  }
  if (register.has1(Has1.secmark)) number(w, "secmark", words[W.secmark]!);
  if (register.has1(Has1.secctx)) {
    text(w, "secctx", stringOf(register, W.secctx, W.secctxLength));
  }
  if (register.has0(Has0.zone)) number(w, "zone", words[W.zone]!);
  if (register.has1(Has1.use)) number(w, "use", words[W.use]!);
  if (register.has1(Has1.id)) number(w, "id", words[W.id]!);
  if (register.has0(Has0.status)) {
    const status = words[W.status]!;
    if ((status & Status.ASSURED) !== 0) w.text("<assured/>");
    if ((status & Status.SEEN_REPLY) === 0) w.text("<unreplied/>");
  }
  if (options.times !== undefined) writeTimestamp(w, register);
  if (register.has1(Has1.start)) {
    w.text("<deltatime>");
    writeExactAge(w, register, options.now);
    w.text("</deltatime>");
  }
  w.text("</meta>");
}

function writeTimestamp(w: LineWriter, register: FlowRegister): void {
  if (!register.has1(Has1.start | Has1.stop)) return;
  w.text("<timestamp>");
  if (register.has1(Has1.start)) text(w, "start", decimal64(register.words, W.startLow));
  if (register.has1(Has1.stop)) text(w, "stop", decimal64(register.words, W.stopLow));
  w.text("</timestamp>");
}

/** A moment in local time. The day of the week counts from 1, Sunday. */
export function whenXml(when: Date): string {
  const two = (value: number) => `${value}`.padStart(2, "0");
  const time = `<hour>${when.getHours()}</hour><min>${two(when.getMinutes())}</min><sec>${two(when.getSeconds())}</sec>`;
  const day = `<wday>${when.getDay() + 1}</wday><day>${when.getDate()}</day><month>${when.getMonth() + 1}</month><year>${when.getFullYear()}</year>`;
  return `<when>${time}${day}</when>`;
}

function number(w: LineWriter, name: string, value: number): void {
  w.text("<");
  w.text(name);
  w.text(">");
  w.decimal(value);
  close(w, name);
}

function text(w: LineWriter, name: string, value: string): void {
  w.text("<");
  w.text(name);
  w.text(">");
  w.text(value);
  close(w, name);
}

function close(w: LineWriter, name: string): void {
  w.text("</");
  w.text(name);
  w.text(">");
}

export function element(name: string, value: string | number): string {
  return `<${name}>${value}</${name}>`;
}

/** A string of a register, safe inside an element. */
export function stringOf(register: Register, word: number, length: number): string {
  return printableText(register, word, register.words[length]!)
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;");
}
