/**
 * The control socket from both sides: our client at the reference's daemon and the other way round, and the words of
 * both daemons about the same flows. Numbers that depend on the moment are masked, their width is not.
 */
import { existsSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type DaemonKind, findDaemon } from "../../lab/conntrackd.ts";
import type { Outcome } from "../../lab/netns.ts";
import { waitFor } from "../../lab/wait.ts";
import { describeOnKernel } from "../support/requirements.ts";
import { daemonAddress, kinds, ports, Twins } from "../support/twins.ts";
import { buildMessage, HELLO, HELLO_BACK, udpFlowBody } from "../support/wire-message.ts";

const EXTERNAL_FLOWS = 3;
const flows = [
  "-p tcp -s 10.1.0.1 -d 10.2.0.1 --sport 1 --dport 2 -t 600 --state ESTABLISHED -u SEEN_REPLY,ASSURED --mark 7",
  "-p tcp -s fd01::1 -d fd02::1 --sport 1 --dport 2 -t 600 --state SYN_SENT",
  "-p udp -s 10.1.0.2 -d 10.2.0.1 --sport 1 --dport 2 -t 600 --src-nat 10.9.9.9:77 --zone 3",
  "-p icmp -s 10.1.0.3 -d 10.2.0.3 --icmp-type 8 --icmp-code 0 --icmp-id 4660 -t 600",
  "-p icmpv6 -s fd01::1 -d fd02::1 --icmpv6-type 128 --icmpv6-code 0 --icmpv6-id 77 -t 600",
  "-p gre -s 10.1.0.4 -d 10.2.0.4 --srckey 16 --dstkey 32 -t 600",
  "-p udplite -s 10.1.0.5 -d 10.2.0.5 --sport 10 --dport 20 -t 600",
  "-p sctp -s 10.1.0.6 -d 10.2.0.6 --sport 1 --dport 2 --state ESTABLISHED --orig-vtag 1 --reply-vtag 2 -t 600",
  "-p 253 -s 10.1.0.7 -d 10.2.0.7 -t 600",
];

/** Counters of events, traffic and queues differ between two daemons: only their place and width are compared. */
const maskNumbers = (text: string) =>
  text.replace(/ *\d+(?= |\t|$)/gm, (number) => "#".repeat(number.length));
/** Cache counters do not differ: both have seen the same. */
const maskTraffic = (text: string) =>
  text
    .split("\n")
    .map((line) => (/Bytes|Pckts|Error|Malformed/.test(line) ? maskNumbers(line) : line))
    .join("\n");
const maskNothing = (text: string) => text;
const maskQueues = (text: string) =>
  text.replace(/nodes:\t\t *\d+|(?<=elements:\t\t) *\d+(?=\nmax)/g, (found) =>
    "#".repeat(found.length),
  );
const maskSequences = (text: string) =>
  [
    ...new Set(
      text
        .replace(/seq:\d+/g, "seq:#")
        .split("\n")
        .slice(1),
    ),
  ]
    .sort()
    .join("\n");
const sortLines = (text: string) =>
  text
    .replace(/\[active since \d+s\]/g, "[active since #s]")
    .split("\n")
    .sort()
    .join("\n");

/** Requests, and what of their answers cannot be the same. */
const requests: readonly (readonly [string, (text: string) => string])[] = [
  ["-s", maskTraffic],
  ["-s ct", maskTraffic],
  ["-s network", maskTraffic],
  ["-s cache", maskNothing],
  ["-s runtime", maskNumbers],
  ["-s link", maskTraffic],
  ["-s multicast", maskTraffic],
  ["-s rsqueue", maskSequences],
  ["-s queue", maskQueues],
  ["-s process", maskNothing],
  ["-s expect", maskNothing],
  ["-i", sortLines],
  ["-i ct", sortLines],
  ["-i -x", sortLines],
  ["-i expect", sortLines],
  ["-i expect -x", sortLines],
  ["-e", sortLines],
  ["-e ct", sortLines],
  ["-e -x", sortLines],
  ["-e expect", sortLines],
];

/**
 * Command lines that are refused before anything is asked. Not `-Z`, which 1.4.7 leaves with status 0, and not a bare
 * `-C`, which it takes for a daemon with the system's configuration.
 */
const refused = ["-s nonsense", "-f nonsense", "-x", "-d -s"];

