/**
 * `Filter From Kernelspace`: the same decision as filter.ts, taken by the kernel on the event socket.
 *
 * The meaning is that of user space in every detail (the reference compares other addresses here,
 * doc/differences.md). Events of other subsystems pass.
 */

import { FilterProgram } from "../netlink/bpf.ts";
import { NFGEN_BYTES, NFNL_SUBSYS_CTNETLINK, NLMSG_HEADER_BYTES } from "../netlink/message.ts";
import type { FilterOptions, Network, Section } from "./filter.ts";
import { AF_INET, AF_INET6 } from "./register.ts";

const ATTRIBUTES = NLMSG_HEADER_BYTES + NFGEN_BYTES;
/** The subsystem is the high byte of the little-endian message type. */
const SUBSYSTEM_AT = 5;
const FAMILY_AT = NLMSG_HEADER_BYTES;
const PAYLOAD = 4;

const ORIG_PROTOCOL = [1, 2, 1];
const ORIG_SOURCE = { [AF_INET]: [1, 1, 1], [AF_INET6]: [1, 1, 3] } as const;
const REPLY_SOURCE = { [AF_INET]: [2, 1, 1], [AF_INET6]: [2, 1, 3] } as const;
const TCP_STATE = [4, 1, 1];
/** Scratch cells. */
const CELL = 0;

/** The program, or no bytes where nothing is filtered. */
export function kernelFilter(options: FilterOptions): Uint8Array {
  const { protocols, addresses, states } = options;
  if (protocols === undefined && addresses === undefined && states === undefined) {
    return new Uint8Array(0);
  }
  const p = new FilterProgram();
  p.loadByte(SUBSYSTEM_AT);
  p.ifNotEqual(NFNL_SUBSYS_CTNETLINK, "accept");
  if (protocols !== undefined) byteSection(p, "protocol", ORIG_PROTOCOL, protocols);
  if (addresses !== undefined) addressSection(p, addresses);
  if (states !== undefined) byteSection(p, "state", TCP_STATE, states);
  p.label("accept");
  p.accept();
  p.label("reject");
  p.reject();
  return p.assemble();
}

/** A section that lists values of one byte; an event without the attribute passes. */
function byteSection(
  p: FilterProgram,
  name: string,
  path: readonly number[],
  section: Section<number>,
): void {
  const next = `after ${name}`;
  p.findAttribute(ATTRIBUTES, path, next);
  p.index();
  p.loadByteAt(PAYLOAD);
  for (const value of section.list) p.ifEqual(value, section.accept ? next : "reject");
  if (section.accept) p.goto("reject");
  p.label(next);
}

function addressSection(p: FilterProgram, section: Section<Network>): void {
  const matched = section.accept ? "after address" : "reject";
  p.loadByte(FAMILY_AT);
  p.ifEqual(AF_INET6, "address 6");
  p.ifNotEqual(AF_INET, "after address");
  family(p, AF_INET, section.list, matched);
  p.goto("address unmatched");
  p.label("address 6");
  family(p, AF_INET6, section.list, matched);
  p.label("address unmatched");
  if (section.accept) p.goto("reject");
  p.label("after address");
}

function family(
  p: FilterProgram,
  af: typeof AF_INET | typeof AF_INET6,
  list: readonly Network[],
  matched: string,
): void {
  const size = af === AF_INET ? 4 : 16;
  const own = list.filter((each) => each.address.length === size);
  for (const [which, path] of [
    ["source", ORIG_SOURCE[af]],
    ["reply", REPLY_SOURCE[af]],
  ] as const) {
    const next = `after ${which} ${af}`;
    p.findAttribute(ATTRIBUTES, path, next);
    p.store(CELL);
    p.fetchIndex(CELL);
    for (const [i, network] of own.entries()) {
      compare(p, network, `${which} ${af} ${i}`, matched);
    }
    p.label(next);
  }
}

/** Go to `matched` when the address behind X lies in the network. */
function compare(p: FilterProgram, network: Network, name: string, matched: string): void {
  const view = new DataView(network.address.buffer, network.address.byteOffset);
  const miss = `miss ${name}`;
  for (let at = 0; at < network.address.length && at * 8 < network.prefix; at += 4) {
    const bits = Math.min(32, network.prefix - at * 8);
    const mask = (0xffffffff << (32 - bits)) >>> 0;
    p.loadWordAt(PAYLOAD + at);
    if (mask !== 0xffffffff) p.and(mask);
    p.ifNotEqual((view.getUint32(at) & mask) >>> 0, miss);
  }
  p.goto(matched);
  p.label(miss);
}
