/**
 * Addresses as the C library reads them: text to raw network-order bytes. Resolves no names.
 *
 * The configuration of the daemon has rules of its own (src/config/address.ts).
 */

const DOT = 0x2e;
const ZERO = 0x30;
const COLON = 0x3a;
const LOWER_X = 0x78;

/**
 * `inet_aton`: one to four parts, decimal, octal or hexadecimal; the last part fills what is left.
 * Whatever follows a blank is passed over. -1 when it is none.
 */
export function readIpv4(text: string): number {
  const usual = readUsualIpv4(text);
  return usual >= 0 ? usual : readLenientIpv4(text);
}

/** Four decimal parts without leading zeros, as nearly everybody writes them; -1 for anything else. */
function readUsualIpv4(text: string): number {
  const { length } = text;
  if (length > 15) return -1;
  let address = 0;
  let part = -1;
  let dots = 0;
  for (let at = 0; at < length; at++) {
    const digit = text.charCodeAt(at) - ZERO;
    if (digit === DOT - ZERO) {
      if (part < 0) return -1;
      address = (address << 8) | part;
      part = -1;
      dots += 1;
    } else {
      if (digit < 0 || digit > 9 || part === 0) return -1;
      part = part < 0 ? digit : part * 10 + digit;
      if (part > 255) return -1;
    }
  }
  return part < 0 || dots !== 3 ? -1 : ((address << 8) | part) >>> 0;
}

function readLenientIpv4(text: string): number {
  let address = 0;
  let at = 0;
  for (let part = 0; part < 4; part++) {
    let digit = text.charCodeAt(at) - ZERO;
    if (!(digit >= 0 && digit <= 9)) return -1;
    let base = 10;
    if (digit === 0) {
      base = 8;
      if ((text.charCodeAt(at + 1) | 0x20) === LOWER_X) {
        base = 16;
        at += 2;
        if (digitOf(text.charCodeAt(at)) >= 16) return -1;
      }
    }
    let value = 0;
    for (; (digit = digitOf(text.charCodeAt(at))) < base; at++) {
      value = value * base + digit;
      if (value > 0xffffffff) return -1;
    }
    if (text.charCodeAt(at) === DOT && part < 3) {
      if (value > 255) return -1;
      address += value * 2 ** (24 - part * 8);
      at += 1;
      continue;
    }
    if (at < text.length && !isBlank(text.charCodeAt(at))) return -1;
    return value < 2 ** (32 - part * 8) ? address + value : -1;
  }
  return -1;
}

/** `inet_pton` for IPv6 into sixteen bytes at `at`; false, with bytes undefined, when it is none. */
export function readIpv6(text: string, out: Uint8Array, at: number): boolean {
  const length = text.length;
  let here = 0;
  let to = 0;
  let gap = -1;
  if (text.charCodeAt(0) === COLON) {
    if (text.charCodeAt(1) !== COLON) return false;
    here = 1;
  }
  while (here < length) {
    if (text.charCodeAt(here) === COLON) {
      if (gap >= 0) return false;
      gap = to;
      here += 1;
      continue;
    }
    const start = here;
    let value = 0;
    let digit: number;
    while ((digit = digitOf(text.charCodeAt(here))) < 16) {
      value = value * 16 + digit;
      here += 1;
      if (here - start > 4) return false;
    }
    if (here === start) return false;
    if (text.charCodeAt(here) === DOT) {
      if (to > 12 || !readDotted(text, start, out, at + to)) return false;
      to += 4;
      here = length;
      break;
    }
    if (to > 14) return false;
    out[at + to] = value >>> 8;
    out[at + to + 1] = value & 0xff;
    to += 2;
    if (here === length) break;
    if (text.charCodeAt(here) !== COLON) return false;
    here += 1;
    if (here === length) return false;
  }
  return fillGap(out, at, to, gap);
}

/** Move what stands behind `::` to the end and fill the gap with zeros. */
function fillGap(out: Uint8Array, at: number, to: number, gap: number): boolean {
  if (gap < 0) return to === 16;
  if (to === 16) return false;
  const moved = to - gap;
  out.copyWithin(at + 16 - moved, at + gap, at + to);
  out.fill(0, at + gap, at + 16 - moved);
  return true;
}

/** Four decimal parts without leading zeros, to the end of the text. */
function readDotted(text: string, start: number, out: Uint8Array, at: number): boolean {
  const parts = text.slice(start).split(".");
  if (parts.length !== 4) return false;
  return parts.every((part, i) => {
    out[at + i] = Number(part);
    return /^(?:0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255;
  });
}

/** The value of a digit up to `f`, or 255. */
function digitOf(code: number): number {
  if (code >= ZERO && code <= 0x39) return code - ZERO;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : 255;
}

/** `isspace` of the C locale. */
function isBlank(code: number): boolean {
  return code === 0x20 || (code >= 9 && code <= 13);
}
