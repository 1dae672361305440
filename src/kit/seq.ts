/** Sequence numbers of 32 bits that wrap (RFC 1982 comparison). */

/** Signed distance from `b` to `a`: positive when `a` is ahead, right across the wrap. */
export function distance(a: number, b: number): number {
  return (a - b) | 0;
}

export function before(a: number, b: number): boolean {
  return ((a - b) | 0) < 0;
}

export function after(a: number, b: number): boolean {
  return ((b - a) | 0) < 0;
}
