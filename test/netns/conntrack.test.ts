/**
 * `conntrack` on the real kernel where one command line beside the reference is not enough: filters that the kernel
 * evaluates, many requests in one system call, batches that fail, events under load, and pipes that nobody empties.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { projectRoot } from "../../lab/conntrackd.ts";
import { findProgram, Lab, type Namespace, type Outcome } from "../../lab/netns.ts";
import { waitFor } from "../../lab/wait.ts";
import { describeOnKernel } from "../support/requirements.ts";

const OURS = join(projectRoot, "bin/conntrack");
const REFERENCE = findProgram("conntrack") ?? "conntrack";
const MANY = 1000;

function entry(i: number, extra = ""): string {
  return `-I -p udp -t 3000 -s 10.0.${i >> 8}.${i & 255} -d 192.0.2.1 --sport ${1000 + i} --dport 53 ${extra}\n`;
}

const MIXED = [
  ...[1, 2, 3].map((i) => entry(i, i === 2 ? "-w 5" : `-m ${i}`)),
  entry(4, "--orig-zone 6"),
  entry(5, "-u SEEN_REPLY,ASSURED"),
  entry(6, "-n 203.0.113.1:4000"),
  "-I -p tcp -t 3000 -s 10.0.0.1 -d 192.0.2.1 --sport 1001 --dport 80 --state ESTABLISHED -u SEEN_REPLY\n",
  "-I -p tcp -t 3000 -s 2001:db8::1 -d 2001:db8::2 --sport 1001 --dport 80 --state ESTABLISHED\n",
  "-I -p udp -t 3000 -s 2001:db8::1 -d 2001:db8::2 --sport 1001 --dport 53 -w 5\n",
  "-I -p icmp -t 3000 -s 10.0.0.1 -d 192.0.2.1 --icmp-type 8 --icmp-code 0 --icmp-id 7\n",
  "-I -p icmpv6 -t 3000 -s 2001:db8::1 -d 2001:db8::2 --icmpv6-type 128 --icmpv6-code 0 --icmpv6-id 7\n",
  "-I -p sctp -t 3000 -s 10.0.0.1 -d 192.0.2.1 --sport 1 --dport 2 --state ESTABLISHED --orig-vtag 1 --reply-vtag 2\n",
  "-I -p 50 -t 3000 -s 10.0.0.1 -d 192.0.2.1\n",
].join("");

/** What can be selected by, a row a kind. A mark before a status finds nothing in the reference. */
const SELECTIONS: readonly (readonly string[])[] = [
  ["-f ipv4", "-f ipv6"],
  ["-s 10.0.0.1", "-s 10.0.0.0/30", "-s 2001:db8::1", "-s 10.0.0.4"],
  ["-d 192.0.2.1", "-d 2001:db8::2", "-r 192.0.2.1", "-q 10.0.0.1"],
  [
    "-p udp",
    "-p udp --dport 53",
    "-p tcp --sport 1001 --reply-port-src 80",
    "-p udp --reply-port-dst 1001",
    "-p icmp --icmp-type 8",
    "-p icmp --icmp-id 7 --icmp-code 0",
    "-p icmpv6 --icmpv6-type 128 --icmpv6-id 7",
    "-p sctp --dport 2",
    "-p 50",
  ],
  ["-u ASSURED", "-u !SEEN_REPLY", "-u SEEN_REPLY", "-u UNREPLIED"],
  ["-m 1", "-m 0/1", "-m 3/3"],
  ["-w 5", "-w 0", "--orig-zone 6", "--orig-zone 0"],
];

const selection = fc
  .tuple(
    fc.subarray([...SELECTIONS], { maxLength: 3 }),
    fc.array(fc.nat(), { minLength: 3, maxLength: 3 }),
  )
  .map(([kinds, picks]) => kinds.map((words, i) => words[picks[i]! % words.length]!).join(" "));

