/**
 * A flow as one line of plain text: what dumps, the flow log and the lines of failed entries share.
 *
 * It adds no suffix, no time and no newline: those belong to whoever prints. A dump of 400,000
 * flows runs through here, so the common path only concatenates.
 *
 * Described in: doc/flow.md, "Text".
 */
import { addressText } from "./address-text.ts";
import {
  DCCP_STATES,
  decimal64,
  deltaSeconds,
  printableText,
  protocolName,
  protocolState,
  SCTP_STATES,
  stateName,
  TCP_STATES,
} from "./flow-words.ts";
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
}

/** Name and number of each protocol, as a line begins. */
const HEADS: readonly string[] = Array.from(
  { length: 256 },
  (_, protocol) => `${protocolName(protocol).padEnd(8)} ${protocol}`,
);

/** The pieces that nearly every flow lacks: one test skips them all. */
const RARE_HAS1 = Has1.use | Has1.start | Has1.secmark | Has1.secctx;

export function flowText(register: FlowRegister, options: FlowTextOptions): string {
  const words = register.words;
  const has0 = words[W.has0]!;
  const has1 = words[W.has1]!;
  const status = (has0 & Has0.status) === 0 ? -1 : words[W.status]!;
  let text = HEADS[words[W.protocol]! & 0xff]!;
  if (options.timeout === true && (has0 & Has0.timeout) !== 0) text += ` ${words[W.timeout]!}`;
  text += stateText(words) + tupleText(register, W.origSrc, W.origDst, W.origL4Src, W.origL4Dst);
  if ((has0 & Has0.zoneOrig) !== 0) text += ` zone-orig=${words[W.zoneOrig]!}`;
  if ((has1 & Has1.countersOrig) !== 0) text += counters(words, W.packetsOrigLow, W.bytesOrigLow);
  if (status !== -1 && (status & Status.SEEN_REPLY) === 0) text += " [UNREPLIED]";
  if ((has0 & Has0.reply) !== 0) {
    text += tupleText(register, W.replySrc, W.replyDst, W.replyL4Src, W.replyL4Dst);
  }
  if ((has0 & Has0.zoneReply) !== 0) text += ` zone-reply=${words[W.zoneReply]!}`;
  if ((has1 & Has1.countersReply) !== 0)
    text += counters(words, W.packetsReplyLow, W.bytesReplyLow);
  if (status !== -1) text += flagText(status);
  if ((has0 & Has0.mark) !== 0) text += ` mark=${words[W.mark]!}`;
  if ((has0 & (Has0.zone | Has0.helper)) === 0 && (has1 & RARE_HAS1) === 0) return text;
  return text + rareText(register, options.now);
}

function stateText(words: Uint32Array): string {
  const state = protocolState(words);
  if (state === -1) return "";
  const protocol = words[W.protocol]!;
  if (protocol === IPPROTO_SCTP) return ` ${stateName(SCTP_STATES, state)}`;
  if (protocol === IPPROTO_DCCP) return ` ${stateName(DCCP_STATES, state)}`;
  return ` ${stateName(TCP_STATES, state)}`;
}

function tupleText(
  register: FlowRegister,
  src: number,
  dst: number,
  l4Src: number,
  l4Dst: number,
): string {
  const { words, bytes } = register;
  const family = words[W.family]!;
  const protocol = words[W.protocol]!;
  const addresses = ` src=${addressText(family, bytes, src * 4)} dst=${addressText(family, bytes, dst * 4)}`;
  return addresses + layer4Text(protocol, words[l4Src]!, words[l4Dst]!);
}

/** The l4 part of a tuple, with a blank in front; nothing for a protocol that has none. */
export function layer4Text(protocol: number, from: number, to: number): string {
  if (protocol === IPPROTO_GRE) return ` srckey=0x${from.toString(16)} dstkey=0x${to.toString(16)}`;
  if (hasPorts(protocol)) return ` sport=${from} dport=${to}`;
  return isIcmp(protocol) ? ` type=${(to >>> 8) & 0xff} code=${to & 0xff} id=${from}` : "";
}

function counters(words: Uint32Array, packets: number, bytes: number): string {
  return ` packets=${decimal64(words, packets)} bytes=${decimal64(words, bytes)}`;
}

/** At most one flag: the strongest. */
function flagText(status: number): string {
  if ((status & Status.HW_OFFLOAD) !== 0) return " [HW_OFFLOAD]";
  if ((status & Status.OFFLOAD) !== 0) return " [OFFLOAD]";
  return (status & Status.ASSURED) === 0 ? "" : " [ASSURED]";
}

function rareText(register: FlowRegister, now: number): string {
  const words = register.words;
  let text = "";
  if (register.has1(Has1.secmark)) text += ` secmark=${words[W.secmark]!}`;
  if (register.has1(Has1.secctx)) {
    text += ` secctx=${printableText(register, W.secctx, words[W.secctxLength]!)}`;
  }
  if (register.has0(Has0.zone)) text += ` zone=${words[W.zone]!}`;
  if (register.has1(Has1.start)) text += ` delta-time=${deltaSeconds(register, now)}`;
  if (register.has0(Has0.helper)) {
    text += ` helper=${printableText(register, W.helper, words[W.helperLength]!)}`;
  }
  if (register.has1(Has1.use)) text += ` use=${words[W.use]!}`;
  return text;
}
