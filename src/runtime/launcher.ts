/**
 * `-d`: Node cannot fork once it runs, so the process that was called starts another one, waits until
 * that is ready, and exits with its verdict.
 */
import { spawn } from "node:child_process";
import { closeSync, openSync, writeSync } from "node:fs";
import * as native from "../../native/index.ts";
import { SystemdNotifier } from "./systemd.ts";

/** Where the daemon finds the pipe to its launcher. */
const READY_FD = 3;

/** Start the daemon with these arguments, and the settings of this Node; the exit status to leave with. */
export function launchDaemon(args: readonly string[], variable: string): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [...process.execArgv, ...args], {
      detached: true,
      stdio: ["ignore", "inherit", "inherit", "pipe"],
      env: { ...process.env, [variable]: String(READY_FD) },
    });
    child.once("error", (error) => {
      process.stderr.write(`cannot start the daemon: ${error.message}\n`);
      resolve(1);
    });
    child.once("exit", () => resolve(1));
    child.stdio[READY_FD]?.once("data", () => {
      tellSystemd(child.pid ?? 0);
      child.unref();
      // The daemon lives on: nothing here may wait for it.
      process.exit(0);
    });
  });
}

function tellSystemd(pid: number): void {
  const systemd = new SystemdNotifier({
    calls: native,
    environment: { NOTIFY_SOCKET: process.env["NOTIFY_SOCKET"] },
    pid,
    warn: () => {},
  });
  systemd.mainPid(pid);
  systemd.close();
}

/** In the daemon: everything works, so let the launcher go, and its terminal with it. */
export function leaveTerminal(variable: string): void {
  const nothing = openSync("/dev/null", "r+");
  for (const fd of [0, 1, 2]) native.dup2(nothing, fd);
  closeSync(nothing);
  const ready = process.env[variable];
  delete process.env[variable];
  if (ready === undefined) return;
  writeSync(Number(ready), "1");
  closeSync(Number(ready));
}
