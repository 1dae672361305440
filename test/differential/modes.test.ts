/**
 * The modes beside the reference: the same kernel events must become the same messages, and every request
 * of the control socket must get the same answer and the same line in the log.
 */
import { afterAll, beforeAll, expect, it } from "vitest";
import type { ConfigSettings, DaemonKind } from "../../lab/conntrackd.ts";
import { ask } from "../../lab/control.ts";
import { waitFor } from "../../lab/wait.ts";
import { parseCommandLine } from "../../src/cli/conntrackd-options.ts";
import { makeExpectation, prepareExpectations } from "../support/expectation-maker.ts";
import { describeOnKernel } from "../support/requirements.ts";
import { daemonAddress, kinds, ports, Twins } from "../support/twins.ts";
import { buildMessage, CTL, messageText, NACK, udpFlowBody } from "../support/wire-message.ts";

const tcp = "-p tcp -s 10.1.0.1 -d 10.2.0.1 --sport 1000 --dport 80";
const v6 = "-p udp -s fd01::1 -d fd02::1 --sport 53 --dport 53";
/** Commands in order; after each both daemons must have said the same. */
const events = [
  `-I ${tcp} --state SYN_SENT -t 600`,
  `-U ${tcp} --state ESTABLISHED -t 602 -u SEEN_REPLY,ASSURED --mark 7`,
  `-I ${v6} -t 600 --dst-nat fd09::9`,
  "-I -p icmp -s 10.1.0.3 -d 10.2.0.3 --icmp-type 8 --icmp-code 0 --icmp-id 4660 -t 600",
  "-I -p udp -s 10.1.0.11 -d 10.2.0.11 --sport 1 --dport 2 -t 600 --src-nat 10.9.9.9:50000 --zone 5",
  `-D ${tcp}`,
];
const expectations = ["    ExpectationSync On"];
const variants: Readonly<Record<string, Partial<ConfigSettings>>> = {
  "FTFW with expectations": { mode: "FTFW", optionLines: expectations },
  "FTFW without an external cache": { mode: "FTFW", modeLines: ["DisableExternalCache on"] },
  NOTRACK: { mode: "NOTRACK" },
  "NOTRACK with expectations": { mode: "NOTRACK", optionLines: expectations },
  "NOTRACK without an internal cache": {
    mode: "NOTRACK",
    modeLines: ["DisableInternalCache on"],
  },
  "NOTRACK without caches": {
    mode: "NOTRACK",
    modeLines: ["DisableInternalCache on", "DisableExternalCache on"],
  },
  ALARM: { mode: "ALARM", modeLines: ["RefreshTime 3600", "CacheTimeout 3600"] },
};
const reports = [
  "-s",
  "-s network",
  "-s cache",
  "-s queue",
  "-s rsqueue",
  "-s link",
  "-s runtime",
  "-s process",
  "-i",
  "-i ct",
  "-i -x",
  "-e",
  "-e -x",
  "-s expect",
  "-i expect",
  "-i expect -x",
  "-e expect",
  "-e expect -x",
];
/** In this order: what follows acts on what the one before has left. `-f` and `-F` come where nothing can be lost. */
const actions = [
  "-B",
  "-n",
  "-R",
  "-R ct",
  "-R expect",
  "-c ct",
  "-c expect",
  "-c",
  "-f external",
  "-c",
  "-t",
  "-c",
  "-F expect",
  "-F ct",
  "-F",
  "-f internal",
  "-f",
];
const EXTERNAL_FLOWS = 3;

/** Numbers of a moment, width kept; what the cache blocks count is compared. */
const maskReport = (text: string) =>
  text
    .split("\n")
    .map((line) => line.replace(/ -> seq:\d+/, " -> seq:#"))
    .map((line) =>
      /Bytes|Pckts|Error|events|buffer size|uptime|resync/.test(line)
        ? line.replace(/ *\d+(?= |\t|$)/g, (n) => "#".repeat(n.length))
        : line,
    )
    .map((line) => line.replace(/ in \d+s\]/, " in #s]").replace(/ since \d+s\]/, " since #s]"))
    .map((line) => line.replace(/^(\w+ +\d+) \d+ (.* use=)/, "$1 # $2"))
    .map((line) => line.replace(/<(timeout|when|hour|min|sec|wday|day|month|year)>[^<]*/g, "<$1>#"))
    .sort()
    .join("\n");

/** What a daemon answers to the request that these words mean. The clients are compared in control.test.ts. */
function answer(twins: Twins, kind: DaemonKind, words: string): Promise<string> {
  const line = parseCommandLine(words.split(" "));
  if (line.kind !== "request") throw new Error(`${words} is no request`);
  return ask(twins.daemons[kind].socketPath, line.code);
}

/** What a daemon logged from `since` on, without prefix and durations. */
const logged = (twins: Twins, kind: DaemonKind, since: number) =>
  twins.daemons[kind]
    .log()
    .slice(since)
    .split("\n")
    .map((line) => line.replace(/^\[.*?\] \(pid=\d+\) /, "").replace(/\d+\.\d+ sec/, "# sec"))
    .filter((line) => line !== "");

