/** `-F`: empty a table with one request. */
import {
  IPCTNL_MSG_CT_DELETE,
  IPCTNL_MSG_EXP_DELETE,
  MessageWriter,
  NLM_F_REQUEST,
} from "../../netlink/message.ts";
import type { Command } from "./command.ts";
import { type Context, succeed, summarize } from "./context.ts";
import { optionBit } from "./legality.ts";

const FAMILY = optionBit("family");

export function flushTable(
  { isOnExpectations, family, options }: Command,
  context: Context,
): number {
  const w = new MessageWriter(64);
  const type = isOnExpectations ? IPCTNL_MSG_EXP_DELETE : IPCTNL_MSG_CT_DELETE;
  // Version 1 of the header makes the kernel respect the family.
  const version = (options & FAMILY) === 0 ? 0 : 1;
  w.begin(type, NLM_F_REQUEST, 1, version === 0 ? 0 : family, version);
  w.end();
  const errno = context.session.request(w, () => undefined);
  // It is said whether it is true or not: scripts wait for it.
  summarize(`${isOnExpectations ? "expectation" : "connection tracking"} table has been emptied.`);
  succeed(isOnExpectations ? "xflush" : "flush", errno);
  return 0;
}
