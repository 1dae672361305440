/**
 * Netlink messages: headers, netfilter headers, and a writer for requests.
 *
 * Knows nothing of sockets. All header fields are host order (little endian, see kit/bytes.ts);
 * values inside netfilter attributes are big endian unless said otherwise.
 * Source: RFC 3549, linux/netlink.h, linux/netfilter/nfnetlink.h.
 */
import { assert } from "../kit/assert.ts";
import { align4 } from "../kit/bytes.ts";

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

/** Writes netlink requests one behind the other into one buffer. Nothing grows: check `room` first. */
export class MessageWriter {
  readonly bytes: Uint8Array;
  /** Bytes written so far. */
  length = 0;
  #start = 0;

  constructor(capacityBytes: number) {
    this.bytes = new Uint8Array(capacityBytes);
  }

  reset(): void {
    this.length = 0;
  }

  /** Bytes left. */
  get room(): number {
    return this.bytes.length - this.length;
  }

  /** Start a netfilter request; `end` closes it. */
  begin(type: number, flags: number, sequence: number, family: number): void {
    assert(this.room >= NLMSG_HEADER_BYTES + NFGEN_BYTES, "netlink writer has room for a header");
    this.#start = this.length;
    this.#u32(0);
    this.#u16(type);
    this.#u16(flags);
    this.#u32(sequence);
    this.#u32(0);
    this.#u32(family & 0xff);
  }

  end(): void {
    const size = this.length - this.#start;
    const at = this.#start;
    this.bytes[at] = size;
    this.bytes[at + 1] = size >>> 8;
    this.bytes[at + 2] = size >>> 16;
    this.bytes[at + 3] = size >>> 24;
  }

  /** Open a nest; give what it returns to `endNest`. */
  beginNest(type: number): number {
    const at = this.length;
    this.#header(0, type | NLA_F_NESTED);
    return at;
  }

  endNest(at: number): void {
    const size = this.length - at;
    this.bytes[at] = size;
    this.bytes[at + 1] = size >>> 8;
  }

  u8(type: number, value: number): void {
    this.#header(5, type);
    this.#u32(value & 0xff);
  }

  be16(type: number, value: number): void {
    this.#header(6, type);
    this.#u32(((value & 0xff) << 8) | ((value >>> 8) & 0xff));
  }

  be32(type: number, value: number): void {
    this.#header(8, type);
    this.#be32(value);
  }

  be64(type: number, low: number, high: number): void {
    this.#header(12, type);
    this.#be32(high);
    this.#be32(low);
  }

  /** Two bytes of which the kernel reads value and mask (`CTA_PROTOINFO_TCP_FLAGS_*`). */
  pair(type: number, first: number, second: number): void {
    this.#header(6, type);
    this.#u32((first & 0xff) | ((second & 0xff) << 8));
  }

  /** Raw bytes, zero-padded to four. */
  raw(type: number, source: Uint8Array, at: number, size: number): void {
    this.#header(4 + size, type);
    for (let i = 0; i < size; i++) this.bytes[this.length + i] = source[at + i]!;
    for (let i = size; i < align4(size); i++) this.bytes[this.length + i] = 0;
    this.length += align4(size);
  }

  /** A string of a register field, with its terminating NUL. */
  text(type: number, source: Uint8Array, at: number, size: number): void {
    const padded = align4(size + 1);
    this.#header(4 + size + 1, type);
    for (let i = 0; i < padded; i++) this.bytes[this.length + i] = i < size ? source[at + i]! : 0;
    this.length += padded;
  }

  #header(size: number, type: number): void {
    assert(this.room >= 4 + align4(size), "netlink writer has room for an attribute");
    this.#u16(size);
    this.#u16(type);
  }

  #u16(value: number): void {
    this.bytes[this.length] = value;
    this.bytes[this.length + 1] = value >>> 8;
    this.length += 2;
  }

  #u32(value: number): void {
    const { bytes, length } = this;
    bytes[length] = value;
    bytes[length + 1] = value >>> 8;
    bytes[length + 2] = value >>> 16;
    bytes[length + 3] = value >>> 24;
    this.length = length + 4;
  }

  #be32(value: number): void {
    const { bytes, length } = this;
    bytes[length] = value >>> 24;
    bytes[length + 1] = value >>> 16;
    bytes[length + 2] = value >>> 8;
    bytes[length + 3] = value;
    this.length = length + 4;
  }
}
