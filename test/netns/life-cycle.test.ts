/**
 * The life of the daemon as the system sees it: exit status, systemd, the system log, signals, lock and socket. In
 * statistics mode, because that needs no peer; the daemon around it is the same in every mode.
 */
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type ConfigSettings, Conntrackd, type DaemonKind } from "../../lab/conntrackd.ts";
import { Lab, type Namespace, systemEnvironment, waitForExit } from "../../lab/netns.ts";
import { waitFor } from "../../lab/wait.ts";
import { RequestCode } from "../../src/kit/request-code.ts";
import { Listener } from "../support/listener.ts";
import { describeOnKernel } from "../support/requirements.ts";

let lab: Lab;
let space: Namespace;
let listener: Listener;

beforeEach(async () => {
  lab = Lab.create();
  space = await lab.namespace("fw");
  await space.nft(`table inet lab {
  chain watch { type filter hook output priority filter; policy accept; ct state invalid drop; }
}
`);
  await space.sysctl({ "net/netfilter/nf_conntrack_events": 1 });
  listener = new Listener(join(lab.dir, "listener"));
});
afterEach(() => {
  listener.close();
  lab.destroy();
});

function daemon(settings: Partial<ConfigSettings> = {}, kind: DaemonKind = "ours"): Conntrackd {
  const dir = join(lab.dir, kind);
  mkdirSync(dir, { recursive: true });
  return new Conntrackd({ namespace: space, dir }, kind, {
    statsLines: [`LogFile ${join(dir, "flows.log")}`],
    ignore: ["127.0.0.1"],
    link: { interface: "", address: "", peer: "" },
    ...settings,
  });
}

/** The daemon without `-d`. `prefix`: a command that runs it. */
function foreground(
  { binary, configPath }: Conntrackd,
  env: Readonly<Record<string, string>> = {},
  prefix: readonly string[] = [],
): ChildProcess {
  return space.spawn([...prefix, binary, "-C", configPath], {
    env: systemEnvironment(env),
    stdio: ["ignore", "pipe", "pipe"],
  });
}

const change = (at: Conntrackd, from: string | RegExp, to: string) =>
  writeFileSync(at.configPath, readFileSync(at.configPath, "utf8").replace(from, to));
const isReady = (at: Conntrackd) =>
  waitFor(() => at.log().includes("initialization completed") && at.pids().length > 0, {
    what: "the daemon to be ready",
  });
const traces = (at: Conntrackd) => [at.lockPath, at.socketPath].filter(existsSync);
const flow = "-p udp -s 10.1.0.1 -d 10.2.0.1 --sport 1 --dport 2";
const addFlow = () =>
  space.runOk(["conntrack", ..."-I".split(" "), ...`${flow} -t 600`.split(" ")]);
const endFlow = () => space.runOk(["conntrack", "-D", ...flow.split(" ")]);

