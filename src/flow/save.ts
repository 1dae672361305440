/**
 * A flow as a line that `conntrack -R` reads back: `conntrack -o save`.
 *
 * Mark, labels, helper and counters are not saved: the format of the reference has no place for them.
 *
 * Described in: doc/flow.md, "Save format".
 */
import { swap32 } from "../kit/bytes.ts";
import type { LineWriter } from "../kit/line-writer.ts";
import { writeAddress } from "./address-text.ts";
import {
  DCCP_STATES,
  protocolName,
  protocolState,
  SCTP_STATES,
  stateName,
  TCP_STATES,
} from "./flow-words.ts";
import { addressTranslations } from "./match.ts";
import {
  type FlowRegister,
  Has0,
  Has1,
  hasPorts,
  IPPROTO_DCCP,
  IPPROTO_GRE,
  IPPROTO_ICMP,
  IPPROTO_SCTP,
  isIcmp,
  Status,
  W,
} from "./register.ts";

/** What the line does to the table it is loaded into. */
export type SaveCommand = "-A" | "-U" | "-D";

/** Status bits that a line may set, by bit. */
export const SAVED_STATUS = [
  ["EXPECTED", Status.EXPECTED],
  ["SEEN_REPLY", Status.SEEN_REPLY],
  ["ASSURED", Status.ASSURED],
  ["FIXED_TIMEOUT", Status.FIXED_TIMEOUT],
] as const;

export function writeFlowSave(w: LineWriter, flow: FlowRegister, command: SaveCommand): void {
  const { words, bytes } = flow;
  const family = words[W.family]!;
  w.text(command);
  if (flow.has0(Has0.timeout)) number(w, " -t ", words[W.timeout]!);
  if (flow.has0(Has0.status)) {
    w.text(" -u ");
    w.text(STATUS_WORDS[savedBits(words[W.status]!)]!);
  }
  if (flow.has1(Has1.secmark)) number(w, " -c ", words[W.secmark]!);
  if (flow.has0(Has0.zone)) number(w, " -w ", words[W.zone]!);
  if (flow.has0(Has0.zoneOrig)) number(w, " --orig-zone ", words[W.zoneOrig]!);
  if (flow.has0(Has0.zoneReply)) number(w, " --reply-zone ", words[W.zoneReply]!);
  const translated = addressTranslations(flow);
  w.text(" -s ");
  writeAddress(w, family, bytes, W.origSrc * 4);
  w.text(" -d ");
  writeAddress(w, family, bytes, W.origDst * 4);
  w.text(translated.destination ? " -g " : " -r ");
  writeAddress(w, family, bytes, W.replySrc * 4);
  w.text(translated.source ? " -n " : " -q ");
  writeAddress(w, family, bytes, W.replyDst * 4);
  writeProtocol(w, flow);
}

function writeProtocol(w: LineWriter, flow: FlowRegister): void {
  const { words } = flow;
  const protocol = words[W.protocol]!;
  const name = protocolName(protocol);
  w.text(" -p ");
  if (name === "unknown") w.decimal(protocol);
  else w.text(name);
  if (protocol === IPPROTO_GRE) {
    writeL4(w, flow, " --srckey ", " --dstkey ", " --reply-key-src ", " --reply-key-dst ");
  } else if (hasPorts(protocol)) {
    writeL4(w, flow, " --sport ", " --dport ", " --reply-port-src ", " --reply-port-dst ");
    writeState(w, words);
  } else if (isIcmp(protocol) && flow.has0(Has0.origL4)) {
    const v = protocol === IPPROTO_ICMP ? "" : "v6";
    number(w, ` --icmp${v}-type `, (words[W.origL4Dst]! >>> 8) & 0xff);
    number(w, ` --icmp${v}-code `, words[W.origL4Dst]! & 0xff);
    number(w, ` --icmp${v}-id `, words[W.origL4Src]!);
  }
}

function writeL4(
  w: LineWriter,
  flow: FlowRegister,
  src: string,
  dst: string,
  replySrc: string,
  replyDst: string,
): void {
  const { words } = flow;
  if (flow.has0(Has0.origL4)) {
    number(w, src, words[W.origL4Src]!);
    number(w, dst, words[W.origL4Dst]!);
  }
  if (flow.has0(Has0.replyL4)) {
    number(w, replySrc, words[W.replyL4Src]!);
    number(w, replyDst, words[W.replyL4Dst]!);
  }
}

function writeState(w: LineWriter, words: Uint32Array): void {
  const state = protocolState(words);
  const protocol = words[W.protocol]!;
  const has = words[W.has0]!;
  if (state !== -1) {
    w.text(" --state ");
    if (protocol === IPPROTO_SCTP) w.text(stateName(SCTP_STATES, state));
    else if (protocol === IPPROTO_DCCP) w.text(stateName(DCCP_STATES, state));
    else w.text(stateName(TCP_STATES, state));
  }
  // Tags are entered and saved in the byte order of little-endian machines.
  if (protocol === IPPROTO_SCTP) {
    if ((has & Has0.sctpVtagOrig) !== 0) number(w, " --orig-vtag ", swap(words[W.sctpVtagOrig]!));
    if ((has & Has0.sctpVtagReply) !== 0) {
      number(w, " --reply-vtag ", swap(words[W.sctpVtagReply]!));
    }
  } else if (protocol === IPPROTO_DCCP && (has & Has0.dccpRole) !== 0) {
    w.text(words[W.dccpRole] === 0 ? " --role client" : " --role server");
  }
}

function number(w: LineWriter, name: string, value: number): void {
  w.text(name);
  w.decimal(value);
}

function swap(value: number): number {
  return swap32(value) >>> 0;
}

/** The words for each combination of the bits that are saved. */
const STATUS_WORDS: readonly string[] = Array.from(
  { length: 1 << SAVED_STATUS.length },
  (_, set) => {
    const names = SAVED_STATUS.filter((_, i) => (set & (1 << i)) !== 0).map(([name]) => name);
    return names.length === 0 ? "UNSET" : names.join(",");
  },
);

function savedBits(status: number): number {
  let set = 0;
  for (let i = 0; i < SAVED_STATUS.length; i++) {
    if ((status & SAVED_STATUS[i]![1]) !== 0) set |= 1 << i;
  }
  return set;
}
