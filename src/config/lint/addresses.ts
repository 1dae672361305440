/** What kinds of addresses there are, and which lie in a filter's list. Bytes in, words out. */

import { ipv4Bytes } from "../address.ts";
import type { Model } from "../model.ts";

type Pool = NonNullable<Model["general"]["filter"]["address"]>;

interface Block {
  readonly bytes: readonly number[];
  readonly prefix: number;
}

/** The first `prefix` bits of two addresses of one family are the same. */
export function sharesPrefix(a: ArrayLike<number>, b: ArrayLike<number>, prefix: number): boolean {
  if (a.length !== b.length) return false;
  for (let bit = 0; bit < prefix; bit += 8) {
    const shift = Math.max(0, 8 - (prefix - bit));
    if (((a[bit / 8] ?? 0) ^ (b[bit / 8] ?? 0)) >> shift !== 0) return false;
  }
  return true;
}

function isIn(address: Uint8Array, blocks: readonly Block[]): boolean {
  return blocks.some(({ bytes, prefix }) => {
    return address.length === bytes.length && sharesPrefix(address, bytes, prefix);
  });
}

/** RFC 1918, RFC 6598, link-local, benchmarking and documentation, and their like in IPv6. */
const privateBlocks: readonly Block[] = [
  { bytes: [10, 0, 0, 0], prefix: 8 },
  { bytes: [172, 16, 0, 0], prefix: 12 },
  { bytes: [192, 168, 0, 0], prefix: 16 },
  { bytes: [100, 64, 0, 0], prefix: 10 },
  { bytes: [169, 254, 0, 0], prefix: 16 },
  { bytes: [198, 18, 0, 0], prefix: 15 },
  { bytes: [192, 0, 2, 0], prefix: 24 },
  { bytes: [198, 51, 100, 0], prefix: 24 },
  { bytes: [203, 0, 113, 0], prefix: 24 },
  { bytes: ipv6(0xfc00), prefix: 7 },
  { bytes: ipv6(0xfe80), prefix: 10 },
  { bytes: ipv6(0x2001, 0x0db8), prefix: 32 },
];

function ipv6(...groups: readonly number[]): number[] {
  const bytes = groups.flatMap((group) => [group >> 8, group & 255]);
  return [...bytes, ...Array.from({ length: 16 - bytes.length }, () => 0)];
}

export function isLoopback(address: Uint8Array): boolean {
  if (address.length === 4) return address[0] === 127;
  return address.every((byte, index) => byte === (index === 15 ? 1 : 0));
}

export function isUnspecified(address: Uint8Array): boolean {
  return address.every((byte) => byte === 0);
}

export function isMulticast(address: Uint8Array): boolean {
  return address.length === 4 ? ((address[0] ?? 0) & 0xf0) === 0xe0 : address[0] === 0xff;
}

export function isLinkLocalV6(address: Uint8Array): boolean {
  return address.length === 16 && address[0] === 0xfe && ((address[1] ?? 0) & 0xc0) === 0x80;
}

/** An address that is routed in the Internet, as far as its number tells. */
export function isPublic(address: Uint8Array): boolean {
  if (isLoopback(address) || isUnspecified(address) || isMulticast(address)) return false;
  return !isIn(address, privateBlocks);
}

export function isSameAddress(a: Uint8Array | null, b: Uint8Array | null): boolean {
  if (a === null || b === null) return a === b;
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

/** The address, or a network that holds it, is in the filter's list. */
export function isListed(address: Uint8Array, pool: Pool): boolean {
  const v4 = pool.v4Nets.map((net) => ({ bytes: [...ipv4Bytes(net.address)], prefix: net.prefix }));
  const v6 = pool.v6Nets.map((net) => ({ bytes: [...net.address], prefix: net.prefix }));
  const hosts = [
    ...pool.v4Hosts.map((host) => ({ bytes: [...ipv4Bytes(host)], prefix: 32 })),
    ...pool.v6Hosts.map((host) => ({ bytes: [...host], prefix: 128 })),
  ];
  return isIn(address, [...v4, ...v6, ...hosts]);
}
