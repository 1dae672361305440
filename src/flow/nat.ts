/**
 * The translation of a flow, read off its two tuples.
 *
 * The kernel reports no NAT attribute: what was translated is what the reply tuple does not mirror.
 * Conditions as the reference applies them, phantom ICMP ports included: doc/sync/wire.md, "NAT".
 */
import { AF_INET, type FlowRegister, Has0, isIcmp, Status, W } from "./register.ts";

const NAT_FIELDS = Has0.snat | Has0.dnat | Has0.snatPort | Has0.dnatPort;

function differ(words: Uint32Array, a: number, b: number, count: number): boolean {
  for (let i = 0; i < count; i++) if (words[a + i] !== words[b + i]) return true;
  return false;
}

function copy(words: Uint32Array, from: number, to: number, count: number): void {
  for (let i = 0; i < count; i++) words[to + i] = words[from + i]!;
}

/**
 * The 16-bit field the reference compares. For ICMP the id and the `{type, code}` bytes share the
 * storage of the ports, so the id is compared in network order with type and code as they lie there.
 */
function l4Word(words: Uint32Array, at: number): number {
  return words[at]! & 0xffff;
}

/** Set SNAT_*, DNAT_*, SPAT_PORT and DPAT_PORT from the tuples and the status, or clear them. */
export function deriveNat(r: FlowRegister): void {
  const words = r.words;
  let has = words[W.has0]! & ~NAT_FIELDS;
  if ((has & Has0.reply) === 0) {
    words[W.has0] = has;
    return;
  }
  const status = (has & Has0.status) === 0 ? -1 : words[W.status]!;
  const size = words[W.family] === AF_INET ? 1 : 4;
  const icmp = isIcmp(words[W.protocol]!);
  if ((status & Status.SRC_NAT_DONE) !== 0) {
    if (differ(words, W.replyDst, W.origSrc, size)) {
      copy(words, W.replyDst, W.snat, size);
      has |= Has0.snat;
    }
    // The reply of an ICMP flow holds its type and code where a port would be.
    if (l4Word(words, W.replyL4Dst) !== l4Word(words, W.origL4Src)) {
      words[W.snatPort] = icmp ? 0 : words[W.replyL4Dst]!;
      has |= Has0.snatPort;
    }
  }
  if ((status & Status.DST_NAT_DONE) !== 0) {
    if (differ(words, W.replySrc, W.origDst, size)) {
      copy(words, W.replySrc, W.dnat, size);
      has |= Has0.dnat;
    }
    if (l4Word(words, W.replyL4Src) !== l4Word(words, W.origL4Dst)) {
      words[W.dnatPort] = icmp ? 0 : words[W.replyL4Src]!;
      has |= Has0.dnatPort;
    }
  }
  words[W.has0] = has;
}

/** Whether the reply tuple is the original one turned round. `replyType` maps an ICMP type. */
export function isMirror(words: Uint32Array, icmpReply: number): boolean {
  const size = words[W.family] === AF_INET ? 1 : 4;
  if (differ(words, W.origSrc, W.replyDst, size) || differ(words, W.origDst, W.replySrc, size)) {
    return false;
  }
  if (isIcmp(words[W.protocol]!)) {
    return (
      words[W.replyL4Src] === words[W.origL4Src] &&
      words[W.replyL4Dst] === mirroredIcmp(words[W.origL4Dst]!, icmpReply)
    );
  }
  return words[W.origL4Src] === words[W.replyL4Dst] && words[W.origL4Dst] === words[W.replyL4Src];
}

/** Type and code of the reply: the same code, the type that answers. */
export function mirroredIcmp(typeAndCode: number, icmpReply: number): number {
  return (icmpReply << 8) | (typeAndCode & 0xff);
}

/** Write the reply tuple as the mirror of the original. */
export function mirrorTuple(words: Uint32Array, icmpReply: number): void {
  copy(words, W.origSrc, W.replyDst, 4);
  copy(words, W.origDst, W.replySrc, 4);
  if (isIcmp(words[W.protocol]!)) {
    words[W.replyL4Src] = words[W.origL4Src]!;
    words[W.replyL4Dst] = mirroredIcmp(words[W.origL4Dst]!, icmpReply);
    return;
  }
  words[W.replyL4Src] = words[W.origL4Dst]!;
  words[W.replyL4Dst] = words[W.origL4Src]!;
}
