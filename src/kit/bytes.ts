/**
 * Byte order on a little-endian host.
 *
 * The hot paths read and write whole 32-bit words of typed arrays, so a big-endian value is the
 * byte-swapped word. Node runs on little-endian machines in all but a few ports; the daemon refuses
 * to start on the others (`isLittleEndian`).
 */

export const isLittleEndian = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;

/** Reverse the four bytes of a word: big endian to host order, and back. */
export function swap32(word: number): number {
  return ((word & 0xff) << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
}

/** Reverse the two bytes of a 16-bit value. */
export function swap16(value: number): number {
  return ((value & 0xff) << 8) | ((value >>> 8) & 0xff);
}

/** Round up to the alignment of netlink and of the replication wire: four bytes. */
export function align4(bytes: number): number {
  return (bytes + 3) & ~3;
}

/** A 64-bit counter as a double: exact up to 2^53. */
export function join64(low: number, high: number): number {
  return (high >>> 0) * 0x100000000 + (low >>> 0);
}
