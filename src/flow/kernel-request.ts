/**
 * Requests that put a replicated flow into the kernel, change it, or take it out.
 *
 * The kernel fills in no reply tuple and refuses protected status bits, so a request is not a copy of
 * what a peer told us. The rules are those of doc/sync/machines.md, "Commit" and "Injection".
 */
import {
  IPCTNL_MSG_CT_DELETE,
  IPCTNL_MSG_CT_GET,
  IPCTNL_MSG_CT_NEW,
  type MessageWriter,
  NLM_F_ACK,
  NLM_F_CREATE,
  NLM_F_EXCL,
  NLM_F_REQUEST,
} from "../netlink/message.ts";
import { icmpReplyType } from "./icmp.ts";
import { encodeKernelFlow, encodeTuple } from "./kernel-encode.ts";
import { mirrorTuple } from "./nat.ts";
import {
  FlowRegister,
  Has0,
  Has1,
  hasPorts,
  IPPROTO_TCP,
  ORIG_TUPLE,
  Status,
  W,
} from "./register.ts";

/** TCP flags that the kernel keeps per direction (`IP_CT_TCP_FLAG_*`). */
const WINDOW_SCALE = 0x01;
const BE_LIBERAL = 0x08;

export interface RequestOptions {
  /** `TCPWindowTracking`: pass the window scales on instead of making the entry liberal. */
  readonly windowTracking: boolean;
}

/** Builds requests; owns the scratch register they are shaped in. */
export class KernelRequests {
  readonly #shape = new FlowRegister();
  readonly #windowTracking: boolean;

  constructor(options: RequestOptions) {
    this.#windowTracking = options.windowTracking;
  }

  /** Create an entry that must not exist. `timeout` in seconds. */
  create(
    w: MessageWriter,
    flow: FlowRegister,
    timeout: number,
    sequence: number,
    ack = false,
  ): void {
    const shape = this.#prepare(flow);
    const words = shape.words;
    mirrorTuple(words, icmpReplyType(words[W.protocol]!, words[W.origL4Dst]! >>> 8));
    words[W.has0]! |= Has0.reply | Has0.replyL4;
    words[W.timeout] = timeout;
    words[W.has0]! |= Has0.timeout;
    this.#write(w, NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL, sequence, ack);
  }

  /** Change an entry that exists. Translations, helpers and the master cannot be changed. */
  update(w: MessageWriter, flow: FlowRegister, sequence: number, ack = false): void {
    const words = this.#prepare(flow).words;
    words[W.status]! &= ~(Status.SRC_NAT | Status.DST_NAT);
    words[W.has0]! &= ~(
      Has0.snat |
      Has0.dnat |
      Has0.snatPort |
      Has0.dnatPort |
      Has0.helper |
      Has0.master |
      Has0.masterL4
    );
    this.#write(w, NLM_F_REQUEST, sequence, ack);
  }

  /** Delete an entry by its original tuple and zone: never without the tuple, which would flush the table. */
  delete(w: MessageWriter, flow: FlowRegister, sequence: number, ack = false): void {
    this.#byTuple(w, IPCTNL_MSG_CT_DELETE, flow, sequence, ack);
  }

  /** Ask for one entry. */
  get(w: MessageWriter, flow: FlowRegister, sequence: number): void {
    this.#byTuple(w, IPCTNL_MSG_CT_GET, flow, sequence, false);
  }

  #byTuple(
    w: MessageWriter,
    type: number,
    flow: FlowRegister,
    sequence: number,
    ack: boolean,
  ): void {
    const flags = ack ? NLM_F_REQUEST | NLM_F_ACK : NLM_F_REQUEST;
    w.begin(type, flags, sequence, flow.words[W.family]!);
    encodeTuple(w, flow, ORIG_TUPLE);
    if (flow.has0(Has0.zone)) w.be16(18, flow.words[W.zone]!);
    w.end();
  }

  #write(w: MessageWriter, flags: number, sequence: number, ack: boolean): void {
    const all = ack ? flags | NLM_F_ACK : flags;
    w.begin(IPCTNL_MSG_CT_NEW, all, sequence, this.#shape.words[W.family]!);
    encodeKernelFlow(w, this.#shape);
    w.end();
  }

  /** What creating and updating have in common. */
  #prepare(flow: FlowRegister): FlowRegister {
    const shape = this.#shape;
    shape.copyFrom(flow);
    const words = shape.words;
    words[W.has1]! &= ~(Has1.id | Has1.start | Has1.secmark | Has1.secctx);
    let has =
      words[W.has0]! & ~(Has0.reply | Has0.replyL4 | Has0.tcpFlagsOrig | Has0.tcpFlagsReply);
    if (hasPorts(words[W.protocol]!)) has |= Has0.origL4;
    if ((has & Has0.status) !== 0) {
      words[W.status] = (words[W.status]! & ~Status.EXPECTED) | Status.CONFIRMED;
    }
    if (words[W.protocol] === IPPROTO_TCP && (has & Has0.tcpState) !== 0) {
      const scales = (has & Has0.wscaleOrig) !== 0 && (has & Has0.wscaleReply) !== 0;
      const flags = (this.#windowTracking ? 0 : BE_LIBERAL) | (scales ? WINDOW_SCALE : 0);
      if (flags !== 0) {
        words[W.tcpFlagsOrig] = words[W.tcpFlagsReply] = flags | (flags << 8);
        has |= Has0.tcpFlagsOrig | Has0.tcpFlagsReply;
      }
    }
    words[W.has0] = has;
    return shape;
  }
}

/**
 * Whether a flow is related to another: commits create these last, so that their master exists.
 */
export function isRelated(flow: FlowRegister): boolean {
  return flow.has0(Has0.master) && flow.has0(Has0.masterL4);
}
