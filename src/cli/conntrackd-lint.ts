/** The program `conntrackd-lint`: the same as `conntrackd config-lint`. Described in: doc/lint.md. */
import { configLint } from "./config-lint.ts";
import { processTerminal } from "./terminal.ts";

process.exitCode = configLint(process.argv.slice(2), processTerminal());