describeOnKernel("both clients at both daemons", ["ours", "reference"], () => {
  let twins: Twins;

  beforeAll(async () => {
    twins = await Twins.start();
    for (const words of flows) await twins.conntrack(`-I ${words}`);
    await twins.settle();
    const message = (sequence: number) =>
      buildMessage({ type: 0, flags: HELLO | HELLO_BACK, sequence }, udpFlowBody(sequence));
    for (let i = 1; i <= EXTERNAL_FLOWS; i += 1) {
      for (const kind of kinds) twins.sink.send(ports[kind], daemonAddress, message(i));
    }
    await waitFor(
      async () => {
        const counts = await Promise.all(kinds.map((kind) => twins.daemons[kind].caches()));
        return counts.every((count) => count.external === EXTERNAL_FLOWS);
      },
      { what: "both daemons to take the peer's flows" },
    );
  });
  afterAll(() => twins?.destroy());

  /** Runs one client at one daemon. */
  const ask = (client: DaemonKind, daemon: DaemonKind, words: string): Promise<Outcome> => {
    const { configPath, namespace } = twins.daemons[daemon];
    const binary = findDaemon(client) ?? "";
    return namespace.run([binary, "-C", configPath, ...words.split(" ")]);
  };
  const maskPrefix = (text: string) => text.replace(/^\[.*?\] \(pid=\d+\) /gm, "[time] (pid) ");

  for (const [words, mask] of requests) {
    it(`${words}: the same words, whoever asks whom`, async () => {
      const shown = ({ status, stdout, stderr }: Outcome) => ({
        status,
        stdout: mask(stdout).replaceAll(String(ports.ours), String(ports.reference)),
        stderr: maskPrefix(stderr),
      });
      for (const [client, daemon] of [
        ["ours", "reference"],
        ["reference", "ours"],
      ] as const) {
        let answers: ReturnType<typeof shown>[] = [];
        // A daemon that has something on its way at a moment says so: the other is asked at another one.
        const areSame = async () => {
          answers = [
            shown(await ask(client, daemon, words)),
            shown(await ask("reference", "reference", words)),
          ];
          return isDeepStrictEqual(answers[0], answers[1]);
        };
        await waitFor(areSame, { what: "the same words", timeoutMs: 5000 }).catch(() =>
          expect(answers[0], `${client} asks ${daemon}`).toEqual(answers[1]),
        );
      }
    });
  }

  it("the dumps hold every flow", async () => {
    const { stdout } = await ask("ours", "ours", "-i");
    for (const name of ["tcp", "udp", "icmp", "icmpv6", "gre", "udplite", "sctp", "unknown"]) {
      expect(stdout).toMatch(new RegExp(`^${name} `, "m"));
    }
    expect((await ask("ours", "ours", "-e")).stdout.trimEnd().split("\n").length).toBe(
      EXTERNAL_FLOWS,
    );
  });

  for (const words of refused) {
    it(`${words}: refused alike`, async () => {
      const [wanted, answer] = await Promise.all(
        (["reference", "ours"] as const).map((client) => {
          const binary = findDaemon(client) ?? "";
          return twins.fw.run([binary, ...words.split(" ")]);
        }),
      );
      expect(answer?.status).toBe(wanted?.status);
      expect(maskPrefix(answer?.stderr ?? "")).toBe(maskPrefix(wanted?.stderr ?? ""));
    });
  }

  it("a code that nobody knows is an empty answer", async () => {
    const program = `const s = require("net").connect(process.argv[1]);
      const b = Buffer.alloc(4); b.writeInt32LE(99); s.write(b); s.pipe(process.stdout);`;
    for (const kind of kinds) {
      const argv = [process.execPath, "-e", program, twins.daemons[kind].socketPath];
      expect(await twins.fw.run(argv)).toEqual({ status: 0, stdout: "", stderr: "" });
    }
  });

  it("each ends the other with -k, and takes socket and lock away", async () => {
    for (const [client, daemon] of [
      ["ours", "reference"],
      ["reference", "ours"],
    ] as const) {
      const { lockPath, socketPath } = twins.daemons[daemon];
      const before = twins.daemons[daemon].pids();
      expect([lockPath, socketPath].filter(existsSync).length).toBe(2);
      expect(await ask(client, daemon, "-k")).toEqual({ status: 0, stdout: "", stderr: "" });
      expect([lockPath, socketPath].filter(existsSync)).toEqual([]);
      await waitFor(() => twins.daemons[daemon].pids().length < before.length, {
        what: `the end of ${daemon}`,
      });
      expect(twins.daemons[daemon].log()).toContain("---- shutdown received ----");
    }
  });

  it("both clients say the same where no daemon listens", async () => {
    for (const daemon of kinds) {
      const answers = await Promise.all(kinds.map((client) => ask(client, daemon, "-s")));
      expect(answers.map((answer) => answer.status)).toEqual([1, 1]);
      const [ours, reference] = answers.map((answer) => maskPrefix(answer.stderr));
      expect(ours).toBe(reference);
    }
  });
});
