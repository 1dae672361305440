/**
 * What `conntrackd` is when it is no client: the daemon, and the reader of configurations. A bundle of its own,
 * because a client must not wait until it is loaded (scripts/build.mjs).
 *
 * Described in: doc/conntrackd.md.
 */
import { setFlagsFromString } from "node:v8";
import * as native from "../../native/index.ts";
import { unsupported } from "../config/index.ts";
import type { Voice } from "../runtime/config-bytes.ts";
import { loadConfig } from "../runtime/config-file.ts";
import { Daemon } from "../runtime/daemon.ts";
import { leaveTerminal } from "../runtime/launcher.ts";
import { Log, LogFileError } from "../runtime/log.ts";

export { loadConfig, understandConfig } from "../runtime/config-file.ts";

/**
 * How long V8 watches a function before it optimises it, in bytes of its code that ran: a tenth of the default. What
 * happens once a turn of the loop, a few hundred times a second, would stay slow for minutes.
 */
const EAGERNESS = "--interrupt-budget=6000";

export interface ServeOptions {
  readonly configFile: string;
  /** What the launcher of `-d` has told of the pipe that hears of readiness; undefined: in the foreground. */
  readonly readyVariable: string | undefined;
  readonly speak: Voice;
}

/** Reads the configuration and becomes the daemon. @returns The exit status; undefined while it runs. */
export function serve(options: ServeOptions): number | undefined {
  const { configFile, readyVariable, speak } = options;
  const config = loadConfig(configFile, speak, native.interfaceIndex);
  if (config === undefined) return 1;
  const refused = unsupported(config);
  for (const sentence of refused) speak.error(sentence);
  if (refused.length > 0) return 1;
  setFlagsFromString(EAGERNESS);
  const log = new Log({ errnoText: native.errnoText });
  if (readyVariable !== undefined) log.quietTerminal();
  const onReady = () => {
    if (readyVariable === undefined) {
      log.notice("-- starting in console mode --");
      return;
    }
    log.notice("-- starting in daemon mode --");
    log.leaveTerminal();
    leaveTerminal(readyVariable);
  };
  try {
    return Daemon.start({ config, log, onReady }) === undefined ? 1 : undefined;
  } catch (error) {
    if (!(error instanceof LogFileError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return 1;
  }
}
