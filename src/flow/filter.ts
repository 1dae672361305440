/**
 * Which flows the daemon looks after: protocol, address and TCP-state lists.
 *
 * Three sections, each accepting or ignoring what it lists; a section that was not written accepts
 * everything. Compared are the original source and the reply source, the real destination behind a
 * translation. Described in: doc/sync/machines.md, "Filter".
 */

import { swap32 } from "../kit/bytes.ts";
import { AF_INET, type FlowRegister, Has0, IPPROTO_TCP, W } from "./register.ts";

export interface Network {
  /** 4 or 16 bytes in network order. */
  readonly address: Uint8Array;
  /** Bits of the prefix: 32 or 128 for a host. */
  readonly prefix: number;
}

export interface Section<T> {
  readonly accept: boolean;
  readonly list: readonly T[];
}

export interface FilterOptions {
  /** IP protocol numbers. */
  readonly protocols?: Section<number> | undefined;
  readonly addresses?: Section<Network> | undefined;
  /** Kernel TCP states. */
  readonly states?: Section<number> | undefined;
}

/** A prefix as words in memory order. */
interface Prefix {
  readonly words: readonly number[];
  readonly masks: readonly number[];
}

export type FlowFilter = (flow: FlowRegister) => boolean;

/** Build the test of a flow. Without any section everything passes. */
export function flowFilter(options: FilterOptions): FlowFilter {
  const tests: FlowFilter[] = [];
  const { protocols, addresses, states } = options;
  if (protocols !== undefined) {
    const listed = new Uint8Array(256);
    for (const each of protocols.list) listed[each & 0xff] = 1;
    const wanted = protocols.accept ? 1 : 0;
    tests.push((flow) => listed[flow.words[W.protocol]! & 0xff] === wanted);
  }
  if (addresses !== undefined) {
    const v4 = prefixes(addresses.list, 4);
    const v6 = prefixes(addresses.list, 16);
    const wanted = addresses.accept;
    tests.push((flow) => {
      const list = flow.words[W.family] === AF_INET ? v4 : v6;
      const { words } = flow;
      const matched =
        matches(list, words, W.origSrc) ||
        (flow.has0(Has0.reply) && matches(list, words, W.replySrc));
      return matched === wanted;
    });
  }
  if (states !== undefined) {
    const listed = new Uint8Array(256);
    for (const each of states.list) listed[each & 0xff] = 1;
    const wanted = states.accept ? 1 : 0;
    tests.push(
      (flow) =>
        flow.words[W.protocol] !== IPPROTO_TCP ||
        !flow.has0(Has0.tcpState) ||
        listed[flow.words[W.tcpState]! & 0xff] === wanted,
    );
  }
  if (tests.length === 0) return () => true;
  return (flow) => {
    for (let i = 0; i < tests.length; i++) if (!tests[i]!(flow)) return false;
    return true;
  };
}

function prefixes(list: readonly Network[], size: 4 | 16): Prefix[] {
  const out: Prefix[] = [];
  for (const { address, prefix } of list) {
    if (address.length !== size) continue;
    const words: number[] = [];
    const masks: number[] = [];
    for (let i = 0; i < size / 4; i++) {
      const bits = Math.min(32, Math.max(0, prefix - i * 32));
      const mask = bits === 0 ? 0 : swap32((0xffffffff << (32 - bits)) | 0);
      const word =
        address[i * 4]! |
        (address[i * 4 + 1]! << 8) |
        (address[i * 4 + 2]! << 16) |
        (address[i * 4 + 3]! << 24);
      masks.push(mask);
      words.push(word & mask);
    }
    out.push({ words, masks });
  }
  return out;
}

function matches(list: readonly Prefix[], words: Uint32Array, at: number): boolean {
  for (let i = 0; i < list.length; i++) {
    const { words: want, masks } = list[i]!;
    let same = true;
    for (let k = 0; same && k < want.length; k++) same = (words[at + k]! & masks[k]!) === want[k];
    if (same) return true;
  }
  return false;
}
