/**
 * What an operator says about a flow: a register of values, and which of them were said.
 *
 * The register's own presence bits speak of whole tuples; a command line names half an address pair,
 * one port, an ICMP code. A template is filled by a command line, compared with flows (match.ts), sent
 * as a filter (dump-filter.ts) or as a request (kernel-template.ts).
 *
 * Described in: doc/flow.md, "Template".
 */
import { icmpReplyType } from "./icmp.ts";
import { mirrorTuple } from "./nat.ts";
import {
  AF_INET,
  AF_INET6,
  FlowRegister,
  Has0,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  W,
} from "./register.ts";

/** Parts of the tuples that were said. */
export const Given = {
  origSrc: 1 << 0,
  origDst: 1 << 1,
  replySrc: 1 << 2,
  replyDst: 1 << 3,
  /** The protocol of a direction: that of the reply is told by options of the reply. */
  origProtocol: 1 << 4,
  replyProtocol: 1 << 5,
  /** Ports or keys. */
  origL4Src: 1 << 6,
  origL4Dst: 1 << 7,
  replyL4Src: 1 << 8,
  replyL4Dst: 1 << 9,
  icmpId: 1 << 10,
  icmpType: 1 << 11,
  icmpCode: 1 << 12,
  /** Networks instead of addresses. */
  srcMask: 1 << 13,
  dstMask: 1 << 14,
} as const;

/** Which translation a flow must have. */
export const Nat = { none: 0, source: 1, destination: 2, both: 3, any: 4 } as const;
export type Nat = (typeof Nat)[keyof typeof Nat];

/** Label bits that the kernel holds; a template that names others says so by one word more. */
export const KERNEL_LABELS = 128;
const REFUSED_LABEL_WORDS = 5;

const ORIG_ADDRESSES = Given.origSrc | Given.origDst;
const REPLY_ADDRESSES = Given.replySrc | Given.replyDst;

export class FlowTemplate {
  /** Values. Everything but the tuples has its presence bit here. */
  readonly flow = new FlowRegister();
  /** `Given` bits. */
  given = 0;
  replyProtocol = 0;
  /** Source mask, then destination mask: four words each, network order. */
  readonly masks = new Uint32Array(8);
  /** The translation asked for; addresses and ports are the register's `snat`, `dnat`. */
  nat: Nat = Nat.none;
  /** Which bits of a mark count. */
  markMask = 0xffffffff;
  /** Status bits that must be clear. */
  statusClear = 0;

  clear(): void {
    this.flow.words.fill(0);
    this.given = 0;
    this.replyProtocol = 0;
    this.masks.fill(0);
    this.nat = Nat.none;
    this.markMask = 0xffffffff;
    this.statusClear = 0;
  }

  copyFrom(other: FlowTemplate): void {
    this.flow.copyFrom(other.flow);
    this.given = other.given;
    this.replyProtocol = other.replyProtocol;
    this.masks.set(other.masks);
    this.nat = other.nat;
    this.markMask = other.markMask;
    this.statusClear = other.statusClear;
  }

  has(bits: number): boolean {
    return (this.given & bits) !== 0;
  }

  get family(): number {
    return this.flow.words[W.family]!;
  }

  /** False where another family was said before. */
  setFamily(family: number): boolean {
    const known = this.flow.words[W.family]!;
    if (known !== 0 && known !== family) return false;
    this.flow.words[W.family] = family;
    return true;
  }

  /** Number of words of an address of the template's family. */
  get addressWords(): number {
    return this.family === AF_INET6 ? 4 : 1;
  }

  addLabel(bit: number): void {
    const { words } = this.flow;
    if (!this.flow.has0(Has0.labels)) words[W.labelWords] = 0;
    words[W.has0]! |= Has0.labels;
    if (bit >= KERNEL_LABELS) {
      words[W.labelWords] = REFUSED_LABEL_WORDS;
      return;
    }
    words[W.labels + (bit >> 5)]! |= 1 << (bit & 31);
    words[W.labelWords] = Math.max(words[W.labelWords]!, (bit >> 5) + 1);
  }

  /** Whether a label was named that no entry can have. */
  get namesImpossibleLabel(): boolean {
    return this.flow.has0(Has0.labels) && this.flow.words[W.labelWords]! === REFUSED_LABEL_WORDS;
  }

  /** Reduce network and address to what a comparison needs: the bits behind the mask are of no matter. */
  applyMasks(): void {
    const { words } = this.flow;
    for (let i = 0; i < 4; i++) {
      if (this.has(Given.srcMask)) words[W.origSrc + i]! &= this.masks[i]!;
      if (this.has(Given.dstMask)) words[W.origDst + i]! &= this.masks[4 + i]!;
    }
  }

  /**
   * Make it the flow to create: where only one side was said, the other is its mirror, protocol and
   * ports included.
   */
  complete(): void {
    const words = this.flow.words;
    const orig = this.has(ORIG_ADDRESSES);
    const reply = this.has(REPLY_ADDRESSES);
    if (orig && !reply) {
      mirrorTuple(words, this.#answer());
      this.replyProtocol = words[W.protocol]!;
    } else if (reply && !orig) {
      turnRound(words);
      words[W.protocol] = this.replyProtocol;
      mirrorTuple(words, this.#answer());
      turnRound(words);
    }
    words[W.has0]! |= Has0.orig | Has0.origL4 | Has0.reply | Has0.replyL4;
    if (words[W.family] === 0) words[W.family] = AF_INET;
  }

  /** The type that answers the original's: of ICMP or ICMPv6, as the addresses are. */
  #answer(): number {
    const { words } = this.flow;
    const protocol = words[W.family] === AF_INET6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
    return icmpReplyType(protocol, words[W.origL4Dst]! >>> 8);
  }
}

/** Exchange original and reply. */
function turnRound(words: Uint32Array): void {
  const size = W.replySrc - W.origSrc;
  for (let i = 0; i < size; i++) {
    const word = words[W.origSrc + i]!;
    words[W.origSrc + i] = words[W.replySrc + i]!;
    words[W.replySrc + i] = word;
  }
}