for (const [title, config] of Object.entries(variants)) {
  describeOnKernel(`${title}, beside the reference`, ["ours", "reference"], () => {
    let twins: Twins;
    const { mode } = config;
    // Without caches both write into the one kernel of this test, and each counts what the other does there.
    const isShared = title === "NOTRACK without caches";
    const mask = (text: string) =>
      isShared ? maskReport(text).replace(/(?<=:\t+) *\d+/g, "#") : maskReport(text);

    beforeAll(async () => {
      twins = await Twins.start({ config });
      if (config.optionLines === undefined) return;
      await prepareExpectations(twins.fw);
      await makeExpectation(twins.fw);
      await twins.settle();
    });
    afterAll(() => twins?.destroy());

    it("sends the same messages for the same events", async () => {
      for (const words of events) {
        const since = twins.sent();
        await twins.conntrack(words);
        await twins.settle();
        const said = (kind: DaemonKind) =>
          twins.flowMessages(kind, since[kind]).map((message) => messageText(message));
        expect(said("ours"), words).toEqual(said("reference"));
        expect(said("ours").length, words).toBe(1);
      }
    });

    it("sends the same control messages when nothing happens", async () => {
      const control = (kind: DaemonKind) =>
        new Set(
          twins.sink
            .messages(ports[kind])
            .filter((message) => message.type === CTL)
            .map((message) => messageText(message)),
        );
      if (title !== "ALARM") {
        await waitFor(() => kinds.every((kind) => control(kind).size > 0), { what: "ALIVE" });
      }
      expect(control("ours")).toEqual(control("reference"));
    });

    // Both would inject into the one kernel, and each would hear of the other's.
    if (title !== "FTFW without an external cache")
      it("takes the same messages, and counts the same refusals", async () => {
        const send = (type: number, flags: number, sequence: number, body?: Buffer) => {
          for (const kind of kinds) {
            const bytes = buildMessage({ type, flags, sequence }, body);
            twins.sink.send(ports[kind], daemonAddress, bytes);
          }
        };
        for (let i = 1; i <= EXTERNAL_FLOWS; i += 1) send(0, 0, i * i, udpFlowBody(i));
        if (mode === "FTFW") {
          // HELLO makes a daemon forget what it has said, and not what it is about to say: both must have said it.
          const nacks = (kind: DaemonKind) =>
            twins.sink.messages(ports[kind]).filter(({ flags }) => (flags & NACK) !== 0).length;
          const haveAsked = () => kinds.every((kind) => nacks(kind) === EXTERNAL_FLOWS - 1);
          await waitFor(haveAsked, { what: "both to ask for what is between" });
        }
        send(1, 0, 5, udpFlowBody(1));
        send(0, 0x60, 6, udpFlowBody(1));
        send(7, 0, 7);
        send(CTL, 0, 8);
        send(0, 0x08, 9, udpFlowBody(9));
        send(CTL, 0x08, 10, Buffer.alloc(8));
        send(CTL, 0x10, 11);
        send(2, 0, 12, udpFlowBody(3));
        const network = async (kind: DaemonKind) => {
          const text = await twins.daemons[kind].commandOk("-s", "network");
          return text.slice(0, text.indexOf("UDP traffic"));
        };
        let texts: string[] = [];
        await waitFor(
          async () => {
            texts = await Promise.all(kinds.map(network));
            return texts[0] === texts[1] && /Malformed messages:\t +[1-9]/.test(texts[0] ?? "");
          },
          { what: "the same counts" },
        ).catch(() => expect(texts[0]).toBe(texts[1]));
      });

    for (const words of reports) {
      it(`${words}: the same answer`, async () => {
        let answers: string[] = [];
        // A daemon that has something on its way at a moment says so: the other is asked at another one.
        const areSame = async () => {
          answers = [];
          for (const kind of kinds) answers.push(mask(await answer(twins, kind, words)));
          return answers[0] === answers[1];
        };
        await waitFor(areSame, { what: "the same answer", timeoutMs: 5000 }).catch(() =>
          expect(answers[0]).toBe(answers[1]),
        );
      });
    }

    if (config.optionLines !== undefined) {
      it("knows the expectation", async () => {
        for (const kind of kinds) {
          expect(await answer(twins, kind, "-i expect"), kind).toContain("dport=6002");
        }
      });
    }

    it("the same requests leave the same lines in the log, and the same caches", async () => {
      for (const words of actions) {
        // Without an internal cache the reference empties the kernel's table instead: see doc/differences.md.
        const since = { ours: 0, reference: 0 };
        for (const kind of kinds) since[kind] = twins.daemons[kind].log().length;
        for (const kind of kinds) {
          expect(await answer(twins, kind, words), `${kind} ${words}`).toBe("");
        }
        const lines = () => kinds.map((kind) => logged(twins, kind, since[kind]));
        await waitFor(() => lines()[0]?.join() === lines()[1]?.join(), { what: words }).catch(() =>
          expect(lines()[0], words).toEqual(lines()[1]),
        );
        for (const cache of ["-e", "-e expect"]) {
          const dumps = await Promise.all(kinds.map((kind) => answer(twins, kind, cache)));
          expect(maskReport(dumps[0] ?? ""), words).toBe(maskReport(dumps[1] ?? ""));
        }
      }
    });
  });
}
