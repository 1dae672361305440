/** `-L` on flows, and `-G`: what the kernel has, filtered and printed. */
import { encodeDumpFilter } from "../../flow/dump-filter.ts";
import { decodeKernelFlow } from "../../flow/kernel-table.ts";
import { encodeLookup } from "../../flow/kernel-template.ts";
import { flowMatch } from "../../flow/match.ts";
import { FlowRegister } from "../../flow/register.ts";
import { Given } from "../../flow/template.ts";
import {
  IPCTNL_MSG_CT_GET,
  IPCTNL_MSG_CT_GET_CTRZERO,
  IPCTNL_MSG_CT_GET_DYING,
  IPCTNL_MSG_CT_GET_UNCONFIRMED,
  MessageWriter,
  NLM_F_DUMP,
  NLM_F_REQUEST,
} from "../../netlink/message.ts";
import type { NetlinkSession } from "../../runtime/netlink-session.ts";
import type { MessageVisitor } from "../../runtime/netlink-socket.ts";
import type { Command } from "./command.ts";
import { ATTRIBUTES, type Context, succeed, summarize, summarizeChange } from "./context.ts";
import { EINVAL } from "./failure.ts";
import { checkSelection, optionBit } from "./legality.ts";
import { FlowPrinter } from "./printing.ts";

const REQUEST_BYTES = 2048;
const ZERO = optionBit("zero");

/** The request for the entries of a table that the kernel's filter lets through. */
export function flowDump(
  type: number,
  family: number,
  encodeFilter: (w: MessageWriter) => void,
): MessageWriter {
  const w = new MessageWriter(REQUEST_BYTES);
  w.begin(type, NLM_F_REQUEST | NLM_F_DUMP, 1, family);
  encodeFilter(w);
  w.end();
  return w;
}

/** Reads entries into a register of its own and hands them on. */
export function flowVisitor(visit: (flow: FlowRegister) => void): MessageVisitor {
  const flow = new FlowRegister();
  return (bytes, at, end) => {
    if (decodeKernelFlow(flow, bytes, at + ATTRIBUTES, end)) visit(flow);
  };
}

/** Read the entries of a table that the kernel's filter lets through. Answers the errno. */
export function dumpFlows(
  session: NetlinkSession,
  type: number,
  family: number,
  encodeFilter: (w: MessageWriter) => void,
  visit: (flow: FlowRegister) => void,
): number {
  return session.dump(flowDump(type, family, encodeFilter), flowVisitor(visit));
}

export function listFlows(command: Command, context: Context): number {
  const { table, template, options } = command;
  if (table === "conntrack") checkSelection(command);
  const types = {
    conntrack: (options & ZERO) === 0 ? IPCTNL_MSG_CT_GET : IPCTNL_MSG_CT_GET_CTRZERO,
    dying: IPCTNL_MSG_CT_GET_DYING,
    unconfirmed: IPCTNL_MSG_CT_GET_UNCONFIRMED,
    expect: 0,
  } as const;
  const matches = flowMatch(template);
  const printer = new FlowPrinter(command, context.labels);
  let count = 0;
  const errno = dumpFlows(
    context.session,
    types[table],
    command.family,
    (w) => {
      if (table === "conntrack") encodeDumpFilter(w, template);
    },
    (flow) => {
      if (!matches(flow)) return;
      count += 1;
      printer.line(flow, "listed");
    },
  );
  if (errno === 0 && table === "conntrack") printer.end();
  printer.flush();
  succeed("list", errno);
  summarize(`${count} flow entries have been shown.`);
  return 0;
}

export function getFlow(command: Command, context: Context): number {
  const { template } = command;
  const matches = flowMatch(template);
  const printer = new FlowPrinter(command, context.labels);
  // The kernel wants an original tuple; without one the reference does not even ask.
  if (!template.has(Given.origSrc | Given.origDst)) succeed("get", EINVAL);
  const w = new MessageWriter(REQUEST_BYTES);
  encodeLookup(w, template, 1);
  const flow = new FlowRegister();
  let count = 0;
  const errno = context.session.request(w, (bytes, at, end) => {
    if (!decodeKernelFlow(flow, bytes, at + ATTRIBUTES, end) || !matches(flow)) return;
    count += 1;
    printer.line(flow, "listed");
  });
  succeed("get", errno);
  printer.flush();
  return summarizeChange(context, count, "shown");
}
