/** Generated flows: registers as the kernel and the wire produce them. */
import fc from "fast-check";
import {
  AF_INET,
  AF_INET6,
  FlowRegister,
  Has0,
  Has1,
  hasPorts,
  IPPROTO_DCCP,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  isIcmp,
  W,
} from "../../src/flow/register.ts";

/** Which fields a generated flow has, and a stream of words to fill them from. */
export interface FlowSeed {
  readonly v6: boolean;
  readonly protocol: number;
  readonly has0: number;
  readonly has1: number;
  readonly words: readonly number[];
  readonly mirror: boolean;
}

const PROTOCOLS = [1, 6, 17, 33, 47, 50, 58, 132, 136, 253];

export const anyFlowSeed: fc.Arbitrary<FlowSeed> = fc.record({
  v6: fc.boolean(),
  protocol: fc.constantFrom(...PROTOCOLS),
  has0: fc.integer(),
  has1: fc.integer(),
  words: fc.array(fc.integer(), { minLength: 40, maxLength: 40 }),
  mirror: fc.boolean(),
});

const BYTE_FIELDS: readonly [number, number][] = [
  [Has0.tcpState, W.tcpState],
  [Has0.wscaleOrig, W.wscaleOrig],
  [Has0.wscaleReply, W.wscaleReply],
  [Has0.tcpFlagsOrig, W.tcpFlagsOrig],
  [Has0.tcpFlagsReply, W.tcpFlagsReply],
  [Has0.sctpState, W.sctpState],
  [Has0.dccpState, W.dccpState],
  [Has0.dccpRole, W.dccpRole],
];

const WORD_FIELDS: readonly [number, number, number][] = [
  [Has0.status, W.status, 1],
  [Has0.timeout, W.timeout, 1],
  [Has0.mark, W.mark, 1],
  [Has0.sctpVtagOrig, W.sctpVtagOrig, 1],
  [Has0.sctpVtagReply, W.sctpVtagReply, 1],
  [Has0.dccpHandshake, W.dccpHandshakeLow, 2],
  [Has0.seqOrig, W.seqOrigPosition, 3],
  [Has0.seqReply, W.seqReplyPosition, 3],
  [Has0.synproxy, W.synproxyIsn, 3],
];

/** Presence bits that make sense for the protocol. */
function sensible(protocol: number, has0: number): number {
  const tcp =
    Has0.tcpState | Has0.wscaleOrig | Has0.wscaleReply | Has0.tcpFlagsOrig | Has0.tcpFlagsReply;
  const sctp = Has0.sctpState | Has0.sctpVtagOrig | Has0.sctpVtagReply;
  const dccp = Has0.dccpState | Has0.dccpRole | Has0.dccpHandshake;
  let bits = has0 & ~(Has0.snat | Has0.dnat | Has0.snatPort | Has0.dnatPort);
  if (protocol !== IPPROTO_TCP) bits &= ~tcp;
  if (protocol !== IPPROTO_SCTP) bits &= ~sctp;
  if (protocol !== IPPROTO_DCCP) bits &= ~dccp;
  return bits;
}

/** Fill a register. The same seed gives the same flow. */
export function buildFlow(seed: FlowSeed): FlowRegister {
  const r = new FlowRegister();
  const { words } = r;
  let next = 0;
  const take = () => seed.words[next++ % seed.words.length]!;
  const protocol =
    seed.protocol === IPPROTO_ICMPV6 && !seed.v6
      ? IPPROTO_ICMP
      : seed.protocol === IPPROTO_ICMP && seed.v6
        ? IPPROTO_ICMPV6
        : seed.protocol;
  const l4 = hasPorts(protocol) || isIcmp(protocol);
  let has0 = sensible(protocol, seed.has0) | Has0.orig | Has0.reply;
  has0 &= ~(Has0.origL4 | Has0.replyL4);
  if (l4) has0 |= Has0.origL4 | Has0.replyL4;
  words[W.family] = seed.v6 ? AF_INET6 : AF_INET;
  words[W.protocol] = protocol;
  const size = seed.v6 ? 4 : 1;
  for (let i = 0; i < size; i++) {
    words[W.origSrc + i] = take();
    words[W.origDst + i] = take();
    words[W.replySrc + i] = seed.mirror ? words[W.origDst + i]! : take();
    words[W.replyDst + i] = seed.mirror ? words[W.origSrc + i]! : take();
  }
  if (l4) {
    words[W.origL4Src] = take() & 0xffff;
    words[W.origL4Dst] = isIcmp(protocol) ? (seed.v6 ? 128 : 8) << 8 : take() & 0xffff;
    words[W.replyL4Src] = isIcmp(protocol) ? words[W.origL4Src]! : words[W.origL4Dst]!;
    words[W.replyL4Dst] = isIcmp(protocol) ? (seed.v6 ? 129 : 0) << 8 : words[W.origL4Src]!;
    if (!seed.mirror && !isIcmp(protocol)) words[W.replyL4Dst] = take() & 0xffff;
  }
  for (const [bit, word] of BYTE_FIELDS) if ((has0 & bit) !== 0) words[word] = take() & 0xff;
  for (const [bit, word, count] of WORD_FIELDS) {
    if ((has0 & bit) !== 0) for (let i = 0; i < count; i++) words[word + i] = take();
  }
  if ((has0 & Has0.zone) !== 0) words[W.zone] = take() & 0xffff;
  if ((has0 & Has0.zoneOrig) !== 0) words[W.zoneOrig] = take() & 0xffff;
  if ((has0 & Has0.zoneReply) !== 0) words[W.zoneReply] = take() & 0xffff;
  has0 = fillMaster(r, has0, take, seed.v6);
  fillTexts(r, has0, take);
  if ((has0 & Has0.labels) !== 0) {
    words[W.labelWords] = 4;
    for (let i = 0; i < 4; i++) words[W.labels + i] = take();
  }
  words[W.has0] = has0;
  words[W.has1] = fillLocal(r, seed.has1, (has0 & Has0.helper) !== 0, take);
  return r;
}

