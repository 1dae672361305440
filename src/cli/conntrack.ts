/**
 * The program `conntrack`: shows and edits the kernel's table of flows.
 *
 * Described in: doc/conntrack.md.
 */
import process from "node:process";
import { conntrack } from "./conntrack/program.ts";

declare const FLOWKEEPER_VERSION: string;

// What other programs see us as: events name the program that caused them.
process.title = "conntrack";
void conntrack(process.argv.slice(2), FLOWKEEPER_VERSION).then((status) => {
  process.exitCode = status;
});
