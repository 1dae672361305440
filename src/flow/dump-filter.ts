/**
 * A template as filter attributes of a dump: what the kernel can leave out need not be read.
 *
 * Only what the kernel understands as we do is said; the rest is compared here (match.ts), as is all of
 * it again, because an older kernel passes over attributes that it does not know. So a filter may let
 * too much through, and never too little.
 *
 * Source: linux/netfilter/nfnetlink_conntrack.h, CTA_FILTER; checked against Linux 6.18 by
 * test/netns/dump-filter.test.ts. Described in: doc/conntrack.md, "Selection".
 */
import type { MessageWriter } from "../netlink/message.ts";
import { AF_INET, Has0, hasPorts, IPPROTO_DCCP, IPPROTO_ICMP, isIcmp, W } from "./register.ts";
import { type FlowTemplate, Given } from "./template.ts";

/** Bits of CTA_FILTER_ORIG_FLAGS and CTA_FILTER_REPLY_FLAGS. */
const Flag = {
  source: 0x001,
  destination: 0x002,
  protocol: 0x008,
  sourcePort: 0x010,
  destinationPort: 0x020,
  icmpType: 0x040,
  icmpCode: 0x080,
  icmpId: 0x100,
} as const;
/** Those of ICMPv6 stand three bits further on. */
const ICMPV6_SHIFT = 3;
const ICMP_FLAGS = Flag.icmpType | Flag.icmpCode | Flag.icmpId;
const ADDRESS_FLAGS = Flag.source | Flag.destination;

const CTA_FILTER = 25;

/** Where the parts of one direction lie in a template. */
interface Direction {
  readonly type: number;
  readonly srcBit: number;
  readonly dstBit: number;
  readonly protocolBit: number;
  readonly l4SrcBit: number;
  readonly l4DstBit: number;
  readonly src: number;
  readonly dst: number;
  readonly l4Src: number;
  readonly l4Dst: number;
}

const ORIGINAL: Direction = {
  type: 1,
  srcBit: Given.origSrc,
  dstBit: Given.origDst,
  protocolBit: Given.origProtocol,
  l4SrcBit: Given.origL4Src,
  l4DstBit: Given.origL4Dst,
  src: W.origSrc,
  dst: W.origDst,
  l4Src: W.origL4Src,
  l4Dst: W.origL4Dst,
};
const REPLY: Direction = {
  type: 2,
  srcBit: Given.replySrc,
  dstBit: Given.replyDst,
  protocolBit: Given.replyProtocol,
  l4SrcBit: Given.replyL4Src,
  l4DstBit: Given.replyL4Dst,
  src: W.replySrc,
  dst: W.replyDst,
  l4Src: W.replyL4Src,
  l4Dst: W.replyL4Dst,
};

/** Everything that the kernel can compare, for a list or a deletion. */
export function encodeDumpFilter(w: MessageWriter, template: FlowTemplate): void {
  const { flow, statusClear } = template;
  const { words } = flow;
  if (flow.has0(Has0.mark)) {
    w.be32(8, words[W.mark]!);
    w.be32(21, template.markMask);
  }
  if (flow.has0(Has0.status) || statusClear !== 0) {
    // Nothing set and nothing clear is refused by the kernel: nobody means that.
    w.be32(3, words[W.status]!);
    w.be32(26, words[W.status]! | statusClear);
  }
  encodeZone(w, template);
  encodeTupleFilter(w, template);
}

/**
 * Tuples alone: for an update, whose other values are new ones. The kernel compares them within one
 * family only, and entries come in the order of a dump of both: so a family must have been said.
 */
export function encodeTupleFilter(w: MessageWriter, template: FlowTemplate): void {
  if (template.family === 0) return;
  const original = flagsOf(template, ORIGINAL);
  const reply = flagsOf(template, REPLY);
  if (original === 0 && reply === 0) return;
  if (original !== 0) encodeTuple(w, template, ORIGINAL, original);
  if (reply !== 0) encodeTuple(w, template, REPLY, reply);
  const flags = Uint32Array.of(original, reply);
  const nest = w.beginNest(CTA_FILTER);
  if (original !== 0) w.words(1, flags, 0, 1);
  if (reply !== 0) w.words(2, flags, 1, 1);
  w.endNest(nest);
}

