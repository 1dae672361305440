/**
 * Requests that a command line makes of a template: create, look up, and what `-U` changes.
 *
 * The replication's requests (kernel-request.ts) protect the table from what a peer says; these say what
 * the operator said, and leave it to the kernel to refuse.
 *
 * Described in: doc/conntrack.md, "Commands".
 */
import {
  IPCTNL_MSG_CT_DELETE,
  IPCTNL_MSG_CT_GET,
  IPCTNL_MSG_CT_NEW,
  type MessageWriter,
  NLM_F_CREATE,
  NLM_F_EXCL,
  NLM_F_REQUEST,
} from "../netlink/message.ts";
import { encodeKernelFlow, encodeTuple } from "./kernel-encode.ts";
import { FlowRegister, Has0, Has1, hasPorts, ORIG_TUPLE, Status, W } from "./register.ts";
import { type FlowTemplate, Given } from "./template.ts";

/** Create what the template says; `exclusive`: it must not exist. The template is completed. */
export function encodeCreate(
  w: MessageWriter,
  template: FlowTemplate,
  exclusive: boolean,
  sequence: number,
): void {
  const { flow } = template;
  const { words } = flow;
  keepTranslatedPort(template);
  template.complete();
  if (flow.has0(Has0.status)) words[W.status]! |= Status.CONFIRMED;
  const flags = NLM_F_REQUEST | NLM_F_CREATE | (exclusive ? NLM_F_EXCL : 0);
  w.begin(IPCTNL_MSG_CT_NEW, flags, sequence, words[W.family]!);
  encodeKernelFlow(w, flow, template.replyProtocol);
  w.end();
}

/**
 * A saved entry with both translations has no reply addresses, only reply ports, and the reply is made
 * anew: a port that was translated must be asked for.
 */
function keepTranslatedPort(template: FlowTemplate): void {
  const { flow } = template;
  const { words } = flow;
  if (template.has(Given.replySrc | Given.replyDst) || !hasPorts(words[W.protocol]!)) return;
  const changed = (bit: number, reply: number, original: number) =>
    template.has(bit) && words[reply] !== words[original];
  if (flow.has0(Has0.dnat) && changed(Given.replyL4Src, W.replyL4Src, W.origL4Dst)) {
    if (!flow.has0(Has0.dnatPort)) words[W.dnatPort] = words[W.replyL4Src]!;
    words[W.has0]! |= Has0.dnatPort;
  }
  if (flow.has0(Has0.snat) && changed(Given.replyL4Dst, W.replyL4Dst, W.origL4Src)) {
    if (!flow.has0(Has0.snatPort)) words[W.snatPort] = words[W.replyL4Dst]!;
    words[W.has0]! |= Has0.snatPort;
  }
}

/** Look up the original tuple of the template. */
export function encodeLookup(w: MessageWriter, template: FlowTemplate, sequence: number): void {
  const { flow } = template;
  flow.words[W.has0]! |= Has0.origL4;
  encodeGet(w, flow, sequence);
}

/** Look up a flow by its original tuple and zone. */
export function encodeGet(w: MessageWriter, flow: FlowRegister, sequence: number): void {
  w.begin(IPCTNL_MSG_CT_GET, NLM_F_REQUEST, sequence, flow.words[W.family]!);
  encodeTuple(w, flow, ORIG_TUPLE);
  if (flow.has0(Has0.zone)) w.be16(18, flow.words[W.zone]!);
  w.end();
}

/**
 * Delete a flow by its original tuple and zone, and only the entry that was seen: one that has taken
 * its place since then has another id.
 */
export function encodeDelete(w: MessageWriter, flow: FlowRegister, sequence: number): void {
  w.begin(IPCTNL_MSG_CT_DELETE, NLM_F_REQUEST, sequence, flow.words[W.family]!);
  encodeTuple(w, flow, ORIG_TUPLE);
  if (flow.has0(Has0.zone)) w.be16(18, flow.words[W.zone]!);
  if (flow.has1(Has1.id)) w.be32(12, flow.words[W.id]!);
  w.end();
}

/** What `-U` does to the labels of an entry. */
export interface LabelChange {
  readonly add: readonly number[];
  readonly clear: readonly number[];
  /** `--label-del` without a name. */
  readonly clearAll: boolean;
}

