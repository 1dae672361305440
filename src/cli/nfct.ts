/**
 * The program `nfct`: timeout policies and helpers of the kernel's connection tracking.
 *
 * Described in: doc/nfct.md.
 */
import process from "node:process";
import { nfct } from "./nfct/program.ts";

declare const FLOWKEEPER_VERSION: string;

process.exitCode = nfct(process.argv.slice(2), FLOWKEEPER_VERSION);
