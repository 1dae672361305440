/** What both `conntrackd-lint` and `conntrackd config-lint` run; the language server is loaded for `--lsp` alone. */
import { readProtocols } from "../runtime/config-bytes.ts";
import { configLint } from "./config-lint.ts";
import { processTerminal } from "./terminal.ts";

/** @returns The exit status; undefined while a server goes on. */
export async function lintMain(words: readonly string[]): Promise<number | undefined> {
  const status = configLint(words, processTerminal());
  if (status !== "serve") return status;
  const { serveEditor } = await import("./lint-server.ts");
  serveEditor(readProtocols());
  return undefined;
}
