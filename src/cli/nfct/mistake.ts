/** How a command line of `nfct` ends that does not succeed: its words. The exit status is always 1. */
import { COMPATIBILITY_VERSION } from "../conntrackd-usage.ts";

export const NAME = `nfct v${COMPATIBILITY_VERSION}`;
export const USAGE = "Usage: nfct command subsystem [parameters]...";

/** Ends the program. Only the edge catches it. */
export class Mistake extends Error {
  /** What goes to standard error. */
  readonly lines: string;

  /** `more` are lines behind the first, without the name of the program. */
  constructor(message: string, ...more: readonly string[]) {
    super(message);
    this.name = "Mistake";
    this.lines = [`${NAME}: ${message}`, ...more, ""].join("\n");
  }
}
