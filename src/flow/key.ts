/**
 * The identity of a flow: family, protocol, original addresses and l4 part, zones.
 *
 * GRE keys and UDP-Lite ports count although the wire does not carry them, so that two tunnels
 * between the same ends stay two entries here. Described in: doc/flow.md, "Identity".
 */
import { swap16 } from "../kit/bytes.ts";
import { AF_INET, type FlowRegister, Has0, isIcmp, W } from "./register.ts";
import { hasWirePorts } from "./wire-rows.ts";

/** Mix a word into a hash. */
export function mix(hash: number, word: number): number {
  const h = Math.imul(hash ^ word, 0x9e3779b1);
  return h ^ (h >>> 15);
}

/** 32-bit hash of a flow's identity. `seed` differs per process, so that nobody can aim at one bucket. */
export function hashFlow(r: FlowRegister, seed: number): number {
  const words = r.words;
  const size = words[W.family] === AF_INET ? 1 : 4;
  let hash = seed ^ words[W.protocol]!;
  for (let i = 0; i < size; i++) hash = mix(hash, words[W.origSrc + i]!);
  for (let i = 0; i < size; i++) hash = mix(hash, words[W.origDst + i]!);
  hash = mix(hash, (words[W.origL4Src]! << 16) ^ words[W.origL4Dst]!);
  const zones = zoneWord(words);
  if (zones !== 0) hash = mix(mix(hash, zones), words[W.zoneReply]!);
  return mix(hash, hash >>> 16);
}

/** Zones that are absent are zero, and zone 0 is no zone. */
function zoneWord(words: Uint32Array): number {
  return words[W.zone]! | (words[W.zoneOrig]! << 16);
}

/** Whether the identity has parts that lie outside the first words of the packed flow. */
export function hasExtraKey(r: FlowRegister): boolean {
  const words = r.words;
  if ((words[W.zone]! | words[W.zoneOrig]! | words[W.zoneReply]!) !== 0) return true;
  const protocol = words[W.protocol]!;
  return (
    (words[W.has0]! & Has0.origL4) !== 0 &&
    !hasWirePorts(protocol) &&
    !isIcmp(protocol) &&
    (words[W.origL4Src]! | words[W.origL4Dst]!) !== 0
  );
}

/**
 * Whether the packed flow at word `at` has the register's addresses, protocol and ports or ICMP triple.
 * The first attributes stand at fixed places: addresses, STATUS, L4PROTO, then PORT or ICMP_*.
 */
export function samePackedTuple(r: FlowRegister, words: Int32Array, at: number): boolean {
  const own = r.words;
  const size = own[W.family] === AF_INET ? 1 : 4;
  // The id in the first header word tells the family: IPV4 is 0, IPV6 is 1.
  if ((words[at]! >>> 16 === 0) !== (size === 1)) return false;
  let here = at + 1;
  for (let i = 0; i < size; i++) if (words[here + i] !== (own[W.origSrc + i]! | 0)) return false;
  here += size;
  for (let i = 0; i < size; i++) if (words[here + i] !== (own[W.origDst + i]! | 0)) return false;
  here += size + 2; // STATUS
  const protocol = own[W.protocol]!;
  if (words[here + 1] !== protocol) return false;
  here += 2;
  if (hasWirePorts(protocol)) {
    const ports = swap16(own[W.origL4Src]!) | (swap16(own[W.origL4Dst]!) << 16);
    return words[here + 1] === ports;
  }
  if (isIcmp(protocol) && (own[W.has0]! & Has0.origL4) !== 0) {
    return (
      words[here + 1] === own[W.origL4Dst]! >>> 8 &&
      words[here + 3] === (own[W.origL4Dst]! & 0xff) &&
      words[here + 5] === own[W.origL4Src]
    );
  }
  return true;
}

/** Whether two unpacked flows have the same extra key; their tuples were compared already. */
export function sameExtraKey(a: FlowRegister, b: FlowRegister): boolean {
  const x = a.words;
  const y = b.words;
  return (
    x[W.origL4Src] === y[W.origL4Src] &&
    x[W.origL4Dst] === y[W.origL4Dst] &&
    x[W.zone] === y[W.zone] &&
    x[W.zoneOrig] === y[W.zoneOrig] &&
    x[W.zoneReply] === y[W.zoneReply]
  );
}
