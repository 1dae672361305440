/**
 * Dialogues of nodes, written in a file: a few commands, `----`, and what happened then, up to the
 * blank line. Running a script gives the file as it should be. Commands of one line, separated by `;`,
 * happen before anybody acts.
 *
 * start NAME first=N [window=N] [resend=N]   a daemon starts; N: its first sequence number
 * start NAME first=N mode=notrack|bypass     the same in NOTRACK, with or without an internal cache
 * start NAME first=N mode=alarm refresh=N timeout=N
 * stop NAME                                  it dies
 * wait MS                                    time passes
 * flow NAME KIND PORT [mark=N]               a kernel event: new, update, destroy; the port names the flow
 * lose NAME N                                the next N datagrams of NAME are lost
 * send NAME TYPE[,FLAG…] SEQ [FROM-TO] [port=N] [mark=N]   a scripted peer says this to NAME
 * command NAME bulk|resync|commit|flush-external|flush-internal
 * show NAME                                  what its caches hold, and its counters
 */

import type { FlowCache } from "../../src/cache/flow-cache.ts";
import { State } from "../../src/cache/record.ts";
import { FlowRegister } from "../../src/flow/register.ts";
import { Flag, MessageType } from "../../src/sync/message.ts";
import type { Mode } from "../../src/sync/modes.ts";
import { flowWords, message, messageWords, readDatagram } from "./dialogue.ts";
import { type EventKind, plainFlow } from "./kernel-flows.ts";
import { engineOptions, Network, Node } from "./network.ts";

class Script {
  readonly #network = new Network(1);
  readonly #losses = new Map<string, number>();
  readonly #logged = new Map<Node, number>();
  #output: string[] = [];

  constructor() {
    this.#network.onSend = (from, bytes, now) => {
      const left = this.#losses.get(from) ?? 0;
      if (left > 0) this.#losses.set(from, left - 1);
      const what = readDatagram(bytes).map(messageWords).join(" | ");
      this.#tell(now, `${from}: ${what}${left > 0 ? "  (lost)" : ""}`);
      return left === 0;
    };
  }

  /** Run the commands of one block; what happened. */
  block(commands: readonly string[]): string[] {
    this.#output = [];
    for (const each of commands) {
      for (const part of each.split(";")) this.#command(part.trim());
      this.#network.settleNow();
      this.#logs();
    }
    return this.#output;
  }

  #tell(now: number, text: string): void {
    this.#output.push(`${(now / 1000).toFixed(3)} ${text}`);
  }

  #logs(): void {
    for (const node of this.#network.nodes.values()) {
      const from = this.#logged.get(node) ?? 0;
      for (const line of node.journal.lines.slice(from)) {
        this.#tell(this.#network.now, `${node.name} logs: ${line}`);
      }
      this.#logged.set(node, node.journal.lines.length);
    }
  }

  #command(line: string): void {
    const [verb, name = "", ...rest] = line.split(/\s+/);
    const settings = new Map(
      rest.filter((w) => w.includes("=")).map((w) => w.split("=") as [string, string]),
    );
    const words = rest.filter((each) => !each.includes("="));
    const number = (key: string) => {
      const text = settings.get(key);
      return text === undefined ? undefined : Number(text);
    };
    const flow = (port: number) => {
      const mark = number("mark");
      return plainFlow({ sourcePort: port, tcpState: 3, ...(mark === undefined ? {} : { mark }) });
    };
    const network = this.#network;
    switch (verb) {
      case "start":
        network.start(this.#node(name, settings.get("mode") ?? "ftfw", number));
        return;
      case "stop":
        network.stop(name);
        return;
      case "wait":
        network.advance(Number(name));
        return;
      case "flow":
        network.change(name, words[0] as EventKind, flow(Number(words[1])));
        return;
      case "lose":
        this.#losses.set(name, Number(words[0]));
        return;
      case "send": {
        const port = number("port");
        const bytes = spoken(words, port === undefined ? undefined : flow(port));
        this.#tell(network.now, `peer: ${messageWords(readDatagram(bytes)[0]!)}`);
        network.node(name).receive(bytes, network.now);
        return;
      }
      case "command":
        obey(network.node(name), words[0] ?? "");
        return;
      case "show":
        this.#output.push(...show(network.node(name)));
        return;
      default:
        throw new Error(`the command exists: ${line}`);
    }
  }

  #node(name: string, word: string, number: (key: string) => number | undefined): Node {
    const first = number("first") ?? 1;
    const options = engineOptions({
      mode: modeOf(word, number),
      firstSequence: () => first,
    });
    return new Node(name, options, this.#network.now);
  }
}

