/**
 * A flow as one line of plain text: what dumps, lists, events, the flow log and the lines of failed
 * entries share.
 *
 * It adds no suffix, no time and no newline: those belong to whoever prints. Lists of 400,000 flows
 * run through here, so it writes bytes and makes no string.
 *
 * Described in: doc/flow.md, "Text".
 */
import { LineWriter } from "../kit/line-writer.ts";
import { writeAddress } from "./address-text.ts";
import {
  DCCP_STATES,
  familyName,
  labelNames,
  protocolName,
  protocolState,
  SCTP_STATES,
  stateName,
  TCP_STATES,
  wholeSeconds,
  writeAge,
  writeDecimal64,
  writePrintable,
} from "./flow-words.ts";
import type { LabelMap } from "./label-map.ts";
import {
  type FlowRegister,
  Has0,
  Has1,
  hasPorts,
  IPPROTO_DCCP,
  IPPROTO_GRE,
  IPPROTO_SCTP,
  isIcmp,
  Status,
  W,
} from "./register.ts";

export interface FlowTextOptions {
  /** Print the timeout where the flow has one. Dumps of a cache do not. */
  readonly timeout?: boolean;
  /** Milliseconds since the Unix epoch: the age of a flow whose start is known. */
  readonly now: number;
  /** Begin with name and number of the address family: `-o extended`. */
  readonly family?: boolean;
  /** Print start and stop, written by this: `-o ktimestamp`. In XML they are nanoseconds. */
  readonly times?: ((time: Date) => string) | undefined;
  /** Print the kernel's number of the entry. In XML it always is. */
  readonly id?: boolean;
  /** Print the labels by these names. */
  readonly labels?: LabelMap | undefined;
}

/** Name and number of each protocol, as a line begins. */
const HEADS: readonly string[] = Array.from(
  { length: 256 },
  (_, protocol) => `${protocolName(protocol).padEnd(8)} ${protocol}`,
);

/** The pieces that nearly every flow lacks: one test skips them all. */
const RARE_HAS0 = Has0.zone | Has0.helper | Has0.labels;
const RARE_HAS1 = Has1.start | Has1.stop | Has1.secmark | Has1.secctx;

export function flowText(register: FlowRegister, options: FlowTextOptions): string {
  const w = new LineWriter(512);
  writeFlowText(w, register, options);
  return w.string();
}

export function writeFlowText(
  w: LineWriter,
  register: FlowRegister,
  options: FlowTextOptions,
): void {
  const words = register.words;
  const has0 = words[W.has0]!;
  const has1 = words[W.has1]!;
  const status = (has0 & Has0.status) === 0 ? -1 : words[W.status]!;
  if (options.family === true) w.text(familyHead(words[W.family]!));
  w.text(HEADS[words[W.protocol]! & 0xff]!);
  if (options.timeout === true && (has0 & Has0.timeout) !== 0) number(w, " ", words[W.timeout]!);
  writeState(w, words);
  writeTuple(w, register, W.origSrc, W.origDst, W.origL4Src, W.origL4Dst);
  if ((has0 & Has0.zoneOrig) !== 0) number(w, " zone-orig=", words[W.zoneOrig]!);
  if ((has1 & Has1.countersOrig) !== 0) counters(w, words, W.packetsOrigLow, W.bytesOrigLow);
  if (status !== -1 && (status & Status.SEEN_REPLY) === 0) w.text(" [UNREPLIED]");
  if ((has0 & Has0.reply) !== 0) {
    writeTuple(w, register, W.replySrc, W.replyDst, W.replyL4Src, W.replyL4Dst);
  }
  if ((has0 & Has0.zoneReply) !== 0) number(w, " zone-reply=", words[W.zoneReply]!);
  if ((has1 & Has1.countersReply) !== 0) counters(w, words, W.packetsReplyLow, W.bytesReplyLow);
  if (status !== -1) writeFlag(w, status);
  if ((has0 & Has0.mark) !== 0) number(w, " mark=", words[W.mark]!);
  const isRare = (has0 & RARE_HAS0) !== 0 || (has1 & RARE_HAS1) !== 0;
  if (isRare) writeRare(w, register, options);
  if ((has1 & Has1.use) !== 0) number(w, " use=", words[W.use]!);
  if (options.id === true && (has1 & Has1.id) !== 0) number(w, " id=", words[W.id]!);
  if (isRare && options.labels !== undefined && (has0 & Has0.labels) !== 0) {
    writeLabels(w, words, options.labels);
  }
}

