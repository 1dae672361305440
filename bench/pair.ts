/**
 * Two nodes and a sink: flows that leave node a for the sink fill its table, and node b replicates them.
 *
 *     sink ── out0 · node-a · sync0 ── sync0 · node-b
 *
 * Both daemons get the same configuration, whatever their kind.
 */
import { execFileSync } from "node:child_process";
import { cpus } from "node:os";
import { type ConfigSettings, Conntrackd, type DaemonKind } from "../lab/conntrackd.ts";
import { Lab, type Namespace } from "../lab/netns.ts";
import { waitFor } from "../lab/wait.ts";
import type { LoadReport } from "./inside/packets.ts";
import type { Connections } from "./inside/tcp.ts";
import type { Flows } from "./inside/udp.ts";
import { runJob } from "./job.ts";
import { cpuMicroseconds, residentBytes } from "./measure.ts";
import { BenchNode, PATIENCE_MS } from "./node.ts";

export interface NodeKinds {
  readonly a: DaemonKind;
  readonly b: DaemonKind;
}

export interface Cost {
  /** CPU of each daemon, in microseconds. */
  readonly a: number;
  readonly b: number;
}

export interface PairSettings {
  /** More clauses of the mode. */
  readonly modeLines?: readonly string[];
  /** The kernel remembers when it has created a flow. */
  readonly hasBirths?: true;
}

const SYNC = { a: "172.31.77.1", b: "172.31.77.2" } as const;
const MEBIBYTE = 1 << 20;
/** For both netlink events and the link; it does not grow, so that an overrun is an overrun. */
export const BUFFER_BYTES = 16 * MEBIBYTE;
/** More than all flows of a run: a bulk resync hands them over faster than they are acknowledged. */
export const RESEND_QUEUE = 2_097_152;
const HASH_SIZE = 262_144;
const HASH_LIMIT = 4_194_304;
/** Longer than any run. */
const FLOW_TIMEOUT_SECONDS = 7200;
/** A daemon is calm when it takes less CPU than that in such a time: less than a hundredth. */
const CALM_MS = 300;
const CALM_MICROSECONDS = 3000;

export class BenchPair {
  readonly a: BenchNode;
  readonly b: BenchNode;
  readonly #lab: Lab;
  #flows = 0;
  #connections = 0;

  private constructor(lab: Lab, a: BenchNode, b: BenchNode) {
    this.#lab = lab;
    this.a = a;
    this.b = b;
  }

  /** Builds the nodes; the daemons are configured and not started. */
  static async create(kinds: NodeKinds, settings: PairSettings): Promise<BenchPair> {
    const lab = Lab.create();
    try {
      const [a, b, sink] = await Promise.all([
        lab.namespace("node-a"),
        lab.namespace("node-b"),
        lab.namespace("sink"),
      ]);
      await lab.link({ at: a, as: "sync0" }, { at: b, as: "sync0" });
      await lab.link({ at: a, as: "out0" }, { at: sink, as: "sink0" });
      await Promise.all([prepare(a, SYNC.a, settings), prepare(b, SYNC.b, settings)]);
      await a.ip([
        "addr add 10.255.255.2/30 dev out0",
        // Nobody has this hardware address: the sink throws every packet away.
        "neigh replace 10.255.255.1 lladdr 02:00:5e:00:53:01 dev out0 nud permanent",
        "route add 10.77.0.0/16 via 10.255.255.1 dev out0",
      ]);
      return new BenchPair(
        lab,
        new BenchNode(
          new Conntrackd({ namespace: a, dir: lab.dir }, kinds.a, config("a", settings)),
        ),
        new BenchNode(
          new Conntrackd({ namespace: b, dir: lab.dir }, kinds.b, config("b", settings)),
        ),
      );
    } catch (error) {
      lab.destroy();
      throw error;
    }
  }

  /** Starts both daemons and waits until they have met. */
  async start(): Promise<void> {
    await this.a.conntrackd.start();
    await this.b.conntrackd.start();
  }

