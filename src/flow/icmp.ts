/**
 * Which ICMP message answers which: the reply tuple of a query holds the other type.
 *
 * Source: RFC 792, RFC 4443, RFC 4620; the pairs are those that the kernel tracks.
 */
import { IPPROTO_ICMP, IPPROTO_ICMPV6 } from "./register.ts";

/** The reply type of an ICMP query, or 255 where the kernel knows none. */
export function icmpReplyType(protocol: number, type: number): number {
  if (protocol === IPPROTO_ICMP) return ICMP_REPLY[type] ?? NO_REPLY_TYPE;
  if (protocol === IPPROTO_ICMPV6) return ICMPV6_REPLY[type] ?? NO_REPLY_TYPE;
  return NO_REPLY_TYPE;
}

export const NO_REPLY_TYPE = 255;
const ICMP_REPLY: Readonly<Record<number, number>> = {
  0: 8,
  8: 0,
  13: 14,
  14: 13,
  15: 16,
  16: 15,
  17: 18,
  18: 17,
};
const ICMPV6_REPLY: Readonly<Record<number, number>> = { 128: 129, 129: 128, 139: 140, 140: 139 };