describeOnKernel("starting with -d", ["ours"], () => {
  it("is told at its start not to collect the heap in pauses, and to take large pages: launcher and daemon", async () => {
    const at = daemon();
    const told = join(lab.dir, "told");
    const file = join(lab.dir, "tell.mjs");
    writeFileSync(
      file,
      `import { appendFileSync } from "node:fs";
       const { GLIBC_TUNABLES } = process.env;
       appendFileSync(${JSON.stringify(told)}, [...process.execArgv, GLIBC_TUNABLES].join(" ") + "\\n");`,
    );
    const GLIBC_TUNABLES = "glibc.malloc.arena_max=4";
    await at.start({ NODE_OPTIONS: `--import=${file}`, GLIBC_TUNABLES });
    expect(readFileSync(told, "utf8")).toBe(
      `--no-memory-reducer glibc.malloc.hugetlb=1:${GLIBC_TUNABLES}\n`.repeat(2),
    );
    await at.stop();
  });

  it("returns in silence when the daemon answers, and the daemon goes on", async () => {
    const at = daemon();
    const outcome = await at.command("-d");
    expect(outcome).toEqual({ status: 0, stdout: "", stderr: "" });
    expect((await at.command("-s")).status).toBe(0);
    const [pid] = at.pids();
    expect(at.log()).toContain(`(pid=${pid}) [notice] -- starting in daemon mode --`);
    expect(readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1]?.split(" ")[3]).toBe(
      `${pid}`,
    );
    await at.stop();
    expect(traces(at)).toEqual([]);
  });

  const failures: Readonly<Record<string, readonly [string | RegExp, string, RegExp]>> = {
    "a clause nobody knows": ["General {", "General {\n  Nonsense", /syntax error/],
    "a log file without a folder": [
      /LogFile (\S+log)\n/,
      "LogFile /nonexistent/a.log\n",
      /can't open logfile `\/nonexistent/,
    ],
    "a lock without a folder": [
      /LockFile .*/,
      "LockFile /nonexistent/a.lock",
      /lockfile `\/nonexistent\/a.lock' exists/,
    ],
    "a socket without a folder": [/Path .*/, "Path /nonexistent/a.ctl", /can't open unix socket!/],
    "a helper in user space": [
      "General {",
      "Helper { Type ftp inet tcp { QueueNum 1 QueueLen 10 Policy ftp { ExpectMax 1 ExpectTimeout 300 } } }\nGeneral {",
      /\.conf:\d+:\d+: this release does not run user-space helpers \(`Type ftp'\)/,
    ],
    "a helper that does not exist": [
      "General {",
      "Helper { Type nonsense inet tcp { QueueNum 1 } }\nGeneral {",
      /Unknown `nonsense' helper/,
    ],
  };
  for (const [name, [from, to, words]] of Object.entries(failures)) {
    it(`${name}: status 1, a reason on the terminal, nothing left behind`, async () => {
      const at = daemon();
      change(at, from, to);
      const { status, stdout, stderr } = await at.command("-d");
      expect(status).toBe(1);
      expect(stdout).toBe("");
      expect(stderr).toMatch(words);
      expect(traces(at)).toEqual([]);
      expect(at.pids()).toEqual([]);
    });
  }

  it("refuses a second daemon, and takes over from a dead one", async () => {
    const at = daemon();
    await at.start();
    const second = await at.command("-d");
    expect(second.status).toBe(1);
    expect(second.stderr).toContain("exists, perhaps conntrackd already running?");
    expect((await at.command("-s")).status).toBe(0);
    await at.kill();
    expect(traces(at).length).toBe(2);
    await at.start();
    expect(at.log()).toMatch(/was left by process \d+, which is gone: taking it over/);
    await at.stop();
    expect(traces(at)).toEqual([]);
  });

  it("runs with neither Sync nor Stats, and knows -k and -s runtime", async () => {
    const at = daemon();
    change(at, /Stats \{[^}]*\}/, "Helper { Setup yes }");
    expect((await at.command("-d")).status).toBe(0);
    expect(await at.commandOk("-s", "runtime")).toContain("daemon uptime: 0 min");
    expect(await at.commandOk("-s")).toBe("");
    await at.stop();
  });
});

describeOnKernel("systemd", ["ours"], () => {
  it("hears of readiness, of life, and of the end", async () => {
    const at = daemon();
    change(at, "Systemd off", "Systemd on");
    const child = foreground(at, { NOTIFY_SOCKET: listener.path, WATCHDOG_USEC: "200000" });
    await waitFor(() => listener.messages.filter((each) => each === "WATCHDOG=1").length >= 3, {
      what: "three signs of life",
    });
    expect(listener.messages[0]).toBe("READY=1");
    await at.command("-k");
    if (child.exitCode === null) await once(child, "exit");
    expect(child.exitCode).toBe(0);
    expect(listener.messages.at(-1)).toBe("STOPPING=1");
    expect(new Set(listener.messages)).toEqual(new Set(["READY=1", "WATCHDOG=1", "STOPPING=1"]));
  });

  it("a loop that stands still gives no sign of life", async () => {
    const at = daemon();
    change(at, "Systemd off", "Systemd on");
    foreground(at, { NOTIFY_SOCKET: listener.path, WATCHDOG_USEC: "100000" });
    await waitFor(() => listener.messages.includes("WATCHDOG=1"), { what: "a sign of life" });
    const [pid] = at.pids();
    process.kill(pid!, "SIGSTOP");
    await waitFor(() => /^State:\s+T/m.test(readFileSync(`/proc/${pid}/status`, "utf8")), {
      what: "the daemon to stand still",
    });
    const count = listener.messages.length;
    await setTimeout(300);
    expect(listener.messages.length).toBe(count);
    process.kill(pid!, "SIGCONT");
    await waitFor(() => listener.messages.length > count, { what: "the next sign of life" });
  });

  it("learns from -d which process goes on", async () => {
    const at = daemon();
    change(at, "Systemd off", "Systemd on");
    const { binary, configPath } = at;
    await space.runOk([binary, "-C", configPath, "-d"], { env: { NOTIFY_SOCKET: listener.path } });
    await waitFor(() => listener.messages.length >= 2, { what: "both messages" });
    expect([...listener.messages].sort()).toEqual([`MAINPID=${at.pids()[0]}`, "READY=1"]);
    await at.stop();
    expect(listener.messages.at(-1)).toBe("STOPPING=1");
  });

  it("hears nothing with Systemd off, nor a watchdog that means another process", async () => {
    const quiet = daemon();
    const child = foreground(quiet, { NOTIFY_SOCKET: listener.path, WATCHDOG_USEC: "20000" });
    await isReady(quiet);
    await quiet.command("-k");
    if (child.exitCode === null) await once(child, "exit");
    expect(listener.messages).toEqual([]);
    const at = daemon();
    change(at, "Systemd off", "Systemd on");
    const watched = { NOTIFY_SOCKET: listener.path, WATCHDOG_USEC: "20000", WATCHDOG_PID: "1" };
    foreground(at, watched);
    await waitFor(() => listener.messages.includes("READY=1"), { what: "readiness" });
    await at.stop();
    expect(listener.messages).toEqual(["READY=1", "STOPPING=1"]);
  });
});

describeOnKernel("signals", ["ours"], () => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    it(`${signal} ends the daemon cleanly, what was queued written`, async () => {
      const at = daemon();
      const child = foreground(at);
      await isReady(at);
      await addFlow();
      await waitFor(async () => (await at.dump("internal")).length === 1, { what: "the flow" });
      await endFlow();
      await waitFor(async () => (await at.dump("internal")).length === 0, { what: "its end" });
      process.kill(at.pids()[0]!, signal);
      if (child.exitCode === null) await once(child, "exit");
      expect(child.exitCode).toBe(0);
      expect(traces(at)).toEqual([]);
      expect(at.log()).toContain("---- shutdown received ----");
      expect(readFileSync(join(lab.dir, "ours/flows.log"), "utf8")).toContain("src=10.1.0.1");
    });
  }

  it("SIGHUP opens the logs again; a folder that is gone leaves the old ones in use", async () => {
    const at = daemon();
    await at.start();
    const [pid] = at.pids();
    renameSync(at.logPath, `${at.logPath}.1`);
    process.kill(pid!, "SIGHUP");
    await waitFor(() => existsSync(at.logPath), { what: "a new log" });
    await at.command("-R");
    expect(at.log()).toContain("resync with master conntrack table");
    renameSync(join(lab.dir, "ours"), join(lab.dir, "elsewhere"));
    process.kill(pid!, "SIGHUP");
    const moved = join(lab.dir, "elsewhere/fw.log");
    await waitFor(() => readFileSync(moved, "utf8").includes("can't open logfile"), {
      what: "the complaint in the old log",
    });
    renameSync(join(lab.dir, "elsewhere"), join(lab.dir, "ours"));
    await at.stop();
  });

  it("SIGPIPE, SIGCHLD, SIGUSR1 and SIGUSR2 do nothing: no debugger opens", async () => {
    const at = daemon();
    await at.start();
    const [pid] = at.pids();
    for (const signal of ["SIGPIPE", "SIGCHLD", "SIGUSR1", "SIGUSR2"] as const) {
      process.kill(pid!, signal);
      expect((await at.command("-s")).status).toBe(0);
    }
    expect(await space.runOk(["cat", "/proc/net/tcp"])).not.toMatch(/ 0A /);
    expect(at.pids()).toEqual([pid]);
    await at.stop();
  });
});

describeOnKernel("trouble while it runs", ["ours"], () => {
  it("an error of its own leaves one line, takes lock and socket away, and ends it with status 1", async () => {
    const at = daemon();
    const file = join(lab.dir, "fault.mjs");
    const when = `existsSync(${JSON.stringify(join(lab.dir, "now"))})`;
    writeFileSync(
      file,
      `import { existsSync } from "node:fs";
       setInterval(() => { if (${when}) throw new Error("planted"); }, 5).unref();`,
    );
    const child = foreground(at, { NODE_OPTIONS: `--import=${file}` });
    await isReady(at);
    writeFileSync(join(lab.dir, "now"), "");
    if (child.exitCode === null) await once(child, "exit");
    expect(child.exitCode).toBe(1);
    const lines = at.log().trimEnd().split("\n");
    expect(lines.at(-1)).toMatch(/\[ERROR\] internal error, please report it: Error: planted at /);
    expect(lines.every((line) => line.startsWith("["))).toBe(true);
    expect(traces(at)).toEqual([]);
  });

  it("no descriptor left: a request fails with a line in the log, and the daemon goes on", async () => {
    const at = daemon();
    await at.start();
    await addFlow();
    const [pid] = at.pids();
    const [, limit] =
      /Max open files +(\d+)/.exec(readFileSync(`/proc/${pid}/limits`, "utf8")) ?? [];
    const leaveRoomFor = async (descriptors: number) => {
      const open = (await space.runOk(["ls", `/proc/${pid}/fd`])).trim().split("\n").map(Number);
      const all = Array.from({ length: Math.max(...open) + 1 + descriptors }, (_, fd) => fd);
      const free = all.filter((fd) => !open.includes(fd));
      const first = free[descriptors] ?? all.length;
      await space.runOk(["prlimit", `--pid=${pid}`, `--nofile=${first}:`]);
    };
    // For a client's connection, and for nothing else.
    await leaveRoomFor(1);
    for (const code of [RequestCode.resyncKernel, RequestCode.flushKernel]) {
      const client = connect(at.socketPath);
      await once(client, "connect");
      await setTimeout(50);
      client.write(new Uint8Array(Int32Array.of(code).buffer));
      await once(client.resume(), "close");
    }
    const silent = connect(at.socketPath);
    await once(silent, "connect");
    await setTimeout(50);
    await leaveRoomFor(0);
    for (let i = 0; i < 3; i += 1) expect((await at.command("-s")).stdout).toBe("");
    silent.destroy();
    await space.runOk(["prlimit", `--pid=${pid}`, `--nofile=${limit}:`]);
    expect(at.log()).toContain("can't dump kernel table: Too many open files");
    expect((await at.dump("internal")).length).toBe(1);
    await at.commandOk("-F");
    await waitFor(async () => (await at.dump("internal")).length === 0, { what: "the flush" });
    expect(at.pids()).toEqual([pid]);
    await at.stop();
  });

  it("a full disk is told once, and the flow log goes on when there is room", async () => {
    const at = daemon();
    const disk = join(lab.dir, "disk");
    mkdirSync(disk);
    change(at, /LogFile \S+flows.log/, `LogFile ${disk}/flows.log`);
    const mount = ["unshare", "--mount", "sh", "-c"];
    // Files of the private mount are reached through the daemon's root.
    const script = `mount -t tmpfs -o size=64k tmpfs ${disk} && exec "$0" "$@"`;
    const child = foreground(at, {}, [...mount, script]);
    await isReady(at);
    const inside = `/proc/${at.pids()[0]}/root${disk}`;
    writeFileSync(`${inside}/other`, Buffer.alloc(60_000));
    const burst = async () => {
      const lines = Array.from(
        { length: 200 },
        (_, i) => `-I -p udp -s 10.1.0.${i} -d 10.2.0.1 --sport 1 --dport 2 -t 600\n`,
      );
      writeFileSync(join(lab.dir, "burst"), lines.join(""));
      await space.runOk(["conntrack", "-R", join(lab.dir, "burst")]);
      await waitFor(async () => (await at.dump("internal")).length === 200, { what: "the flows" });
      await space.runOk(["conntrack", "-D", "-p", "udp"]);
      await waitFor(async () => (await at.dump("internal")).length === 0, { what: "their end" });
    };
    await burst();
    await waitFor(() => at.log().includes("can't write to flow log"), { what: "the complaint" });
    await burst();
    expect(at.log().match(/No space left on device\. Flows are missing/g)?.length).toBe(1);
    rmSync(`${inside}/other`);
    await burst();
    const lost = Number(/is written again, (\d+) lines are missing/.exec(at.log())?.[1]);
    const text = readFileSync(`${inside}/flows.log`, "utf8");
    const whole = text.split("\n").filter((line) => /^\w{3} .*dport=1$/.test(line));
    expect(whole.length).toBe(600 - lost);
    await at.command("-k");
    if (child.exitCode === null) await once(child, "exit");
    await waitForExit(child.pid ?? 0);
  });
});

describeOnKernel("the system log", ["ours", "reference"], () => {
  it("gets the reference's messages: facility, level, name, text", async () => {
    const said: Record<string, string[]> = {};
    for (const kind of ["ours", "reference"] as const) {
      const log = new Listener(join(lab.dir, `log-${kind}`));
      const at = daemon({ generalLines: ["Syslog local3"] }, kind);
      // A /dev of its own, in which /dev/log leads to us.
      const dev = join(lab.dir, `dev-${kind}`);
      mkdirSync(dev);
      const script = `mount -t tmpfs tmpfs ${dev} && cp -a /dev/null /dev/urandom /dev/random ${dev}/ &&
        ln -s ${log.path} ${dev}/log && mount --move ${dev} /dev && exec "$0" "$@"`;
      change(at, /Stats \{/, "Stats {\n  Syslog local3");
      const child = foreground(at, {}, ["unshare", "--mount", "sh", "-c", script]);
      await isReady(at);
      await addFlow();
      await waitFor(async () => (await at.dump("internal")).length === 1, { what: "the flow" });
      await endFlow();
      await waitFor(() => log.messages.some((each) => each.includes("src=10.1.0.1")), {
        what: "the flow in the system log",
      });
      await at.command("-k");
      if (child.exitCode === null) await once(child, "exit");
      said[kind] = log.messages.map((each) =>
        each
          .replace(/^(<\d+>)\w{3} [ \d]\d \d\d:\d\d:\d\d /, "$1")
          .replace(/\[\d+\]/, "[pid]")
          .replace(/to \d+ bytes/, "to # bytes")
          .replace(/\n$/, ""),
      );
      log.close();
    }
    expect(said["ours"]).toEqual(said["reference"]);
    expect(said["ours"]).toContain("<157>conntrack-tools[pid]: initialization completed");
    expect(said["ours"]?.join("\n")).toMatch(
      /^<158>conntrack-tools\[pid\]: udp {6}17 src=10.1.0.1/m,
    );
  });
});

describeOnKernel("the scheduler", ["ours", "reference"], () => {
  /** Policy and real-time priority, as the kernel knows them, and what was said about them. */
  async function scheduling(kind: DaemonKind, lines: readonly string[]) {
    const at = daemon({ generalLines: lines }, kind);
    const outcome = await at.command("-d");
    expect(outcome.status).toBe(0);
    const stat =
      readFileSync(`/proc/${at.pids()[0]}/stat`, "latin1").split(") ")[1]?.split(" ") ?? [];
    const said = `${outcome.stderr}${at.log()}`
      .split("\n")
      .filter((line) => /schedul|nice/.test(line));
    await at.stop();
    rmSync(at.logPath);
    return {
      priority: stat[37],
      policy: stat[38],
      said: [...new Set(said.map((line) => line.replace(/^\[.*?\] \(pid=\d+\) /, "")))],
    };
  }

  const clauses: Readonly<Record<string, readonly string[]>> = {
    "FIFO at 50": ["Scheduler { Type FIFO", "Priority 50", "}"],
    "RR at 3": ["Scheduler { Type RR", "Priority 3", "}"],
    "RR at 0, which the kernel refuses": ["Scheduler { Type RR", "}"],
    "Nice, which is old": ["Nice -20", "Scheduler { Type FIFO", "Priority 1", "}"],
  };
  for (const [name, lines] of Object.entries(clauses)) {
    it(`${name}: as the reference`, async () => {
      const reference = await scheduling("reference", lines);
      expect(await scheduling("ours", lines)).toEqual(reference);
    });
  }
});
