import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { acquireLock, type Owner, procTable } from "./lock-file.ts";
import { EQUAL_LINES_PER_SECOND, Log } from "./log.ts";
import { SystemdNotifier } from "./systemd.ts";
import { unixAddress } from "./unix-address.ts";

let directory: string;
let time: Date;
let out: string[];
let err: string[];
let sent: string[];
const calls = {
  socket: () => 5,
  sendTo: (_fd: number, bytes: Uint8Array) => sent.push(Buffer.from(bytes).toString()),
  close: () => 0,
};

function makeLog(): Log {
  const terminal = { out: (text: string) => out.push(text), err: (text: string) => err.push(text) };
  return new Log({
    errnoText: () => "No such file or directory",
    now: () => time,
    pid: () => 77,
    terminal,
  });
}

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "log-"));
  time = new Date(2026, 10, 3, 2, 33, 37);
  out = [];
  err = [];
  sent = [];
});
afterEach(() => rmSync(directory, { recursive: true }));

describe("log", () => {
  it("writes the reference's line to file, syslog and terminal", () => {
    const log = makeLog();
    const path = join(directory, "a.log");
    log.openFile(path);
    log.openSyslog({ calls, facility: "daemon" });
    log.notice("initialization completed");
    log.error("commit-create: x");
    log.rawLine("tcp      6");
    log.leaveTerminal();
    log.warning("later");
    const prefix = "[Tue Nov  3 02:33:37 2026] (pid=77)";
    expect(readFileSync(path, "utf8")).toBe(
      `${prefix} [notice] initialization completed\n${prefix} [ERROR] commit-create: x\nTue Nov  3 02:33:37 2026\ttcp      6\n${prefix} [warning] later\n`,
    );
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(sent).toEqual([
      "<29>Nov  3 02:33:37 conntrack-tools[77]: initialization completed",
      "<27>Nov  3 02:33:37 conntrack-tools[77]: commit-create: x",
      "<27>Nov  3 02:33:37 conntrack-tools[77]: tcp      6",
      "<28>Nov  3 02:33:37 conntrack-tools[77]: later",
    ]);
    expect(out).toHaveLength(1);
    expect(err).toEqual([`${prefix} [ERROR] commit-create: x\n`]);
    log.close();
  });
  it("cuts a flood of equal errors with their flows, and says how many", () => {
    const log = makeLog();
    const path = join(directory, "a.log");
    log.openFile(path);
    for (let i = 0; i < 1000; i++) {
      log.error("commit-create: x");
      log.rawLine("flow");
    }
    expect(err).toHaveLength(EQUAL_LINES_PER_SECOND);
    time = new Date(time.getTime() + 1000);
    log.error("other");
    expect(err[EQUAL_LINES_PER_SECOND]).toContain("(900 more such lines were suppressed)");
    expect(readFileSync(path, "utf8").split("\n")).toHaveLength(2 * EQUAL_LINES_PER_SECOND + 3);
    log.close();
  });
  it("follows a rotation, and reports a file that it cannot open in the reference's words", () => {
    const log = makeLog();
    const path = join(directory, "a.log");
    log.openFile(path);
    log.notice("one");
    renameSync(path, `${path}.1`);
    log.reopen();
    log.notice("two");
    expect(readFileSync(path, "utf8")).toContain("two");
    const missing = join(directory, "no", "a.log");
    expect(() => log.openFile(missing)).toThrow(
      `ERROR: can't open logfile \`${missing}'.Reason: No such file or directory`,
    );
    log.close();
  });
});