function number(w: LineWriter, name: string, value: number): void {
  w.text(name);
  w.decimal(value);
}

function familyHead(family: number): string {
  return `${familyName(family).padEnd(8)} ${family} `;
}

function writeState(w: LineWriter, words: Uint32Array): void {
  const state = protocolState(words);
  if (state === -1) return;
  const protocol = words[W.protocol]!;
  w.text(" ");
  if (protocol === IPPROTO_SCTP) w.text(stateName(SCTP_STATES, state));
  else if (protocol === IPPROTO_DCCP) w.text(stateName(DCCP_STATES, state));
  else w.text(stateName(TCP_STATES, state));
}

function writeTuple(
  w: LineWriter,
  register: FlowRegister,
  src: number,
  dst: number,
  l4Src: number,
  l4Dst: number,
): void {
  const { words, bytes } = register;
  const family = words[W.family]!;
  const protocol = words[W.protocol]!;
  w.text(" src=");
  writeAddress(w, family, bytes, src * 4);
  w.text(" dst=");
  writeAddress(w, family, bytes, dst * 4);
  writeLayer4(w, protocol, words[l4Src]!, words[l4Dst]!);
}

/** The l4 part of a tuple, with a blank in front; nothing for a protocol that has none. */
export function layer4Text(protocol: number, from: number, to: number): string {
  const w = new LineWriter(64);
  writeLayer4(w, protocol, from, to);
  return w.string();
}

function writeLayer4(w: LineWriter, protocol: number, from: number, to: number): void {
  if (protocol === IPPROTO_GRE) {
    w.text(" srckey=0x");
    w.hex(from);
    w.text(" dstkey=0x");
    w.hex(to);
  } else if (hasPorts(protocol)) {
    number(w, " sport=", from);
    number(w, " dport=", to);
  } else if (isIcmp(protocol)) {
    number(w, " type=", (to >>> 8) & 0xff);
    number(w, " code=", to & 0xff);
    number(w, " id=", from);
  }
}

function counters(w: LineWriter, words: Uint32Array, packets: number, bytes: number): void {
  w.text(" packets=");
  writeDecimal64(w, words, packets);
  w.text(" bytes=");
  writeDecimal64(w, words, bytes);
}

/** At most one flag: the strongest. */
function writeFlag(w: LineWriter, status: number): void {
  if ((status & Status.HW_OFFLOAD) !== 0) w.text(" [HW_OFFLOAD]");
  else if ((status & Status.OFFLOAD) !== 0) w.text(" [OFFLOAD]");
  else if ((status & Status.ASSURED) !== 0) w.text(" [ASSURED]");
}

/** What stands between the mark and the use count. */
function writeRare(w: LineWriter, register: FlowRegister, options: FlowTextOptions): void {
  const words = register.words;
  if (register.has1(Has1.secmark)) number(w, " secmark=", words[W.secmark]!);
  if (register.has1(Has1.secctx)) {
    w.text(" secctx=");
    writePrintable(w, register, W.secctx, words[W.secctxLength]!);
  }
  if (register.has0(Has0.zone)) number(w, " zone=", words[W.zone]!);
  if (register.has1(Has1.start)) {
    w.text(" delta-time=");
    writeAge(w, register, options.now);
  }
  if (options.times !== undefined) writeTimes(w, register, options.times);
  if (register.has0(Has0.helper)) {
    w.text(" helper=");
    writePrintable(w, register, W.helper, words[W.helperLength]!);
  }
}

function writeTimes(w: LineWriter, register: FlowRegister, text: (time: Date) => string): void {
  const at = (low: number) => text(new Date(wholeSeconds(register.words, low) * 1000));
  if (register.has1(Has1.start)) w.text(` [start=${at(W.startLow)}]`);
  if (register.has1(Has1.stop)) w.text(` [stop=${at(W.stopLow)}]`);
}

/** Labels without a name are left out; the word stays, as the reference has it. */
function writeLabels(w: LineWriter, words: Uint32Array, names: LabelMap): void {
  w.text(" labels");
  let before = "=";
  for (const name of labelNames(words, names)) {
    w.text(before);
    w.text(name);
    before = ",";
  }
}
