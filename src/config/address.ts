/**
 * Addresses as conntrackd.conf spells them: text to bytes, bytes to text. Resolves no names.
 */

/** A decimal number, or an octal one after a leading zero. */
function part(text: string): number | undefined {
  if (!/^\d{1,16}$/.test(text)) return undefined;
  if (text.length === 1 || text[0] !== "0") return Number(text);
  return /^[0-7]+$/.test(text) ? Number.parseInt(text, 8) : undefined;
}

/** Four parts, decimal or octal (`010.0.0.1` is 8.0.0.1), or the address as a single number. */
export function parseIpv4(text: string): Uint8Array | undefined {
  const parts = text.split(".");
  if (parts.length === 1) {
    const number = part(text);
    return number !== undefined && number <= 0xffffffff ? ipv4Bytes(number) : undefined;
  }
  if (parts.length !== 4) return undefined;
  const bytes = new Uint8Array(4);
  for (let i = 0; i < 4; i++) {
    const value = part(parts[i]!);
    if (value === undefined || value > 255) return undefined;
    bytes[i] = value;
  }
  return bytes;
}

/** RFC 4291 §2.2, without zones and without embedded IPv4, which the language cannot spell. */
export function parseIpv6(text: string): Uint8Array | undefined {
  const gap = text.indexOf("::");
  if (gap !== text.lastIndexOf("::")) return undefined;
  const head = groupsOf(gap < 0 ? text : text.slice(0, gap));
  const tail = groupsOf(gap < 0 ? "" : text.slice(gap + 2));
  if (head === undefined || tail === undefined) return undefined;
  if (gap < 0 ? head.length !== 8 : head.length + tail.length > 7) return undefined;
  const bytes = new Uint8Array(16);
  const put = (groups: readonly number[], from: number) => {
    for (let i = 0; i < groups.length; i++) {
      bytes[from + 2 * i] = groups[i]! >> 8;
      bytes[from + 2 * i + 1] = groups[i]! & 255;
    }
  };
  put(head, 0);
  put(tail, 16 - 2 * tail.length);
  return bytes;
}

/** Numbers between single colons; undefined where one is none. */
function groupsOf(text: string): number[] | undefined {
  if (text === "") return [];
  const groups = text.split(":");
  if (!groups.every((group) => /^[0-9A-Fa-f]{1,4}$/.test(group))) return undefined;
  return groups.map((group) => Number.parseInt(group, 16));
}

export interface Parted {
  readonly address: string;
  /** Digits of the prefix length; undefined for a host. */
  readonly digits: string | undefined;
}

/** `10.0.0.0/8`: what stands on each side of the slash. */
export function partAtPrefix(text: string): Parted {
  const slash = text.indexOf("/");
  if (slash < 0) return { address: text, digits: undefined };
  return { address: text.slice(0, slash), digits: text.slice(slash + 1) };
}

/** The address as an unsigned 32-bit number, first byte highest. */
export function ipv4Number(bytes: Uint8Array): number {
  return bytes.reduce((value, byte) => value * 256 + byte, 0);
}

export function ipv4Bytes(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255);
}

export function formatAddress(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join(".");
  const groups = Array.from({ length: 8 }, (_, i) => (bytes[2 * i]! << 8) | bytes[2 * i + 1]!);
  return groups.map((group) => group.toString(16)).join(":");
}
