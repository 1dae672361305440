/**
 * The daemon's life: start in the reference's order, answer requests, stop cleanly.
 *
 * Described in: doc/conntrackd.md, "Start and stop".
 */
import { performance } from "node:perf_hooks";
import * as native from "../../native/index.ts";
import type { Config } from "../config/index.ts";
import { isLittleEndian } from "../kit/bytes.ts";
import { RequestCode } from "../kit/request-code.ts";
import type { Reply } from "./control-reply.ts";
import { ControlServer, ControlSocketError } from "./control-socket.ts";
import { acquireLock, type Lock, LockError } from "./lock-file.ts";
import type { Log } from "./log.ts";
import { openFlowLog, Recorder } from "./recorder.ts";
import { Replica } from "./replica.ts";
import { type ProcessCounters, runtimeReport } from "./reports.ts";
import type { Service } from "./service.ts";
import { facilityName } from "./settings.ts";
import { StartError } from "./start-error.ts";
import { SystemdNotifier } from "./systemd.ts";

const SCHED_FIFO = 1;
const SCHED_RR = 2;
const DEFAULT_PRIORITY = 1;
/**
 * The kernel keeps 5 % of each second from threads in real time, and stops whoever has worked through the rest of it. The
 * same in small pieces, in good time: nobody waits for long.
 * Source: linux/Documentation/scheduler/sched-rt-group.rst, `sched_rt_runtime_us`.
 */
const FIRST_WORK_MICROSECONDS = 500_000;
const WORK_MICROSECONDS = 10_000;
const REST_MICROSECONDS = 600;
const CANNOT_START = "conntrackd cannot start, please review your configuration";

export interface DaemonOptions {
  readonly config: Config;
  readonly log: Log;
  /** Called when everything works, before the first event is taken. */
  readonly onReady: () => void;
}

export class Daemon {
  readonly #config: Config;
  readonly #log: Log;
  #lock: Lock | undefined;
  #control: ControlServer | undefined;
  #service: Service | undefined;
  #systemd: SystemdNotifier | undefined;
  #startedAt = 0;
  #stopping = false;

  private constructor(config: Config, log: Log) {
    this.#config = config;
    this.#log = log;
  }

  /** Start, or log why not and answer undefined: the process then exits with status 1. */
  static start(options: DaemonOptions): Daemon | undefined {
    const daemon = new Daemon(options.config, options.log);
    try {
      daemon.#start(options.onReady);
      return daemon;
    } catch (error) {
      try {
        daemon.#explain(error);
      } finally {
        daemon.#cleanUp();
      }
      return undefined;
    }
  }

  #start(onReady: () => void): void {
    const { general, sync, runMode } = this.#config;
    const log = this.#log;
    if (!isLittleEndian) throw new StartError("big-endian machines are not supported");
    if (general.logFile !== null) log.openFile(general.logFile);
    if (general.syslogFacility !== null) {
      log.openSyslog({ calls: native, facility: facilityName(general.syslogFacility) });
    }
    const flows = runMode === "stats" ? openFlowLog(this.#config, log) : undefined;
    this.#lock = acquireLock(general.lockFile, (text) => log.notice(text));
    this.#setScheduler();
    this.#control = this.#openControl(general.unixPath);
    if (runMode === "sync") {
      if (sync.mode === null) {
        log.warning("No synchronization mode specified. Defaulting to FT-FW mode.");
      }
      this.#service = new Replica(this.#config, log);
    }
    if (flows !== undefined) this.#service = new Recorder(this.#config, log, flows);
    this.#installHandlers();
    this.#startedAt = performance.now();
    log.notice("initialization completed");
    process.chdir("/");
    if (general.systemd) this.#startSystemd();
    onReady();
    this.#systemd?.ready();
    this.#service?.start();
  }

  #openControl(path: string): ControlServer | undefined {
    if (path === "") {
      this.#log.warning("no `UNIX { Path }' in the configuration: no client can reach this daemon");
      return undefined;
    }
    return new ControlServer(path, (code, reply) => this.#request(code, reply));
  }

  #request(code: number, reply: Reply): void {
    if (code === RequestCode.kill) {
      this.stop(0);
      return;
    }
    if (code === RequestCode.statisticsRuntime) {
      reply.write(runtimeReport(this.#counters(), this.#service?.eventCounters));
    } else if (this.#service !== undefined) {
      this.#service.answer(code, reply);
      return;
    }
    reply.end();
  }

  #counters(): ProcessCounters {
    return {
      uptimeSeconds: Math.floor((performance.now() - this.#startedAt) / 1000),
      bufferBytes: this.#service?.eventBufferBytes ?? 0,
      localReadFailed: this.#control?.counters.localReadFailed ?? 0,
    };
  }

  /** Send what waits, take away socket and lock, say good-bye. */
  stop(status: number): void {
    if (this.#stopping) return;
    this.#stopping = true;
    if (status === 0) this.#log.notice("---- shutdown received ----");
    this.#cleanUp();
    this.#log.close();
    this.#systemd?.stopping();
    process.exit(status);
  }

  #cleanUp(): void {
    this.#control?.close();
    this.#service?.close();
    this.#lock?.release();
  }

  #installHandlers(): void {
    process.on("SIGTERM", () => this.stop(0));
    process.on("SIGINT", () => this.stop(0));
    process.on("SIGHUP", () => {
      this.#log.reopen();
      this.#service?.reopen();
    });
    // Node would open a debugger for SIGUSR1: never in a process with these rights.
    for (const signal of ["SIGUSR1", "SIGUSR2"] as const) process.on(signal, () => {});
    process.on("uncaughtException", (error) => {
      const trace = oneLine(error.stack ?? String(error));
      this.#log.error(`internal error, please report it: ${trace}`);
      this.stop(1);
    });
  }

  /**
   * Real-time, as the reference: an event socket of any size overruns when its reader must wait for a
   * processor. The lowest such priority does, where the configuration asks for none.
   */
  #setScheduler(): void {
    const { explicit, policy, priority: asked } = this.#config.general.scheduler;
    const priority = explicit ? asked : DEFAULT_PRIORITY;
    const result = native.setScheduler(policy === "FIFO" ? SCHED_FIFO : SCHED_RR, priority);
    if (result >= 0) {
      native.restAfter(FIRST_WORK_MICROSECONDS, WORK_MICROSECONDS, REST_MICROSECONDS);
      return;
    }
    this.#log.warning(
      `scheduler configuration failed: ${native.errnoText(result)}. Likely a bug in conntrackd, please report it. Continuing with system default scheduler.`,
    );
  }

  #startSystemd(): void {
    this.#systemd = new SystemdNotifier({
      calls: native,
      environment: environment(),
      pid: process.pid,
      warn: (text) => this.#log.warning(text),
    });
    this.#systemd.startWatchdog();
  }

  #explain(error: unknown): void {
    const log = this.#log;
    if (error instanceof LockError) {
      log.error(error.message);
      log.error(error.detail);
      return;
    }
    if (error instanceof StartError || error instanceof ControlSocketError) {
      log.error(error.message);
      if (error.detail !== undefined) log.error(error.detail);
      if (error instanceof StartError && error.isInitialization) log.error("initialization failed");
      log.error(CANNOT_START);
      return;
    }
    throw error;
  }
}

/** A log is read line by line. */
function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, " ");
}

function environment() {
  const { NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID } = process.env;
  return { NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID };
}
