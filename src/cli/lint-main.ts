/** What both `conntrackd-lint` and `conntrackd config-lint` run; the language server is loaded for `--lsp` alone. */
import { setFlagsFromString } from "node:v8";
import { readProtocols } from "../runtime/config-bytes.ts";
import { configLint } from "./config-lint.ts";
import { processTerminal } from "./terminal.ts";

/**
 * How long V8 watches a function before it optimises it, in bytes of its code that ran: eight times the default. A look
 * at a file of 2,000 lines is over by then, and optimising took longer than the look; one at a hostile file still
 * becomes fast.
 */
const patience = "--interrupt-budget=1000000";

/** @returns The exit status; undefined while a server goes on. */
export async function lintMain(words: readonly string[]): Promise<number | undefined> {
  // A server runs long, and is compiled already for a V8 with no other patience than its own.
  if (!words.includes("--lsp")) setFlagsFromString(patience);
  return lint(words);
}

/** With V8 as it is: what runs for the cache of compiled code, which belongs to V8's settings. */
export async function lint(words: readonly string[]): Promise<number | undefined> {
  const status = configLint(words, processTerminal());
  if (status !== "serve") return status;
  const { serveEditor } = await import("./lint-server.ts");
  serveEditor(readProtocols());
  return undefined;
}