const SENT_ALONG_BITS =
  Has0.tcpFlagsOrig | Has0.tcpFlagsReply | Has0.sctpVtagOrig | Has0.sctpVtagReply | Has0.dccpRole;

/** Shapes the requests of `-U`; owns the register that they are shaped in. */
export class UpdateRequests {
  readonly #shape = new FlowRegister();
  readonly #template: FlowTemplate;
  readonly #labels: LabelChange;

  constructor(template: FlowTemplate, labels: LabelChange) {
    this.#template = template;
    this.#labels = labels;
  }

  /** Whether the entry would change at all. */
  shape(entry: FlowRegister): boolean {
    const { flow: wanted, markMask } = this.#template;
    const { words } = this.#shape;
    words.set(entry.words.subarray(0, W.status));
    words[W.has1] = 0;
    let has = entry.words[W.has0]! & (Has0.orig | Has0.origL4 | Has0.zone | Has0.zoneOrig);
    let differs = false;
    const put = (bit: number, at: number, value: number) => {
      has |= bit;
      words[at] = value;
      if (!entry.has0(bit) || entry.words[at] !== words[at]) differs = true;
    };
    if (wanted.has0(Has0.timeout)) put(Has0.timeout, W.timeout, wanted.words[W.timeout]!);
    if (wanted.has0(Has0.mark)) {
      const old = entry.has0(Has0.mark) ? entry.words[W.mark]! : 0;
      put(Has0.mark, W.mark, (old & ~markMask) ^ wanted.words[W.mark]!);
    }
    if (wanted.has0(Has0.status)) {
      const status = entry.words[W.status]! | wanted.words[W.status]! | Status.CONFIRMED;
      put(Has0.status, W.status, status);
    }
    if (wanted.has0(Has0.tcpState)) put(Has0.tcpState, W.tcpState, wanted.words[W.tcpState]!);
    if (wanted.has0(Has0.sctpState)) put(Has0.sctpState, W.sctpState, wanted.words[W.sctpState]!);
    if (wanted.has0(Has0.dccpState)) put(Has0.dccpState, W.dccpState, wanted.words[W.dccpState]!);
    // Flags and tags are sent along, and are no change by themselves.
    has |= wanted.words[W.has0]! & SENT_ALONG_BITS;
    for (const at of SENT_ALONG) words[at] = wanted.words[at]!;
    words[W.has0] = has;
    return this.#shapeLabels(entry) || differs;
  }

  /** The kernel keeps the bits outside the mask, and sets those of the labels. */
  #shapeLabels(entry: FlowRegister): boolean {
    const { add, clear, clearAll } = this.#labels;
    if (add.length === 0 && clear.length === 0 && !clearAll) return false;
    const { words } = this.#shape;
    if (add.length === 0 && !entry.has0(Has0.labels)) return false;
    words.fill(0, W.labels, W.labelsMask + LABEL_WORDS);
    const impossible = add.some((bit) => bit >= LABEL_WORDS * 32) && !entry.has0(Has0.labels);
    words[W.labelWords] = impossible ? LABEL_WORDS + 1 : LABEL_WORDS;
    for (const bit of add) setBit(words, W.labels, bit);
    for (const bit of [...add, ...clear]) setBit(words, W.labelsMask, bit);
    if (clearAll) words.fill(0xffffffff, W.labelsMask, W.labelsMask + LABEL_WORDS);
    words[W.has0]! |= Has0.labels;
    words[W.has1]! |= Has1.labelsMask;
    return true;
  }

  encode(w: MessageWriter, sequence: number): void {
    w.begin(IPCTNL_MSG_CT_NEW, NLM_F_REQUEST, sequence, this.#shape.words[W.family]!);
    encodeKernelFlow(w, this.#shape);
    w.end();
  }
}

const LABEL_WORDS = 4;
const SENT_ALONG = [
  W.tcpFlagsOrig,
  W.tcpFlagsReply,
  W.sctpVtagOrig,
  W.sctpVtagReply,
  W.dccpRole,
] as const;

function setBit(words: Uint32Array, at: number, bit: number): void {
  if (bit < LABEL_WORDS * 32) words[at + (bit >> 5)]! |= 1 << (bit & 31);
}
