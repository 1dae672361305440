/** Numbers as the C library reads them out of text, for command lines that promise to read like it. */

/** `atol`, kept to 32 bits: never an error; no digits are 0, what follows the digits is ignored. */
export function decimalPrefix(text: string): number {
  const match = /^[\t-\r ]*([+-]?)(\d+)/.exec(text);
  if (match === null) return 0;
  const value = BigInt(match[2]!);
  const limit = 2n ** 63n;
  const isNegative = match[1] === "-";
  const clamped = isNegative ? (value > limit ? limit : value) : value < limit ? value : limit - 1n;
  return Number(BigInt.asUintN(32, isNegative ? -clamped : clamped));
}
