/**
 * The fast path for what nearly every flow on the wire begins with: addresses, status, a protocol with two ports, and
 * behind them TCP state, timeout and mark, in this order.
 *
 * It stands beside the rows of wire-table.ts, never instead of them: what looks different is left to the rows, and so is
 * all that follows. A test compares the two.
 */
import { swap16, swap32 } from "../kit/bytes.ts";
import { AF_INET, AF_INET6, Has0, IPPROTO_TCP, IPPROTO_UDP, type Register, W } from "./register.ts";
import { header } from "./wire-rows.ts";

const IPV4 = header(12, 0);
const IPV6 = header(36, 1);
const STATUS = header(8, 5);
const L4PROTO = header(5, 2);
const PORT = header(8, 3);
const TCP_STATE = header(5, 4);
const TCP_WSCALE_ORIG = header(5, 25);
const TCP_WSCALE_REPL = header(5, 26);
const TIMEOUT = header(8, 6);
const MARK = header(8, 7);

/** Status, protocol and ports. */
const MIDDLE_WORDS = 6;
const V4_WORDS = 3 + MIDDLE_WORDS;
const V6_WORDS = 9 + MIDDLE_WORDS;
/** What stands between ports and mark, and does not belong to TCP. */
const UNUSUAL = Has0.sctpState | Has0.dccpState;

/** Write a flow up to its mark: the word behind that, or -1, with nothing of worth written. `has`: bits that travel. */
export function encodeUsualHead(r: Uint32Array, has: number, out: Int32Array, at: number): number {
  const protocol = r[W.protocol]!;
  if (protocol !== IPPROTO_TCP && protocol !== IPPROTO_UDP) return -1;
  if ((has & UNUSUAL) !== 0) return -1;
  let end = at;
  if (r[W.family] === AF_INET) {
    out[at] = IPV4;
    out[at + 1] = r[W.origSrc]!;
    out[at + 2] = r[W.origDst]!;
    end += 3;
  } else if (r[W.family] === AF_INET6) {
    out[at] = IPV6;
    for (let i = 0; i < 4; i++) {
      out[at + 1 + i] = r[W.origSrc + i]!;
      out[at + 5 + i] = r[W.origDst + i]!;
    }
    end += 9;
  } else {
    return -1;
  }
  out[end] = STATUS;
  out[end + 1] = (has & Has0.status) === 0 ? 0 : swap32(r[W.status]!);
  out[end + 2] = L4PROTO;
  out[end + 3] = protocol;
  out[end + 4] = PORT;
  out[end + 5] = swap16(r[W.origL4Src]!) | (swap16(r[W.origL4Dst]!) << 16);
  end += MIDDLE_WORDS;
  if ((has & Has0.tcpState) !== 0) end = encodeTcp(r, has, out, end);
  if ((has & Has0.timeout) !== 0) {
    out[end] = TIMEOUT;
    out[end + 1] = swap32(r[W.timeout]!);
    end += 2;
  }
  if ((has & Has0.mark) !== 0) {
    out[end] = MARK;
    out[end + 1] = swap32(r[W.mark]!);
    end += 2;
  }
  return end;
}

function encodeTcp(r: Uint32Array, has: number, out: Int32Array, at: number): number {
  out[at] = TCP_STATE;
  out[at + 1] = r[W.tcpState]! & 0xff;
  let end = at + 2;
  if ((has & Has0.wscaleOrig) !== 0) {
    out[end] = TCP_WSCALE_ORIG;
    out[end + 1] = r[W.wscaleOrig]! & 0xff;
    end += 2;
  }
  if ((has & Has0.wscaleReply) !== 0) {
    out[end] = TCP_WSCALE_REPL;
    out[end + 1] = r[W.wscaleReply]! & 0xff;
    end += 2;
  }
  return end;
}

/** Read what the words at `at` begin with into a cleared register: words read; 0, with nothing written, for what is unusual. */
export function decodeUsualHead(
  register: Register,
  source: Int32Array,
  at: number,
  bytes: number,
): number {
  const r = register.words;
  const isV4 = source[at] === IPV4;
  if (!isV4 && source[at] !== IPV6) return 0;
  const head = isV4 ? V4_WORDS : V6_WORDS;
  const middle = at + head - MIDDLE_WORDS;
  if (bytes < head * 4 || source[middle] !== STATUS) return 0;
  if (source[middle + 2] !== L4PROTO || source[middle + 4] !== PORT) return 0;
  if (isV4) {
    r[W.family] = AF_INET;
    r[W.origSrc] = source[at + 1]!;
    r[W.origDst] = source[at + 2]!;
  } else {
    r[W.family] = AF_INET6;
    for (let i = 0; i < 4; i++) {
      r[W.origSrc + i] = source[at + 1 + i]!;
      r[W.origDst + i] = source[at + 5 + i]!;
    }
  }
  r[W.status] = swap32(source[middle + 1]!);
  r[W.protocol] = source[middle + 3]! & 0xff;
  const ports = source[middle + 5]!;
  r[W.origL4Src] = swap16(ports);
  r[W.origL4Dst] = swap16(ports >>> 16);
  r[W.has0] = Has0.status | Has0.orig | Has0.origL4;
  return head + decodeTail(r, source, at + head, bytes - head * 4);
}

/** TCP state, timeout and mark, as far as they follow in this order. A word that is cut off is left to the rows. */
function decodeTail(r: Uint32Array, source: Int32Array, at: number, bytes: number): number {
  let here = at;
  let has = 0;
  const last = at + (bytes >> 2) - 2;
  if (here <= last && source[here] === TCP_STATE) {
    r[W.tcpState] = source[here + 1]! & 0xff;
    has |= Has0.tcpState;
    here += 2;
  }
  if (here <= last && source[here] === TIMEOUT) {
    r[W.timeout] = swap32(source[here + 1]!);
    has |= Has0.timeout;
    here += 2;
  }
  if (here <= last && source[here] === MARK) {
    r[W.mark] = swap32(source[here + 1]!);
    has |= Has0.mark;
    here += 2;
  }
  r[W.has0]! |= has;
  return here - at;
}
