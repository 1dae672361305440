/**
 * The fast path for a tuple with ports, as the kernel writes it: attributes in fixed order and size.
 *
 * Two of them are most of an event. It stands beside the table of kernel-table.ts, never instead of it:
 * anything that looks different is left to the table, and a test compares the two.
 */
import { readBe16, readI32 } from "../netlink/message.ts";
import { AF_INET, AF_INET6, hasPorts, type Register, type TupleWords, W } from "./register.ts";

/** Attribute headers as words: length in the low half, type (and the nested bit) in the high half. */
const IP_NEST_V4 = 0x80010014 | 0;
const IP_NEST_V6 = 0x8001002c | 0;
const V4_SRC = 0x00010008;
const V4_DST = 0x00020008;
const V6_SRC = 0x00030014;
const V6_DST = 0x00040014;
const PROTO_NEST = 0x8002001c | 0;
const PROTO_NUM = 0x00010005;
const SRC_PORT = 0x00020006;
const DST_PORT = 0x00030006;
const PROTO_BYTES = 28;
const V4_BYTES = 20 + PROTO_BYTES;
const V6_BYTES = 44 + PROTO_BYTES;

/** Read the payload of a tuple nest; false, with nothing written, when it is not of the usual shape. */
export function decodeUsualTuple(
  r: Register,
  b: Uint8Array,
  at: number,
  size: number,
  t: TupleWords,
): boolean {
  const words = r.words;
  if (size === V4_BYTES) {
    if (readI32(b, at) !== IP_NEST_V4 || readI32(b, at + 4) !== V4_SRC) return false;
    if (readI32(b, at + 12) !== V4_DST || !usualPorts(words, b, at + 20, t)) return false;
    words[t.src] = readI32(b, at + 8);
    words[t.dst] = readI32(b, at + 16);
    words[t.family] = AF_INET;
  } else if (size === V6_BYTES) {
    if (readI32(b, at) !== IP_NEST_V6 || readI32(b, at + 4) !== V6_SRC) return false;
    if (readI32(b, at + 24) !== V6_DST || !usualPorts(words, b, at + 44, t)) return false;
    for (let i = 0; i < 4; i++) {
      words[t.src + i] = readI32(b, at + 8 + i * 4);
      words[t.dst + i] = readI32(b, at + 28 + i * 4);
    }
    words[t.family] = AF_INET6;
  } else {
    return false;
  }
  words[W.has0]! |= t.has | t.hasL4;
  return true;
}

function usualPorts(words: Uint32Array, b: Uint8Array, at: number, t: TupleWords): boolean {
  if (readI32(b, at) !== PROTO_NEST || readI32(b, at + 4) !== PROTO_NUM) return false;
  if (readI32(b, at + 12) !== SRC_PORT || readI32(b, at + 20) !== DST_PORT) return false;
  const protocol = b[at + 8]!;
  if (!hasPorts(protocol)) return false;
  words[t.protocol] = protocol;
  words[t.l4Src] = readBe16(b, at + 16);
  words[t.l4Dst] = readBe16(b, at + 24);
  return true;
}
