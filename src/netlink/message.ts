/**
 * Netlink messages: headers, netfilter headers, and a writer for requests.
 *
 * Knows nothing of sockets. All header fields are host order (little endian, see kit/bytes.ts);
 * values inside netfilter attributes are big endian unless said otherwise.
 * Source: RFC 3549, linux/netlink.h, linux/netfilter/nfnetlink.h.
 */
import { assert } from "../kit/assert.ts";
import { align4, swap16, swap32 } from "../kit/bytes.ts";

export const NLMSG_HEADER_BYTES = 16;
/** `struct nfgenmsg`: family, version, resource id. */
export const NFGEN_BYTES = 4;

export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;

export const NLM_F_REQUEST = 0x1;
export const NLM_F_ACK = 0x4;
export const NLM_F_DUMP = 0x300;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;

export const NLA_F_NESTED = 0x8000;
/** Type bits of an attribute header: the rest are flags. */
export const NLA_TYPE_MASK = 0x3fff;

export const NFNL_SUBSYS_CTNETLINK = 1;
export const NFNL_SUBSYS_CTNETLINK_EXP = 2;

/** Message types of the conntrack subsystem, subsystem byte included. */
export const IPCTNL_MSG_CT_NEW = 0x0100;
export const IPCTNL_MSG_CT_GET = 0x0101;
export const IPCTNL_MSG_CT_DELETE = 0x0102;
export const IPCTNL_MSG_CT_GET_CTRZERO = 0x0103;
export const IPCTNL_MSG_CT_GET_STATS_CPU = 0x0104;
export const IPCTNL_MSG_CT_GET_STATS = 0x0105;
export const IPCTNL_MSG_CT_GET_DYING = 0x0106;
export const IPCTNL_MSG_CT_GET_UNCONFIRMED = 0x0107;

/** Message types of the expectation subsystem. */
export const IPCTNL_MSG_EXP_NEW = 0x0200;
export const IPCTNL_MSG_EXP_GET = 0x0201;
export const IPCTNL_MSG_EXP_DELETE = 0x0202;

export function readU16(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8);
}

/** Signed, so that it compares and masks without a heap number; `>>> 0` where the size matters. */
export function readI32(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

export function readBe16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}

export function readBe32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
}

/**
 * Writes netlink requests one behind the other into one buffer. Everything in it is a multiple of four
 * bytes, so it is written in words. Nothing grows: check `room` first.
 */
export class MessageWriter {
  readonly bytes: Uint8Array;
  readonly #words: Int32Array;
  /** Words written so far, and where the open request starts. */
  #at = 0;
  #start = 0;

  /** `capacityBytes` is a multiple of four. */
  constructor(capacityBytes: number) {
    this.bytes = new Uint8Array(capacityBytes);
    this.#words = new Int32Array(this.bytes.buffer);
  }

  reset(): void {
    this.#at = 0;
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#at * 4;
  }

  /** Bytes left. */
  get room(): number {
    return this.bytes.length - this.#at * 4;
  }

  /** Start a netfilter request; `end` closes it. */
  begin(type: number, flags: number, sequence: number, family: number, version = 0): void {
    assert(this.room >= NLMSG_HEADER_BYTES + NFGEN_BYTES, "netlink writer has room for a header");
    const words = this.#words;
    const at = this.#at;
    this.#start = at;
    words[at + 1] = type | (flags << 16);
    words[at + 2] = sequence;
    words[at + 3] = 0;
    words[at + 4] = (family & 0xff) | (version << 8);
    this.#at = at + 5;
  }

  /** A whole request that another writer made, under a number of its own. */
  repeat(request: Uint8Array, at: number, sequence: number): void {
    const length = readI32(request, at);
    assert(this.room >= length, "netlink writer has room for a request");
    this.bytes.set(request.subarray(at, at + length), this.length);
    this.#words[this.#at + 2] = sequence;
    this.#at += align4(length) >> 2;
  }

  end(): void {
    this.#words[this.#start] = (this.#at - this.#start) * 4;
  }

  /** Open a nest; give what it returns to `endNest`. */
  beginNest(type: number): number {
    const at = this.#at;
    this.#header(4, type | NLA_F_NESTED);
    return at;
  }

  endNest(at: number): void {
    this.#words[at] = (this.#words[at]! & ~0xffff) | ((this.#at - at) * 4);
  }

  u8(type: number, value: number): void {
    this.#header(5, type);
    this.#words[this.#at++] = value & 0xff;
  }

  be16(type: number, value: number): void {
    this.#header(6, type);
    this.#words[this.#at++] = swap16(value);
  }

  be32(type: number, value: number): void {
    this.#header(8, type);
    this.#words[this.#at++] = swap32(value);
  }

  be64(type: number, low: number, high: number): void {
    this.#header(12, type);
    this.#words[this.#at++] = swap32(high);
    this.#words[this.#at++] = swap32(low);
  }

  /** Two bytes of which the kernel reads value and mask (`CTA_PROTOINFO_TCP_FLAGS_*`). */
  pair(type: number, first: number, second: number): void {
    this.#header(6, type);
    this.#words[this.#at++] = (first & 0xff) | ((second & 0xff) << 8);
  }

  /** Words as they lie in memory: addresses in network order, labels. */
  words(type: number, source: Uint32Array, at: number, count: number): void {
    this.#header(4 + count * 4, type);
    for (let i = 0; i < count; i++) this.#words[this.#at++] = source[at + i]!;
  }

  /** Bytes, zero-padded to four. */
  raw(type: number, source: Uint8Array, at: number, size: number): void {
    this.#header(4 + size, type);
    this.#copy(source, at, size, align4(size));
  }

  /** A string of a register field, with its terminating NUL. */
  text(type: number, source: Uint8Array, at: number, size: number): void {
    this.#header(4 + size + 1, type);
    this.#copy(source, at, size, align4(size + 1));
  }

  #copy(source: Uint8Array, at: number, size: number, padded: number): void {
    const to = this.length;
    for (let i = 0; i < padded; i++) this.bytes[to + i] = i < size ? source[at + i]! : 0;
    this.#at += padded >> 2;
  }

  /** An attribute header; `size` leaves the padding out. */
  #header(size: number, type: number): void {
    assert(this.room >= align4(size), "netlink writer has room for an attribute");
    this.#words[this.#at++] = size | (type << 16);
  }
}
