/**
 * When the kernel has created each flow of its table, by its own clock: exact, and it disturbs nobody.
 *
 * Needs `nf_conntrack_timestamp`; knows the flows of udp.ts alone.
 */
import { decodeKernelFlow } from "../../src/flow/kernel-table.ts";
import { FlowRegister, Has1, W } from "../../src/flow/register.ts";
import {
  IPCTNL_MSG_CT_GET,
  MessageWriter,
  NLM_F_DUMP,
  NLM_F_REQUEST,
} from "../../src/netlink/message.ts";
import { NetlinkSession } from "../../src/runtime/netlink-session.ts";
import { flowOf } from "./udp.ts";

/** The number of a flow, and nanoseconds since 1970 as text: too many for a number. */
export type Birth = readonly [flow: number, nanoseconds: string];

const HEADER_BYTES = 20;
const AF_INET = 2;

export function births(): readonly Birth[] {
  const request = new MessageWriter(64);
  request.begin(IPCTNL_MSG_CT_GET, NLM_F_REQUEST | NLM_F_DUMP, 1, AF_INET);
  request.end();
  const flow = new FlowRegister();
  const { words } = flow;
  const found: Birth[] = [];
  const session = new NetlinkSession();
  const errno = session.dump(request, (bytes, at, end) => {
    if (!decodeKernelFlow(flow, bytes, at + HEADER_BYTES, end) || !flow.has1(Has1.start)) return;
    const address = new DataView(words.buffer).getUint32(W.origDst * 4);
    const start = (BigInt(words[W.startHigh] ?? 0) << 32n) | BigInt(words[W.startLow] ?? 0);
    found.push([flowOf(address, words[W.origL4Dst] ?? 0), String(start)]);
  });
  session.close();
  if (errno !== 0) throw new Error(`the kernel's table cannot be read: error ${errno}`);
  return found;
}
