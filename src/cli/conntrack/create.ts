/** `-I` and `-A` on flows. */
import { encodeCreate } from "../../flow/kernel-template.ts";
import { MessageWriter } from "../../netlink/message.ts";
import type { Command } from "./command.ts";
import { type Context, succeed, summarizeChange } from "./context.ts";

const REQUEST_BYTES = 2048;

export function createFlow(command: Command, context: Context): number {
  const operation = command.verb === "create" ? "create" : "add";
  const w = new MessageWriter(REQUEST_BYTES);
  encodeCreate(w, command.template, operation === "create", 1);
  succeed(
    operation,
    context.session.request(w, () => undefined),
  );
  return summarizeChange(context, 1, operation === "create" ? "created" : "added");
}
