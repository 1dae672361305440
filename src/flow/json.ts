/**
 * A flow as one JSON object on one line: `conntrack -o json`.
 *
 * Everything that the register holds and a list shows, under names that stay. Numbers are exact
 * decimal digits, however large; moments are seconds with nine decimals. It is written as bytes, as
 * the text is: lists of 200,000 flows run through here.
 *
 * Described in: doc/json.md.
 */
import type { LineWriter } from "../kit/line-writer.ts";
import {
  DCCP_STATES,
  labelNames,
  nanosecondsText,
  protocolState,
  SCTP_STATES,
  stateName,
  TCP_STATES,
  writeDecimal64,
} from "./flow-words.ts";
import {
  beginJson,
  beginTuple,
  endJson,
  type JsonEvent,
  jsonNumber,
  jsonString,
  quoted,
  writeJsonLayer4,
} from "./json-words.ts";
import type { LabelMap } from "./label-map.ts";
import {
  type FlowRegister,
  Has0,
  Has1,
  IPPROTO_DCCP,
  IPPROTO_SCTP,
  LABEL_MAX_WORDS,
  MASTER_TUPLE,
  Status,
  W,
} from "./register.ts";

export interface FlowJsonOptions extends JsonEvent {
  /** Print the names of labels, too. */
  readonly labels?: LabelMap | undefined;
}

/** What only a few flows have. */
const RARE_HAS0 = Has0.zone | Has0.helper | Has0.labels | Has0.master;
const RARE_HAS1 = Has1.start | Has1.stop | Has1.secmark | Has1.secctx;

export function writeFlowJson(w: LineWriter, flow: FlowRegister, options: FlowJsonOptions): void {
  const { words } = flow;
  const has0 = words[W.has0]!;
  const has1 = words[W.has1]!;
  beginJson(w, options, words[W.family]!, words[W.protocol]!);
  if ((has0 & Has0.timeout) !== 0) jsonNumber(w, ',"timeout":', words[W.timeout]!);
  writeState(w, words);
  writeOriginal(w, flow, has0, has1);
  if ((has0 & Has0.reply) !== 0) writeReply(w, flow, has0, has1);
  if ((has0 & Has0.status) !== 0) {
    w.text(',"status":');
    w.text(statusText(words[W.status]!));
  }
  if ((has0 & Has0.mark) !== 0) jsonNumber(w, ',"mark":', words[W.mark]!);
  if ((has0 & RARE_HAS0) !== 0 || (has1 & RARE_HAS1) !== 0) writeRare(w, flow, options);
  if ((has1 & Has1.use) !== 0) jsonNumber(w, ',"use":', words[W.use]!);
  if ((has1 & Has1.id) !== 0) jsonNumber(w, ',"id":', words[W.id]!);
  endJson(w, options);
}

function writeState(w: LineWriter, words: Uint32Array): void {
  const state = protocolState(words);
  if (state === -1) return;
  const protocol = words[W.protocol]!;
  w.text(',"state":"');
  if (protocol === IPPROTO_SCTP) w.text(stateName(SCTP_STATES, state));
  else if (protocol === IPPROTO_DCCP) w.text(stateName(DCCP_STATES, state));
  else w.text(stateName(TCP_STATES, state));
  w.text('"');
}

function writeOriginal(w: LineWriter, flow: FlowRegister, has0: number, has1: number): void {
  const { words } = flow;
  w.text(',"original"');
  beginTuple(w, flow, words[W.family]!, W.origSrc, W.origDst);
  if ((has0 & Has0.origL4) !== 0) {
    writeJsonLayer4(w, words[W.protocol]!, words[W.origL4Src]!, words[W.origL4Dst]!);
  }
  if ((has0 & Has0.zoneOrig) !== 0) jsonNumber(w, ',"zone":', words[W.zoneOrig]!);
  if ((has1 & Has1.countersOrig) !== 0) counters(w, words, W.packetsOrigLow, W.bytesOrigLow);
  w.text("}");
}

