/**
 * A flow as one XML element on one line: `conntrackd -i -x`.
 *
 * No declaration, no root, no newline. Three habits of the reference are kept because programs read
 * them: the layer 4 of ICMP is empty, the state of every protocol is named by the TCP table, and a
 * flow without a reply tuple has an empty reply.
 *
 * Described in: doc/flow.md, "XML".
 */
import { addressText } from "./address-text.ts";
import {
  decimal64,
  deltaSeconds,
  printableText,
  protocolName,
  protocolState,
  stateName,
  TCP_STATES,
} from "./flow-words.ts";
import {
  AF_INET,
  AF_INET6,
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

export function flowXml(register: FlowRegister, options: FlowTextOptions): string {
  const helper = register.has0(Has0.helper)
    ? element("helper", stringOf(register, W.helper, W.helperLength))
    : "";
  return `<flow>${directionXml(register, ORIGINAL)}${directionXml(register, REPLY)}${independentXml(register, options)}${helper}</flow>`;
}

function directionXml(register: FlowRegister, at: Direction): string {
  const words = register.words;
  let text = `<meta direction="${at.name}">${register.has0(at.has) ? tupleXml(register, at) : EMPTY_TUPLE}`;
  if (register.has0(at.hasZone)) text += element("zone", words[at.zone]!);
  if (register.has1(at.hasCounters)) {
    text += `<counters>${element("packets", decimal64(words, at.packets))}${element("bytes", decimal64(words, at.bytes))}</counters>`;
  }
  return `${text}</meta>`;
}

function tupleXml(register: FlowRegister, at: Direction): string {
  const { words, bytes } = register;
  const family = words[W.family]!;
  const protocol = words[W.protocol]!;
  const addresses =
    element("src", addressText(family, bytes, at.src * 4)) +
    element("dst", addressText(family, bytes, at.dst * 4));
  return (
    `<layer3 protonum="${family}" protoname="${familyName(family)}">${addresses}</layer3>` +
    `<layer4 protonum="${protocol}" protoname="${protocolName(protocol)}">${layer4Xml(protocol, words[at.l4Src]!, words[at.l4Dst]!)}</layer4>`
  );
}

export function layer4Xml(protocol: number, from: number, to: number): string {
  if (protocol === IPPROTO_GRE) {
    return element("srckey", `0x${from.toString(16)}`) + element("dstkey", `0x${to.toString(16)}`);
  }
  return hasPorts(protocol) ? element("sport", from) + element("dport", to) : "";
}

function independentXml(register: FlowRegister, options: FlowTextOptions): string {
  const words = register.words;
  const state = protocolState(words);
  let text = "";
  if (state !== -1) text += element("state", stateName(TCP_STATES, state));
  if (options.timeout === true && register.has0(Has0.timeout)) {
    text += element("timeout", words[W.timeout]!);
  }
  if (register.has0(Has0.mark)) text += element("mark", words[W.mark]!);
  if (register.has1(Has1.secmark)) text += element("secmark", words[W.secmark]!);
  if (register.has1(Has1.secctx)) {
    text += element("secctx", stringOf(register, W.secctx, W.secctxLength));
  }
  if (register.has0(Has0.zone)) text += element("zone", words[W.zone]!);
  if (register.has1(Has1.use)) text += element("use", words[W.use]!);
  if (register.has1(Has1.id)) text += element("id", words[W.id]!);
  if (register.has0(Has0.status)) {
    const status = words[W.status]!;
    if ((status & Status.ASSURED) !== 0) text += "<assured/>";
    if ((status & Status.SEEN_REPLY) === 0) text += "<unreplied/>";
  }
  if (register.has1(Has1.start))
    text += element("deltatime", `${deltaSeconds(register, options.now)}`);
  return `<meta direction="independent">${text}</meta>`;
}

export function familyName(family: number): string {
  if (family === AF_INET) return "ipv4";
  return family === AF_INET6 ? "ipv6" : "unknown";
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