function fillMaster(r: FlowRegister, has0: number, take: () => number, v6: boolean): number {
  if ((has0 & Has0.master) === 0) return has0 & ~Has0.masterL4;
  const size = v6 ? 4 : 1;
  r.words[W.masterFamily] = v6 ? AF_INET6 : AF_INET;
  r.words[W.masterProtocol] = IPPROTO_TCP;
  for (let i = 0; i < size; i++) {
    r.words[W.masterSrc + i] = take();
    r.words[W.masterDst + i] = take();
  }
  if ((has0 & Has0.masterL4) !== 0) {
    r.words[W.masterL4Src] = take() & 0xffff;
    r.words[W.masterL4Dst] = take() & 0xffff;
  }
  return has0;
}

function fillTexts(r: FlowRegister, has0: number, take: () => number): void {
  if ((has0 & Has0.helper) === 0) return;
  const length = 1 + ((take() >>> 1) % 15);
  r.words[W.helperLength] = length;
  for (let i = 0; i < length; i++) r.bytes[W.helper * 4 + i] = 97 + ((take() >>> 3) % 26);
}

function fillLocal(r: FlowRegister, wanted: number, helper: boolean, take: () => number): number {
  const { words } = r;
  let has1 = wanted & (Has1.id | Has1.start | Has1.secmark | Has1.secctx | Has1.helperInfo);
  if (!helper) has1 &= ~Has1.helperInfo;
  if ((has1 & Has1.id) !== 0) words[W.id] = take();
  if ((has1 & Has1.secmark) !== 0) words[W.secmark] = take();
  if ((has1 & Has1.start) !== 0) {
    words[W.startLow] = take();
    words[W.startHigh] = take() >>> 4;
  }
  if ((has1 & Has1.secctx) !== 0) {
    const length = 1 + ((take() >>> 1) % 40);
    words[W.secctxLength] = length;
    for (let i = 0; i < length; i++) r.bytes[W.secctx * 4 + i] = 97 + ((take() >>> 3) % 26);
  }
  if ((has1 & Has1.helperInfo) !== 0) {
    words[W.helperInfoLength] = 32;
    for (let i = 0; i < 32; i++) r.bytes[W.helperInfo * 4 + i] = take() & 0xff;
  }
  return has1;
}

const FIELDS: readonly [number, number, string][] = Object.entries(W)
  .map(([name, at]) => [at, 0, name] as [number, number, string])
  .sort((a, b) => a[0] - b[0]);

/** A register as an object that a test can compare: present fields only. */
export function describeFlow(r: FlowRegister): Record<string, unknown> {
  const { words } = r;
  const out: Record<string, unknown> = {};
  const size = words[W.family] === AF_INET ? 1 : 4;
  const show = (name: string, bit: boolean, at: number, count = 1) => {
    if (bit)
      out[name] = Array.from(words.subarray(at, at + count), (x) => x.toString(16)).join(" ");
  };
  show("family", true, W.family);
  show("protocol", true, W.protocol);
  show("origSrc", true, W.origSrc, size);
  show("origDst", true, W.origDst, size);
  show("origL4", r.has0(Has0.origL4), W.origL4Src, 2);
  show("replySrc", r.has0(Has0.reply), W.replySrc, size);
  show("replyDst", r.has0(Has0.reply), W.replyDst, size);
  show("replyL4", r.has0(Has0.replyL4), W.replyL4Src, 2);
  show("zone", r.has0(Has0.zone), W.zone);
  show("zoneOrig", r.has0(Has0.zoneOrig), W.zoneOrig);
  show("zoneReply", r.has0(Has0.zoneReply), W.zoneReply);
  for (const [bit, word] of BYTE_FIELDS) show(fieldName(word), r.has0(bit), word);
  for (const [bit, word, count] of WORD_FIELDS) show(fieldName(word), r.has0(bit), word, count);
  show("master", r.has0(Has0.master), W.masterFamily, 2);
  show("masterSrc", r.has0(Has0.master), W.masterSrc, size);
  show("masterDst", r.has0(Has0.master), W.masterDst, size);
  show("masterL4", r.has0(Has0.masterL4), W.masterL4Src, 2);
  show("snat", r.has0(Has0.snat), W.snat, size);
  show("dnat", r.has0(Has0.dnat), W.dnat, size);
  show("snatPort", r.has0(Has0.snatPort), W.snatPort);
  show("dnatPort", r.has0(Has0.dnatPort), W.dnatPort);
  show("id", r.has1(Has1.id), W.id);
  show("secmark", r.has1(Has1.secmark), W.secmark);
  show("start", r.has1(Has1.start), W.startLow, 2);
  show("labels", r.has0(Has0.labels), W.labels, 4);
  const text = (at: number, length: number) =>
    new TextDecoder("latin1").decode(r.bytes.slice(at * 4, at * 4 + words[length]!));
  if (r.has0(Has0.helper)) out["helper"] = text(W.helper, W.helperLength);
  if (r.has1(Has1.secctx)) out["secctx"] = text(W.secctx, W.secctxLength);
  if (r.has1(Has1.helperInfo)) out["helperInfo"] = text(W.helperInfo, W.helperInfoLength);
  return out;
}

function fieldName(word: number): string {
  return FIELDS.find(([at]) => at === word)![2];
}
