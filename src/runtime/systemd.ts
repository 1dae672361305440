/**
 * What systemd wants to hear of a service: that it is ready, that it lives, that it stops.
 *
 * Active only where `NOTIFY_SOCKET` names a socket. Described in: doc/conntrackd.md, "systemd".
 */
import { type DatagramCalls, UnixDatagram } from "./unix-datagram.ts";

/** The variables that systemd sets. */
export interface NotifyEnvironment {
  readonly NOTIFY_SOCKET?: string | undefined;
  readonly WATCHDOG_USEC?: string | undefined;
  readonly WATCHDOG_PID?: string | undefined;
}

export interface NotifierOptions {
  readonly calls: DatagramCalls;
  /** `process.env`; read once. */
  readonly environment: NotifyEnvironment;
  /** The process that systemd watches: `WATCHDOG_PID`, where it is given, must be it. */
  readonly pid: number;
  readonly warn: (text: string) => void;
}

const MICROSECONDS = /^[0-9]{1,15}$/;
/** The longest time that a timer of Node can wait. */
const TIMER_MAX_MILLISECONDS = 0x7fffffff;

export class SystemdNotifier {
  readonly #socket: UnixDatagram | undefined;
  /** Half of the watchdog's period; undefined without a watchdog. */
  readonly watchdogMilliseconds: number | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: NotifierOptions) {
    const path = options.environment.NOTIFY_SOCKET;
    if (path === undefined || path === "") return;
    this.#socket = new UnixDatagram(options.calls, path);
    this.watchdogMilliseconds = watchdogHalfPeriod(options);
  }

  get isActive(): boolean {
    return this.#socket !== undefined;
  }

  ready(): void {
    this.#send("READY=1");
  }

  /** The launcher says which process goes on. */
  mainPid(pid: number): void {
    this.#send(`MAINPID=${pid}`);
  }

  stopping(): void {
    this.stopWatchdog();
    this.#send("STOPPING=1");
  }

  /** A sign of life every half period, the first after that time; sent from the loop that must live. */
  startWatchdog(): void {
    if (this.watchdogMilliseconds === undefined || this.#timer !== undefined) return;
    this.#timer = setInterval(() => this.#send("WATCHDOG=1"), this.watchdogMilliseconds);
    this.#timer.unref();
  }

  stopWatchdog(): void {
    if (this.#timer !== undefined) clearInterval(this.#timer);
    this.#timer = undefined;
  }

  close(): void {
    this.stopWatchdog();
    this.#socket?.close();
  }

  #send(state: string): void {
    this.#socket?.send(new TextEncoder().encode(state));
  }
}

function watchdogHalfPeriod({ environment, pid, warn }: NotifierOptions): number | undefined {
  const period = environment.WATCHDOG_USEC;
  if (period === undefined) return undefined;
  const watched = environment.WATCHDOG_PID;
  const isPeriod = MICROSECONDS.test(period) && Number(period) > 0;
  if (!isPeriod || (watched !== undefined && !MICROSECONDS.test(watched))) {
    warn("failed to get watchdog details from systemd: Invalid argument");
    return undefined;
  }
  if (watched !== undefined && Number(watched) !== pid) return undefined;
  return Math.min(Math.max(1, Math.floor(Number(period) / 2000)), TIMER_MAX_MILLISECONDS);
}
