/**
 * Our daemon and the reference in one namespace: both hear the same kernel events, each speaks to its own port of a
 * sink. What differs between the two is then ours to explain.
 *
 *     fw ── sync0 ── host (sink on 172.31.77.2, echo servers on 10.77.0.2 and fd77::2)
 *      └─── wan0 ─────┘
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type ConfigSettings, Conntrackd, type DaemonKind } from "../../lab/conntrackd.ts";
import { Lab, type Namespace } from "../../lab/netns.ts";
import { waitFor } from "../../lab/wait.ts";
import { Sink } from "./sink.ts";
import { attributes, CTL, flowKey, messageText, type WireMessage } from "./wire-message.ts";

export const kinds = ["ours", "reference"] as const;
export const ports = { ours: 3780, reference: 3781 } as const;
export const daemonAddress = "172.31.77.1";
const SINK_ADDRESS = "172.31.77.2";
/** Flows from this network are marks in time, not flows to compare. */
const MARKER_NETWORK = "192.0.2.";
const MARKER_HEX = "c00002";

export interface TwinOptions {
  /** Changes to the configuration of both. */
  readonly config?: Partial<ConfigSettings>;
  /** Chains and objects of the nftables table `inet twins`. */
  readonly rules?: string;
}

export class Twins {
  readonly lab: Lab;
  readonly fw: Namespace;
  readonly host: Namespace;
  readonly sink: Sink;
  readonly daemons: Readonly<Record<DaemonKind, Conntrackd>>;
  #markers = 0;

  constructor(
    lab: Lab,
    parts: { fw: Namespace; host: Namespace; sink: Sink },
    daemons: Readonly<Record<DaemonKind, Conntrackd>>,
  ) {
    this.lab = lab;
    this.fw = parts.fw;
    this.host = parts.host;
    this.sink = parts.sink;
    this.daemons = daemons;
  }

  /** Builds everything and starts both daemons. */
  static async start(options: TwinOptions = {}): Promise<Twins> {
    const lab = Lab.create();
    try {
      return await build(lab, options);
    } catch (error) {
      lab.destroy();
      throw error;
    }
  }

  /** Runs `conntrack <words>` beside the daemons. */
  async conntrack(words: string): Promise<void> {
    await this.fw.runOk(["conntrack", ...words.split(" ")]);
  }

  /** Returns when both daemons have sent all that happened before: they take events in order, and so do we. */
  async settle(): Promise<void> {
    this.#markers += 1;
    // The address carries the number: .0 to .255 are enough for a test.
    const source = `${MARKER_NETWORK}${this.#markers}`;
    const flow = `-p udp -s ${source} -d 198.51.100.1 --sport 9 --dport 9 -t 600`;
    await this.conntrack(`-I ${flow}`);
    const wanted = MARKER_HEX + this.#markers.toString(16).padStart(2, "0");
    const hasMarker = (kind: DaemonKind) =>
      this.sink
        .messages(ports[kind])
        .some((message) => isMarker(message) && sourceHex(message) === wanted);
    await waitFor(() => kinds.every(hasMarker), {
      what: "both daemons to send a mark",
      everyMs: 5,
    });
  }

  /** Messages about flows that a daemon has sent, marks left out, from the `since`th message on. */
  flowMessages(kind: DaemonKind, since = 0): WireMessage[] {
    const all = this.sink.messages(ports[kind]).slice(since);
    return all.filter((message) => message.type !== CTL && !isMarker(message));
  }

  /** The last message about each flow, as text; in what it leaves out see `messageText`. */
  lastWords(kind: DaemonKind, since = 0, without: readonly number[] = []): Record<string, string> {
    const last = new Map<string, string>();
    for (const message of this.flowMessages(kind, since)) {
      last.set(flowKey(message), messageText(message, without));
    }
    return Object.fromEntries([...last].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** How many messages each daemon has sent so far. */
  sent(): Record<DaemonKind, number> {
    const count = (kind: DaemonKind) => this.sink.messages(ports[kind]).length;
    return { ours: count("ours"), reference: count("reference") };
  }

  destroy(): void {
    this.lab.destroy();
  }
}

async function build(lab: Lab, options: TwinOptions): Promise<Twins> {
  const [fw, host] = await Promise.all([lab.namespace("fw"), lab.namespace("host")]);
  await lab.link({ at: fw, as: "sync0" }, { at: host, as: "sync0" });
  await lab.link({ at: fw, as: "wan0" }, { at: host, as: "wan0" });
  await fw.ip([
    `addr add ${daemonAddress}/30 dev sync0`,
    "addr add 10.77.0.1/24 dev wan0",
    "addr add fd77::1/64 dev wan0 nodad",
  ]);
  await host.ip([
    `addr add ${SINK_ADDRESS}/30 dev sync0`,
    "addr add 10.77.0.2/24 dev wan0",
    "addr add 10.77.0.3/24 dev wan0",
    "addr add fd77::2/64 dev wan0 nodad",
    "route add 10.77.9.0/24 via 10.77.0.1",
    "route add fd77:9::/64 via fd77::1",
  ]);
  await fw.nft(`table inet twins {\n${options.rules ?? ""}
  chain watch {
    type filter hook output priority filter; policy accept;
    ct state invalid drop
  }
}
`);
  await fw.sysctl({ "net/netfilter/nf_conntrack_events": 1 });
  const sink = await Sink.start(host, SINK_ADDRESS, Object.values(ports));
  const daemon = (kind: DaemonKind) => {
    const dir = join(lab.dir, kind);
    mkdirSync(dir);
    return new Conntrackd({ namespace: fw, dir }, kind, {
      ignore: ["127.0.0.1", daemonAddress, SINK_ADDRESS],
      link: { interface: "sync0", address: daemonAddress, peer: SINK_ADDRESS, port: ports[kind] },
      ...options.config,
    });
  };
  const daemons = { ours: daemon("ours"), reference: daemon("reference") };
  const twins = new Twins(lab, { fw, host, sink }, daemons);
  await Promise.all([daemons.ours.start(), daemons.reference.start()]);
  return twins;
}

/** The hexadecimal source address of an IPv4 flow. */
function sourceHex(message: WireMessage): string {
  return (
    attributes(message)
      .find(([id]) => id === 0)?.[1]
      .slice(8, 16) ?? ""
  );
}

function isMarker(message: WireMessage): boolean {
  return message.type < 3 && sourceHex(message).startsWith(MARKER_HEX);
}
