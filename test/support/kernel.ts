/**
 * A kernel in a Map: creates, changes, deletes and finds flows with the errno of ctnetlink, reports
 * events, and dumps its table. Events and dumps wait until `pump` delivers them.
 */
import { decodeKernelFlow } from "../../src/flow/kernel-table.ts";
import { mergeFlow } from "../../src/flow/merge.ts";
import { FlowRegister, Has0, Status, W } from "../../src/flow/register.ts";
import {
  type DumpHandler,
  type DumpPurpose,
  EEXIST,
  ENOENT,
  type KernelHandle,
  type KernelPort,
} from "../../src/netlink/kernel-port.ts";
import {
  IPCTNL_MSG_CT_DELETE,
  IPCTNL_MSG_CT_NEW,
  NFGEN_BYTES,
  NLM_F_CREATE,
  NLM_F_EXCL,
  NLMSG_HEADER_BYTES,
  readI32,
  readU16,
} from "../../src/netlink/message.ts";
import { type EventKind, eventMessage, flowKey, masterKey, replyKey } from "./kernel-flows.ts";

export const EBUSY = 16;
export const EINVAL = 22;
export const EOPNOTSUPP = 95;

/** Port ids of the sockets. */
export const PORTS: Readonly<Record<KernelHandle, number>> = {
  commit: 7001,
  flush: 7002,
  inject: 7003,
  query: 7004,
};

const HEADERS = NLMSG_HEADER_BYTES + NFGEN_BYTES;
/** Bits that a request cannot set: the kernel decides them. */
const OWN_BITS =
  Status.SRC_NAT |
  Status.DST_NAT |
  Status.SEQ_ADJUST |
  Status.SRC_NAT_DONE |
  Status.DST_NAT_DONE |
  Status.TEMPLATE |
  Status.UNTRACKED |
  Status.OFFLOAD |
  Status.HW_OFFLOAD;
const TRANSLATION = Has0.snat | Has0.dnat | Has0.snatPort | Has0.dnatPort;

export interface Request {
  readonly handle: KernelHandle;
  readonly kind: "create" | "update" | "delete" | "get";
  readonly key: string;
  readonly timeout: number | undefined;
  readonly errno: number;
}

export class FakeKernel implements KernelPort {
  readonly flows = new Map<string, FlowRegister>();
  /** Every request, in order, with its outcome. */
  readonly requests: Request[] = [];
  readonly batches: number[] = [];
  /** False: new flows are not announced. */
  isHeard = true;
  /** Answers instead of the rules, where it returns a number. */
  refuse: (kind: Request["kind"], key: string) => number | undefined = () => undefined;
  /** Errno of a batch that cannot be sent at all. */
  refuseBatch = 0;
  readonly #replies = new Map<string, string>();
  #events: Uint8Array[] = [];
  readonly #returns: (() => void)[] = [];
  #dumps: { readonly purpose: string; readonly handler: DumpHandler }[] = [];

  /** The world changes a flow; the event waits for `pump`. */
  change(kind: EventKind, flow: FlowRegister): void {
    const key = flowKey(flow);
    if (kind === "destroy") this.#drop(key);
    else this.#keep(key, flow);
    this.#announce(kind, eventMessage(kind, flow));
  }

  transact(
    handle: KernelHandle,
    bytes: Uint8Array,
    length: number,
    onError: (sequence: number, errno: number) => void,
  ): number {
    if (this.refuseBatch !== 0) return this.refuseBatch;
    let count = 0;
    let at = 0;
    while (at < length) {
      const size = readI32(bytes, at);
      if (size < HEADERS || at + size > length) throw new Error("a batch of whole messages");
      const errno = this.#request(handle, bytes, at, at + size);
      if (errno !== 0) onError(readI32(bytes, at + 8), errno);
      at += size;
      count += 1;
    }
    this.batches.push(count);
    return 0;
  }

  /** The kernel obeys at once; the return waits for `settle`. */
  dispatch(
    handle: KernelHandle,
    bytes: Uint8Array,
    length: number,
    onError: (sequence: number, errno: number) => void,
    onReturn: (errno: number) => void,
  ): void {
    const errno = this.transact(handle, bytes, length, onError);
    this.#returns.push(() => onReturn(errno));
  }

