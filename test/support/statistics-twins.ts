/**
 * Our daemon and the reference in statistics mode, in one namespace: both hear the same kernel, each writes a flow log
 * of its own.
 *
 *     fw (10.77.0.1, fd77::1) ── wan0 ── host (10.77.0.2, fd77::2)
 */
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type ConfigSettings, Conntrackd, type DaemonKind } from "../../lab/conntrackd.ts";
import { Lab, type Namespace } from "../../lab/netns.ts";
import { waitFor } from "../../lab/wait.ts";
import { kinds } from "./twins.ts";

export { kinds };

/** Flows from this network are marks in time, not flows to compare. */
const MARKER_NETWORK = "192.0.2.";

export class StatisticsTwins {
  readonly lab: Lab;
  readonly fw: Namespace;
  readonly host: Namespace;
  readonly daemons: Readonly<Record<DaemonKind, Conntrackd>>;
  readonly flowLogs: Readonly<Record<DaemonKind, string>>;
  /** An address whose flows the filter ignores. */
  readonly ignored = "10.99.99.99";
  #markers = 0;

  private constructor(lab: Lab, [fw, host]: readonly Namespace[], config: Partial<ConfigSettings>) {
    this.lab = lab;
    if (fw === undefined || host === undefined) throw new Error("two namespaces");
    this.fw = fw;
    this.host = host;
    const flowLog = (kind: DaemonKind) => join(lab.dir, kind, "flows.log");
    this.flowLogs = { ours: flowLog("ours"), reference: flowLog("reference") };
    const daemon = (kind: DaemonKind) => {
      const dir = join(lab.dir, kind);
      mkdirSync(dir);
      return new Conntrackd({ namespace: fw, dir }, kind, {
        statsLines: [`LogFile ${this.flowLogs[kind]}`],
        ignore: ["127.0.0.1", this.ignored],
        // Nothing is replicated.
        link: { interface: "", address: "", peer: "" },
        ...config,
      });
    };
    this.daemons = { ours: daemon("ours"), reference: daemon("reference") };
  }

  /** Builds everything and starts both daemons. `config`: changes to the configuration of both. */
  static async start(config: Partial<ConfigSettings> = {}): Promise<StatisticsTwins> {
    const lab = Lab.create();
    try {
      const [fw, host] = await Promise.all([lab.namespace("fw"), lab.namespace("host")]);
      await lab.link({ at: fw, as: "wan0" }, { at: host, as: "wan0" });
      await fw.ip(["addr add 10.77.0.1/24 dev wan0", "addr add fd77::1/64 dev wan0 nodad"]);
      await host.ip(["addr add 10.77.0.2/24 dev wan0", "addr add fd77::2/64 dev wan0 nodad"]);
      // A rule that looks at connection state switches tracking on; translated entries need NAT.
      await fw.nft(`table inet twins {
  chain watch { type filter hook output priority filter; policy accept; ct state invalid drop; }
  chain translation { type nat hook postrouting priority srcnat; policy accept; }
}
`);
      await fw.sysctl({ "net/netfilter/nf_conntrack_events": 1 });
      const twins = new StatisticsTwins(lab, [fw, host], config);
      await Promise.all(kinds.map((kind) => twins.daemons[kind].start()));
      return twins;
    } catch (error) {
      lab.destroy();
      throw error;
    }
  }

  /** Runs `conntrack <words>` beside the daemons. */
  async conntrack(words: string): Promise<void> {
    await this.fw.runOk(["conntrack", ...words.split(" ")]);
  }

  /** Returns when both daemons have seen all that happened before: they take events in order, and so do we. */
  async settle(): Promise<void> {
    this.#markers += 1;
    const mark = `${MARKER_NETWORK}${this.#markers}`;
    const flow = `-p udp -s ${mark} -d 198.51.100.1 --sport 9 --dport 9`;
    await this.conntrack(`-I ${flow} -t 600`);
    const isSeen = (kind: DaemonKind) => this.#log(kind).includes(`src=${mark} `);
    await this.conntrack(`-D ${flow}`);
    await waitFor(() => kinds.every(isSeen), { what: "both daemons to report a mark" });
  }

  /** The flow log without times and marks; what ended in one moment in any order. */
  lines(kind: DaemonKind): string[] {
    return this.#log(kind)
      .split("\n")
      .filter((line) => line !== "" && !line.includes(`src=${MARKER_NETWORK}`))
      .map((line) => line.replace(/^\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}\t/, ""))
      .map((line) => line.replace(/delta-time=\d+/, "delta-time=0"))
      .sort();
  }

  destroy(): void {
    this.lab.destroy();
  }

  #log(kind: DaemonKind): string {
    return readFileSync(this.flowLogs[kind], "utf8");
  }
}