/**
 * The kernel takes any zone of an entry for its zone, and zone 0 for none at all: so one zone alone is
 * said, and never 0.
 */
function encodeZone(w: MessageWriter, { flow }: FlowTemplate): void {
  const zones = [
    [Has0.zone, W.zone],
    [Has0.zoneOrig, W.zoneOrig],
    [Has0.zoneReply, W.zoneReply],
  ] as const;
  const said = zones.filter(([bit]) => flow.has0(bit)).map(([, at]) => flow.words[at]!);
  const zone = said.find((each) => each !== 0);
  if (zone !== undefined) w.be16(18, zone);
}

function flagsOf(template: FlowTemplate, at: Direction): number {
  let flags = 0;
  const { given } = template;
  // The comparison of IPv6 addresses is inverted in today's kernels.
  if (template.family === AF_INET) {
    const masked = at === ORIGINAL ? given & (Given.srcMask | Given.dstMask) : 0;
    if ((given & at.srcBit) !== 0 && (masked & Given.srcMask) === 0) flags |= Flag.source;
    if ((given & at.dstBit) !== 0 && (masked & Given.dstMask) === 0) flags |= Flag.destination;
  }
  if ((given & at.protocolBit) === 0) return flags;
  flags |= Flag.protocol;
  const protocol = protocolOf(template, at);
  if (hasPorts(protocol) && isFiltered(protocol)) {
    if ((given & at.l4SrcBit) !== 0) flags |= Flag.sourcePort;
    if ((given & at.l4DstBit) !== 0) flags |= Flag.destinationPort;
  } else if (isIcmp(protocol)) {
    let icmp = 0;
    if ((given & Given.icmpType) !== 0) icmp |= Flag.icmpType;
    if ((given & Given.icmpCode) !== 0) icmp |= Flag.icmpCode;
    if ((given & Given.icmpId) !== 0) icmp |= Flag.icmpId;
    flags |= protocol === IPPROTO_ICMP ? icmp : icmp << ICMPV6_SHIFT;
  }
  return flags;
}

/** Kernels since 6.16 do not know DCCP: it has no ports there. */
function isFiltered(protocol: number): boolean {
  return protocol !== IPPROTO_DCCP;
}

function protocolOf(template: FlowTemplate, at: Direction): number {
  return at === ORIGINAL ? template.flow.words[W.protocol]! : template.replyProtocol;
}

/** Only what is compared needs to be there. */
function encodeTuple(w: MessageWriter, template: FlowTemplate, at: Direction, flags: number): void {
  const { words } = template.flow;
  const tuple = w.beginNest(at.type);
  if ((flags & ADDRESS_FLAGS) !== 0) {
    const ip = w.beginNest(1);
    if ((flags & Flag.source) !== 0) w.words(1, words, at.src, 1);
    if ((flags & Flag.destination) !== 0) w.words(2, words, at.dst, 1);
    w.endNest(ip);
  }
  if ((flags & Flag.protocol) !== 0) {
    const protocol = protocolOf(template, at);
    const proto = w.beginNest(2);
    w.u8(1, protocol);
    if ((flags & Flag.sourcePort) !== 0) w.be16(2, words[at.l4Src]!);
    if ((flags & Flag.destinationPort) !== 0) w.be16(3, words[at.l4Dst]!);
    if ((flags & (ICMP_FLAGS | (ICMP_FLAGS << ICMPV6_SHIFT))) !== 0) {
      const base = protocol === IPPROTO_ICMP ? 4 : 7;
      w.be16(base, words[at.l4Src]!);
      w.u8(base + 1, words[at.l4Dst]! >>> 8);
      w.u8(base + 2, words[at.l4Dst]!);
    }
    w.endNest(proto);
  }
  w.endNest(tuple);
}