function modeOf(word: string, number: (key: string) => number | undefined): Mode {
  switch (word) {
    case "ftfw":
      return {
        kind: "ftfw",
        window: number("window") ?? 300,
        resendQueueSize: number("resend") ?? 1000,
      };
    case "alarm":
      return {
        kind: "alarm",
        refreshTime: number("refresh") ?? 60,
        cacheTimeout: number("timeout") ?? 180,
      };
    case "notrack":
    case "bypass":
      return { kind: "notrack", internalCache: word === "notrack" };
    default:
      throw new Error(`the mode exists: ${word}`);
  }
}

function spoken(words: readonly string[], flow: FlowRegister | undefined): Uint8Array {
  const names = (words[0] ?? "").split(",");
  const types: Readonly<Record<string, number>> = MessageType;
  const flags: Readonly<Record<string, number>> = Flag;
  const type = types[names[0]!] ?? MessageType.CTL;
  const bits = names.reduce((all, each) => all | (flags[each] ?? 0), 0);
  const [from, to] = (words[2] ?? "").split("-").map(Number);
  return message({
    type,
    flags: bits,
    sequence: Number(words[1]),
    ...(flow === undefined ? {} : { flow }),
    ...(to === undefined ? {} : { from: from!, to }),
  });
}

function obey(node: Node, what: string): void {
  const { engine } = node;
  if (what === "bulk") engine.sendAll();
  else if (what === "resync") engine.requestResync();
  else if (what === "commit") engine.startCommit("committing all external caches", () => {});
  else if (what === "flush-external") engine.flush("external");
  else if (what === "flush-internal") engine.flush("internal");
  else throw new Error(`the command exists: ${what}`);
}

function show({ name, engine }: Node): string[] {
  const { counters, unacknowledged } = engine.protocol;
  return [
    ...list(`${name} internal`, engine.internalCache),
    ...list(`${name} external`, engine.externalCache),
    `${name} counts: lost ${counters.lost}, before ${counters.before}, malformed ${engine.receiver.counters.malformed}, waiting for acknowledgement ${unacknowledged ?? "none"}`,
  ];
}

function list(title: string, cache: FlowCache | undefined): string[] {
  const out: string[] = [];
  const flow = new FlowRegister();
  cache?.scan(0, Number.POSITIVE_INFINITY, (ref) => {
    cache.load(ref, flow);
    out.push(`${title}: ${flowWords(flow)}${cache.state(ref) === State.dead ? " (dead)" : ""}`);
  });
  return out.length === 0 ? [`${title}: nothing`] : out.sort();
}

/** Run a script; the text of the file with what really happened. */
export function runScript(text: string): string {
  const script = new Script();
  const out: string[] = [];
  for (const paragraph of text.trimEnd().split(/\n{2,}/)) {
    const lines = paragraph.split("\n");
    const end = lines.indexOf("----");
    const head = end < 0 ? lines : lines.slice(0, end);
    const commands = head.filter((each) => !each.startsWith("#"));
    if (commands.length === 0) out.push(head.join("\n"));
    else out.push([...head, "----", ...script.block(commands)].join("\n"));
  }
  return `${out.join("\n\n")}\n`;
}