function writeReply(w: LineWriter, flow: FlowRegister, has0: number, has1: number): void {
  const { words } = flow;
  w.text(',"reply"');
  beginTuple(w, flow, words[W.family]!, W.replySrc, W.replyDst);
  if ((has0 & Has0.replyL4) !== 0) {
    writeJsonLayer4(w, words[W.protocol]!, words[W.replyL4Src]!, words[W.replyL4Dst]!);
  }
  if ((has0 & Has0.zoneReply) !== 0) jsonNumber(w, ',"zone":', words[W.zoneReply]!);
  if ((has1 & Has1.countersReply) !== 0) counters(w, words, W.packetsReplyLow, W.bytesReplyLow);
  w.text("}");
}

function counters(w: LineWriter, words: Uint32Array, packets: number, bytes: number): void {
  w.text(',"packets":');
  writeDecimal64(w, words, packets);
  w.text(',"bytes":');
  writeDecimal64(w, words, bytes);
}

const STATUS_NAMES = Object.entries(Status);
const STATUS_MASK = 0xffff;
/** The arrays of names that were needed so far: there are few. */
const statusTexts = new Map<number, string>();

function statusText(status: number): string {
  const known = statusTexts.get(status & STATUS_MASK);
  if (known !== undefined) return known;
  const names = STATUS_NAMES.filter(([, bit]) => (status & bit) !== 0).map(([name]) => name);
  const text = JSON.stringify(names);
  statusTexts.set(status & STATUS_MASK, text);
  return text;
}

function writeRare(w: LineWriter, flow: FlowRegister, { labels }: FlowJsonOptions): void {
  const { words } = flow;
  if (flow.has1(Has1.secmark)) jsonNumber(w, ',"secmark":', words[W.secmark]!);
  if (flow.has1(Has1.secctx)) jsonString(w, ',"secctx":', flow, W.secctx, words[W.secctxLength]!);
  if (flow.has0(Has0.zone)) jsonNumber(w, ',"zone":', words[W.zone]!);
  if (flow.has0(Has0.helper)) jsonString(w, ',"helper":', flow, W.helper, words[W.helperLength]!);
  if (flow.has0(Has0.master)) writeMaster(w, flow);
  if (flow.has0(Has0.labels)) writeLabels(w, words, labels);
  if (flow.has1(Has1.start)) moment(w, ',"start":', words, W.startLow);
  if (flow.has1(Has1.stop)) moment(w, ',"stop":', words, W.stopLow);
}

/** The flow that has brought this one forth. */
function writeMaster(w: LineWriter, flow: FlowRegister): void {
  const { words } = flow;
  const { family, protocol, src, dst, l4Src, l4Dst } = MASTER_TUPLE;
  w.text(',"master"');
  beginTuple(w, flow, words[family]!, src, dst);
  if (flow.has0(Has0.masterL4)) writeJsonLayer4(w, words[protocol]!, words[l4Src]!, words[l4Dst]!);
  jsonNumber(w, ',"protocol":', words[protocol]!);
  w.text("}");
}

function writeLabels(w: LineWriter, words: Uint32Array, names: LabelMap | undefined): void {
  const bits = Math.min(words[W.labelWords]!, LABEL_MAX_WORDS) * 32;
  let before = ',"labels":[';
  for (let bit = 0; bit < bits; bit++) {
    if ((words[W.labels + (bit >> 5)]! & (1 << (bit & 31))) === 0) continue;
    jsonNumber(w, before, bit);
    before = ",";
  }
  w.text(before === "," ? "]" : `${before}]`);
  if (names === undefined) return;
  w.text(`,"label_names":[${labelNames(words, names).map(quoted).join(",")}]`);
}

function moment(w: LineWriter, name: string, words: Uint32Array, low: number): void {
  w.text(name);
  w.text(nanosecondsText(words, low));
}