describeOnKernel("conntrack", [], () => {
  let lab: Lab;
  let box: Namespace;
  const run = (program: string, line: string, input = ""): Promise<Outcome> =>
    box.run([program, ...line.split(" ").filter((word) => word !== "")], { input });
  const count = async () => Number((await run(REFERENCE, "-C")).stdout);
  const load = async (text: string) => expect((await run(OURS, "-R -", text)).stderr).toBe("");

  beforeAll(async () => {
    lab = Lab.create();
    box = await lab.namespace("box");
    await box.sysctl({ "net/netfilter/nf_conntrack_events": 1 });
  });
  afterAll(() => lab.destroy());
  beforeEach(async () => {
    await run(REFERENCE, "-F");
  });

  it("gives the same entries whether the kernel filters or not", async () => {
    await load(MIXED);
    const lines = ({ stdout }: Outcome) => stdout.replace(/ (29|30)\d\d /g, " # ").split("\n");
    let shown = 0;
    await fc.assert(
      fc.asyncProperty(selection, async (line) => {
        // The reference asks the kernel for family, mark and status alone, and compares the rest itself.
        const [reference, ours] = [
          await run(REFERENCE, `-L ${line}`),
          await run(OURS, `-L ${line}`),
        ];
        expect([line, lines(ours)]).toEqual([line, lines(reference)]);
        expect(ours.status).toBe(reference.status);
        shown += lines(ours).length - 1;
      }),
      { numRuns: 80, seed: 1 },
    );
    expect(shown).toBeGreaterThan(20);
  });

  it("deletes and updates many with few system calls, and counts each", async () => {
    // Enough for every batch to travel more than once.
    const many = 6 * MANY;
    await load(Array.from({ length: many }, (_, i) => entry(i)).join(""));
    expect(await count()).toBe(many);
    const updated = await run(OURS, "-U -s 10.0.0.0/16 -m 7");
    expect(updated.stderr).toContain(`: ${many} flow entries have been updated.`);
    expect(updated.stdout.match(/mark=7 /g)).toHaveLength(many);
    const deleted = await run(OURS, "-D -m 7");
    expect(deleted.stderr).toContain(`: ${many} flow entries have been deleted.`);
    expect(deleted.stdout.split("\n")).toHaveLength(many + 1);
    expect(await count()).toBe(0);
  });

  it("leaves the table as it was behind a line that fails", async () => {
    await load(entry(500));
    const text = Array.from({ length: MANY }, (_, i) => entry(i)).join("");
    const failed = await run(OURS, "-R -", text);
    expect(failed.status).toBe(1);
    expect(failed.stderr).toContain("Operation failed: Such conntrack exists, try -U to update\n");
    expect(failed.stderr).toContain("in line 501 of standard input\n");
    expect(await count()).toBe(501);
    const wrong = await run(OURS, "-R -", `${entry(900)}-I -p udp\n`);
    expect([wrong.status, await count()]).toEqual([2, 501]);
  });

  it("loads what it has saved", async () => {
    await load(MIXED);
    const saved = await run(OURS, "-L -o save");
    await run(OURS, "-F");
    await load(saved.stdout);
    expect(await count()).toBe(MIXED.split("\n").length - 1);
    // Over itself; a translation cannot be changed.
    await load(saved.stdout.replace(/^.* -n .*\n/gm, ""));
    expect(await count()).toBe(MIXED.split("\n").length - 1);
  });

  it("survives ten megabytes of noise", async () => {
    const noise = Buffer.alloc(10 << 20, 0);
    for (let i = 0, x = 1; i < noise.length; i++) {
      x = (Math.imul(x, 1103515245) + 12345) >>> 0;
      noise[i] = x >>> 24;
    }
    const file = join(lab.dir, "noise");
    writeFileSync(file, noise);
    const outcome = await run(OURS, `-R ${file}`);
    expect(outcome.status).toBe(2);
    expect(outcome.stderr).toMatch(/^conntrack v1\.4\.9 \(conntrack-tools\): /);
    expect(await count()).toBe(0);
  });

  it("follows events while nobody takes its lines, and loses none", async () => {
    const events = 20_000;
    const child = box.spawn([OURS, "-E", "-e", "NEW", "-b", "33554432"], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    child.stdout!.pause();
    let said = "";
    child.stderr!.on("data", (bytes: Buffer) => {
      said += bytes.toString();
    });
    await waitFor(() => said.includes("NOTICE"), { what: "the event socket" });
    await load(Array.from({ length: events }, (_, i) => entry(i)).join(""));
    child.kill("SIGINT");
    let lines = 0;
    child.stdout!.resume();
    child.stdout!.on("data", (bytes: Buffer) => {
      for (const byte of bytes) if (byte === 0x0a) lines += 1;
    });
    const [status] = await once(child, "close");
    expect(said).toContain(`: ${events} flow events have been shown.`);
    expect([status, lines]).toEqual([0, events]);
  });

  it("follows events into a pipe that is full for a while, and ends quietly when it is closed", async () => {
    const events = 5000;
    const [said, counted] = [join(lab.dir, "said"), join(lab.dir, "counted")];
    const reader = `sleep 0.5; head -n ${events} | wc -l >${counted}`;
    const script = `${OURS} -E -e NEW -b 33554432 2>${said} > >(${reader}) & wait $!; echo $?`;
    const child = box.spawn(["bash", "-c", script], { stdio: ["ignore", "pipe", "inherit"] });
    let status = "";
    child.stdout!.on("data", (bytes: Buffer) => {
      status += bytes.toString();
    });
    const closed = once(child, "close");
    const read = (file: string) => (existsSync(file) ? readFileSync(file, "utf8").trim() : "");
    await waitFor(() => read(said).includes("NOTICE"), { what: "the event socket" });
    await load(Array.from({ length: events }, (_, i) => entry(i)).join(""));
    await waitFor(() => read(counted) !== "", { what: "the reader" });
    expect(read(counted)).toBe(`${events}`);
    await load(entry(events));
    await closed;
    expect(status).toBe("141\n");
    expect(read(said)).toMatch(/^NOTICE[^\n]*$/);
  });

  it("ends quietly when its reader has gone", async () => {
    await load(Array.from({ length: MANY }, (_, i) => entry(i)).join(""));
    const argv = box.command(["sh", "-c", `${OURS} -L -o xml | head -n 1`]);
    const child = spawn(argv[0]!, argv.slice(1), { stdio: ["ignore", "pipe", "pipe"] });
    let said = "";
    child.stderr.on("data", (bytes: Buffer) => {
      said += bytes.toString();
    });
    child.stdout.resume();
    await once(child, "close");
    expect(said === "" || said.includes("flow entries have been shown")).toBe(true);
  });
});