  /** Deliver the return of what was dispatched. */
  settle(): void {
    for (const each of this.#returns.splice(0)) each();
  }

  dump(purpose: DumpPurpose, handler: DumpHandler): boolean {
    if (this.#dumps.some((each) => each.purpose === purpose)) return false;
    this.#dumps.push({ purpose, handler });
    return true;
  }

  get waiting(): boolean {
    return this.#events.length > 0 || this.#dumps.length > 0 || this.#returns.length > 0;
  }

  #announce(kind: EventKind, event: Uint8Array): void {
    if (kind !== "new" || this.isHeard) this.#events.push(event);
  }

  hearNew(on: boolean): void {
    this.isHeard = on;
  }

  /** Lose the events that wait, as an overrun does. */
  overrun(): void {
    this.#events = [];
  }

  /** Deliver events and returns, and finish dumps. */
  pump(onEvent: (bytes: Uint8Array) => void): void {
    this.settle();
    const events = this.#events;
    this.#events = [];
    for (const each of events) onEvent(each);
    const dumps = this.#dumps;
    this.#dumps = [];
    for (const { handler } of dumps) {
      this.readAll((bytes, at, end) => handler.onEntry(bytes, at, end));
      handler.onDone(0);
    }
  }

  /** The table as a dump shows it. */
  readAll(onEntry: (bytes: Uint8Array, at: number, end: number) => void): void {
    for (const flow of [...this.flows.values()]) {
      const bytes = eventMessage("update", flow);
      onEntry(bytes, HEADERS, bytes.length);
    }
  }

  #request(handle: KernelHandle, bytes: Uint8Array, at: number, end: number): number {
    const type = readU16(bytes, at + 4);
    const flags = readU16(bytes, at + 6);
    const flow = new FlowRegister();
    if (!decodeKernelFlow(flow, bytes, at + HEADERS, end)) throw new Error("a request of a flow");
    const create = (flags & NLM_F_CREATE) !== 0;
    const kind =
      type === IPCTNL_MSG_CT_NEW
        ? create
          ? "create"
          : "update"
        : type === IPCTNL_MSG_CT_DELETE
          ? "delete"
          : "get";
    const key = flowKey(flow);
    const errno = this.refuse(kind, key) ?? this.#obey(kind, key, flow, handle, flags);
    const timeout = flow.has0(Has0.timeout) ? flow.words[W.timeout]! : undefined;
    this.requests.push({ handle, kind, key, timeout, errno });
    return errno;
  }

  #obey(
    kind: Request["kind"],
    key: string,
    flow: FlowRegister,
    handle: KernelHandle,
    flags: number,
  ): number {
    if (kind === "create") return this.#create(key, flow, handle, flags);
    const old = this.flows.get(key);
    if (old === undefined) return ENOENT;
    if (kind === "update") return this.#update(old, flow, handle);
    if (kind === "delete") {
      this.#drop(key);
      this.#report("destroy", old, handle);
    }
    return 0;
  }

  #create(key: string, flow: FlowRegister, handle: KernelHandle, flags: number): number {
    const { words } = flow;
    if (!flow.has0(Has0.reply) || !flow.has0(Has0.timeout)) return EINVAL;
    if (this.flows.has(key)) return (flags & NLM_F_EXCL) !== 0 ? EEXIST : 0;
    if (flow.has0(Has0.master) && !this.flows.has(masterKey(flow))) return ENOENT;
    if (flow.has0(Has0.status)) {
      const status = words[W.status]!;
      if ((status & Status.CONFIRMED) === 0) return EBUSY;
      if ((status & (Status.EXPECTED | Status.DYING)) !== 0) return EBUSY;
    }
    words[W.status] = (flow.has0(Has0.status) ? words[W.status]! : Status.CONFIRMED) & ~OWN_BITS;
    words[W.has0]! |= Has0.status;
    if (flow.has0(Has0.master)) words[W.status]! |= Status.EXPECTED;
    translate(flow);
    if (this.#replies.has(replyKey(flow))) return EEXIST;
    this.#keep(key, flow);
    this.#report("new", flow, handle);
    return 0;
  }

  #update(old: FlowRegister, flow: FlowRegister, handle: KernelHandle): number {
    if (flow.has0(TRANSLATION | Has0.master)) return EOPNOTSUPP;
    if (flow.has0(Has0.status)) {
      const held = old.words[W.status]! & (Status.SEEN_REPLY | Status.ASSURED | Status.CONFIRMED);
      if ((flow.words[W.status]! & held) !== held) return EBUSY;
      flow.words[W.status] =
        (flow.words[W.status]! & ~OWN_BITS) | (old.words[W.status]! & OWN_BITS);
    }
    mergeFlow(old, flow);
    this.#report("update", old, handle);
    return 0;
  }

  #report(kind: EventKind, flow: FlowRegister, handle: KernelHandle): void {
    this.#announce(kind, eventMessage(kind, flow, PORTS[handle]));
  }

  #keep(key: string, flow: FlowRegister): void {
    this.#drop(key);
    const own = new FlowRegister();
    own.copyFrom(flow);
    this.flows.set(key, own);
    this.#replies.set(replyKey(own), key);
  }

  #drop(key: string): void {
    const old = this.flows.get(key);
    if (old === undefined) return;
    this.flows.delete(key);
    this.#replies.delete(replyKey(old));
  }
}

/** The reply tuple shows what a translation does; the status says that there is one. */
function translate(flow: FlowRegister): void {
  const { words } = flow;
  const size = words[W.family] === 2 ? 1 : 4;
  if (flow.has0(Has0.snat | Has0.snatPort)) {
    if (flow.has0(Has0.snat)) words.copyWithin(W.replyDst, W.snat, W.snat + size);
    if (flow.has0(Has0.snatPort)) words[W.replyL4Dst] = words[W.snatPort]!;
    words[W.status]! |= Status.SRC_NAT | Status.SRC_NAT_DONE | Status.DST_NAT_DONE;
  }
  if (flow.has0(Has0.dnat | Has0.dnatPort)) {
    if (flow.has0(Has0.dnat)) words.copyWithin(W.replySrc, W.dnat, W.dnat + size);
    if (flow.has0(Has0.dnatPort)) words[W.replyL4Src] = words[W.dnatPort]!;
    words[W.status]! |= Status.DST_NAT | Status.SRC_NAT_DONE | Status.DST_NAT_DONE;
  }
  words[W.has0]! &= ~TRANSLATION;
}
