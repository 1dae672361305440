/** The program `conntrackd-lint`: the same as `conntrackd config-lint`. Described in: doc/lint.md. */
import { lintMain } from "./lint-main.ts";

const status = await lintMain(process.argv.slice(2));
if (status !== undefined) process.exitCode = status;