describe("lock file", () => {
  const self: Owner = { pid: 10, start: "100", boot: "ab-1", namespace: "pid:[1]" };
  const table = (starts: Record<number, string>) => ({
    self: () => self,
    startOf: (pid: number) => starts[pid],
  });
  const quiet = () => undefined;
  const lockLine = (pid: number, start: string, boot = "ab-1", ns = "pid:[1]") =>
    `flowkeeper pid=${pid} start=${start} boot=${boot} ns=${ns}\n`;

  it("is exclusive while its owner lives, and gone after release", () => {
    const path = join(directory, "lock");
    const lock = acquireLock(path, quiet);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(() => acquireLock(path, quiet)).toThrow(
      `lockfile \`${path}' exists, perhaps conntrackd already running?`,
    );
    lock.release();
    acquireLock(path, quiet).release();
    expect(() => statSync(path)).toThrow();
  });
  it.each([
    ["a gone process", lockLine(11, "5")],
    ["an earlier process with the same pid", lockLine(12, "5")],
    ["an earlier boot", lockLine(12, "120", "cd-2")],
  ])("takes over the lock of %s, and says so", (_name, content) => {
    const path = join(directory, "lock");
    writeFileSync(path, content);
    const said: string[] = [];
    acquireLock(path, (text) => said.push(text), table({ 12: "120" }));
    expect(said).toHaveLength(1);
    expect(readFileSync(path, "utf8")).toBe(lockLine(10, "100"));
  });
  it.each([
    ["the reference's empty lock", ""],
    ["a stranger's file", "12\n"],
    ["a living owner", lockLine(12, "120")],
    ["another pid namespace", lockLine(11, "5", "ab-1", "pid:[2]")],
  ])("respects %s", (_name, content) => {
    const path = join(directory, "lock");
    writeFileSync(path, content);
    expect(() => acquireLock(path, quiet, table({ 12: "120" }))).toThrow(
      "perhaps conntrackd already running?",
    );
    expect(readFileSync(path, "utf8")).toBe(content);
  });
  it("leaves a lock alone that is no longer its own, and gives the same text for a missing folder", () => {
    const path = join(directory, "lock");
    const lock = acquireLock(path, quiet, table({}));
    writeFileSync(path, "");
    lock.release();
    expect(readFileSync(path, "utf8")).toBe("");
    expect(() => acquireLock(join(directory, "no", "lock"), quiet)).toThrow("exists, perhaps");
  });
  it("knows a zombie from a living process", async () => {
    // The inner shell ends, and its parent has become a program that never looks.
    const parent = spawn("sh", ["-c", "sh -c 'sleep 0.2' & echo $!; exec sleep 60"]);
    try {
      const [line] = (await once(parent.stdout, "data")) as [Buffer];
      const zombie = Number(line.toString());
      await expect.poll(() => procTable.startOf(zombie), { timeout: 5000 }).toBeUndefined();
      expect(readFileSync(`/proc/${zombie}/stat`, "utf8")).toContain(") Z ");
      expect(procTable.startOf(process.pid)).toBeDefined();
    } finally {
      parent.kill();
    }
  });
});

describe("systemd", () => {
  const make = (environment: Record<string, string>) =>
    new SystemdNotifier({ calls, environment, pid: 77, warn: (text) => err.push(text) });

  it("says ready, pid, life and stop", async () => {
    const notifier = make({ NOTIFY_SOCKET: "@sd", WATCHDOG_USEC: "20000", WATCHDOG_PID: "77" });
    notifier.ready();
    notifier.mainPid(5);
    notifier.startWatchdog();
    await expect.poll(() => sent.length, { timeout: 2000 }).toBeGreaterThan(3);
    notifier.stopping();
    expect(sent.slice(0, 3)).toEqual(["READY=1", "MAINPID=5", "WATCHDOG=1"]);
    expect(sent.at(-1)).toBe("STOPPING=1");
  });
  it("is silent without a socket, and without a watchdog of ours", () => {
    const off = make({ WATCHDOG_USEC: "20000" });
    off.ready();
    expect(sent).toEqual([]);
    expect(off.isActive).toBe(false);
    expect(
      make({ NOTIFY_SOCKET: "/x", WATCHDOG_USEC: "20000", WATCHDOG_PID: "1" }).watchdogMilliseconds,
    ).toBeUndefined();
    expect(
      make({ NOTIFY_SOCKET: "/x", WATCHDOG_USEC: "soon" }).watchdogMilliseconds,
    ).toBeUndefined();
    expect(err).toEqual(["failed to get watchdog details from systemd: Invalid argument"]);
  });
  it("builds addresses for paths and abstract names", () => {
    expect(Buffer.from(unixAddress("/a")!).toString("hex")).toBe("01002f6100");
    expect(Buffer.from(unixAddress("@a")!).toString("hex")).toBe("01000061");
    expect(unixAddress("x".repeat(108))).toBeUndefined();
  });
});
