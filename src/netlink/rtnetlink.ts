/**
 * News of network interfaces: what the kernel tells the group of links.
 *
 * Reads `RTM_NEWLINK` and `RTM_DELLINK`, and of these only number, flags and name. Sends nothing.
 * Source: RFC 3549, linux/rtnetlink.h, linux/if_link.h.
 */
import { NLA_TYPE_MASK, NLMSG_HEADER_BYTES, readI32, readU16 } from "./message.ts";

/** Mask of the group that hears of links. */
export const RTMGRP_LINK = 0x1;
export const RTM_NEWLINK = 16;
export const RTM_DELLINK = 17;

const AF_UNSPEC = 0;
/** `struct ifinfomsg`. */
const IFINFO_BYTES = 16;
const IFLA_IFNAME = 3;
const ATTRIBUTE_HEADER_BYTES = 4;
/** Bytes of a name, the NUL included. */
const IFNAMSIZ = 16;

export interface LinkNews {
  readonly index: number;
  /** `IFF_*`; 0 when the interface has gone. */
  readonly flags: number;
  /** Empty where the message names none. */
  readonly name: string;
}

/** A message that starts at `at` and ends before `end`; undefined where it says nothing of an interface. */
export function readLinkNews(bytes: Uint8Array, at: number, end: number): LinkNews | undefined {
  const start = at + NLMSG_HEADER_BYTES;
  if (end - start < IFINFO_BYTES) return undefined;
  const type = readU16(bytes, at + 4);
  if (type !== RTM_NEWLINK && type !== RTM_DELLINK) return undefined;
  // Of another family, it tells that a port joins or leaves a bridge.
  if (bytes[start] !== AF_UNSPEC) return undefined;
  const index = readI32(bytes, start + 4);
  const flags = type === RTM_DELLINK ? 0 : readI32(bytes, start + 8);
  return { index, flags, name: nameAmong(bytes, start + IFINFO_BYTES, end) };
}

function nameAmong(bytes: Uint8Array, start: number, end: number): string {
  let at = start;
  while (end - at >= ATTRIBUTE_HEADER_BYTES) {
    const length = readU16(bytes, at);
    if (length < ATTRIBUTE_HEADER_BYTES || length > end - at) return "";
    const type = readU16(bytes, at + 2) & NLA_TYPE_MASK;
    if (type === IFLA_IFNAME) return text(bytes, at + ATTRIBUTE_HEADER_BYTES, at + length);
    at += (length + 3) & ~3;
  }
  return "";
}

/** Up to the NUL; one character a byte. */
function text(bytes: Uint8Array, start: number, end: number): string {
  const limit = Math.min(end, start + IFNAMSIZ - 1);
  let out = "";
  for (let at = start; at < limit && bytes[at] !== 0; at++) out += String.fromCharCode(bytes[at]!);
  return out;
}