  /** Opens `count` new flows on node a; a rate of 0 is as fast as it goes. */
  async open(count: number, rate = 0): Promise<LoadReport> {
    const flows: Flows = { count, rate, first: this.#flows };
    this.#flows += count;
    return runJob(this.a.conntrackd.namespace, "udp", flows);
  }

  /** Opens, uses and closes TCP connections through node a, lap after lap over a pool of ports. */
  async connections(load: Omit<Connections, "first">): Promise<LoadReport> {
    const first = this.#connections;
    this.#connections += load.count;
    return runJob(this.a.conntrackd.namespace, "tcp", { ...load, first });
  }

  /** Waits until node b has all flows, and has said so. */
  async settle(flows: number): Promise<void> {
    await this.a.waitForCached("internal", flows);
    await this.b.waitForCached("external", flows);
    await this.acknowledged();
  }

  /** Waits until node b has acknowledged all that node a has sent. */
  async acknowledged(): Promise<void> {
    await waitFor(async () => (await this.a.unacknowledged()) === 0, {
      what: "an empty resend queue",
      timeoutMs: PATIENCE_MS,
      everyMs: 100,
    });
  }

  /**
   * The CPU that each daemon spends on `work` and on what follows of it, until both are calm. Nobody asks them
   * anything meanwhile: an answer is not what is measured.
   */
  async costOf(work: () => Promise<unknown>): Promise<Cost> {
    const pids = { a: this.a.conntrackd.pids(), b: this.b.conntrackd.pids() };
    const spent = (): Cost => ({ a: cpuMicroseconds(pids.a), b: cpuMicroseconds(pids.b) });
    const before = spent();
    await work();
    let seen = before;
    const areCalm = async () => {
      const last = seen;
      seen = spent();
      return seen.a - last.a < CALM_MICROSECONDS && seen.b - last.b < CALM_MICROSECONDS;
    };
    await waitFor(areCalm, {
      what: "both daemons to be calm",
      timeoutMs: PATIENCE_MS,
      everyMs: CALM_MS,
    });
    return { a: seen.a - before.a, b: seen.b - before.b };
  }

  /**
   * Each daemon has a processor of its own meanwhile, as on a machine of its own. They run in real time: two on one
   * processor take turns of a tenth of a second.
   */
  async apart<T>(work: () => Promise<T>): Promise<T> {
    const place = ({ conntrackd }: BenchNode, processors: string) => {
      for (const pid of conntrackd.pids()) {
        execFileSync("taskset", ["-a", "-c", "-p", processors, String(pid)], { stdio: "ignore" });
      }
    };
    const last = cpus().length - 1;
    place(this.a, "0");
    place(this.b, String(last));
    try {
      return await work();
    } finally {
      for (const node of [this.a, this.b]) place(node, `0-${last}`);
    }
  }

  /** The memory of each daemon, in bytes. */
  memory(): Cost {
    return {
      a: residentBytes(this.a.conntrackd.pids()),
      b: residentBytes(this.b.conntrackd.pids()),
    };
  }

  /** Ends both daemons, empties the tables (the kernel would do it later, beside the next run), removes the lab. */
  async destroy(): Promise<void> {
    try {
      for (const node of [this.a, this.b]) await node.conntrackd.kill();
      for (const node of [this.a, this.b]) await node.flushKernel();
    } finally {
      this.#lab.destroy();
    }
  }
}

/** Runs `work` on a fresh pair and removes the pair. */
export async function withPair<T>(
  kinds: NodeKinds,
  work: (pair: BenchPair) => Promise<T>,
  settings: PairSettings = {},
): Promise<T> {
  const pair = await BenchPair.create(kinds, settings);
  try {
    return await work(pair);
  } finally {
    await pair.destroy();
  }
}

async function prepare(space: Namespace, address: string, settings: PairSettings): Promise<void> {
  await space.ip(`addr add ${address}/30 dev sync0`);
  // A rule that looks at the state switches tracking on. The link itself is not tracked, as on a real firewall.
  await space.nft(`table inet bench {
  chain untracked { type filter hook prerouting priority raw; policy accept; iifname "sync0" notrack; }
  chain untracked_out { type filter hook output priority raw; policy accept; oifname "sync0" notrack; }
  chain out { type filter hook output priority filter; policy accept; ct state invalid drop; }
}
`);
  await space.sysctl({
    "net/netfilter/nf_conntrack_events": 1,
    "net/netfilter/nf_conntrack_udp_timeout": FLOW_TIMEOUT_SECONDS,
    "net/netfilter/nf_conntrack_timestamp": settings.hasBirths === true ? 1 : 0,
  });
}

function config(node: "a" | "b", { modeLines = [] }: PairSettings): ConfigSettings {
  return {
    ignore: ["127.0.0.1", SYNC.a, SYNC.b],
    link: {
      interface: "sync0",
      address: SYNC[node],
      peer: SYNC[node === "a" ? "b" : "a"],
      lines: [`SndSocketBuffer ${BUFFER_BYTES}`, `RcvSocketBuffer ${BUFFER_BYTES}`],
    },
    modeLines: [`ResendQueueSize ${RESEND_QUEUE}`, ...modeLines],
    generalLines: [
      `HashSize ${HASH_SIZE}`,
      `HashLimit ${HASH_LIMIT}`,
      `NetlinkBufferSize ${BUFFER_BYTES}`,
      `NetlinkBufferSizeMaxGrowth ${BUFFER_BYTES}`,
    ],
  };
}
