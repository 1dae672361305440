/**
 * The demonstration, `npm start`: two firewalls, live traffic through NAT, and the active firewall dies. Prints each
 * stage as it happens and what became of the connections; ends with status 1 when one was lost.
 *
 * It moves the virtual addresses itself, right after the commit: how fast a dead firewall is noticed is a matter of the
 * HA manager, and test/netns/failover.test.ts has a real one.
 */
import { Command, InvalidArgumentError } from "commander";
import { addresses, type Cluster, createCluster, type FirewallName } from "./cluster.ts";
import { type DaemonKind, findDaemon } from "./conntrackd.ts";
import { ensurePrivileges, isInUserNamespace } from "./privileges.ts";
import { type FlowRecord, startTraffic, survivors } from "./traffic.ts";
import { waitFor } from "./wait.ts";

interface Options {
  readonly reference?: true;
  readonly bothReference?: true;
  readonly ipv6?: true;
  readonly connections: number;
  readonly udp: number;
}

const MAX_FLOWS = 20_000;
const started = performance.now();

async function main(): Promise<void> {
  const options = readOptions();
  await ensurePrivileges();
  const daemons = chooseDaemons(options);
  const where = isInUserNamespace() ? "a user namespace" : "network namespaces";
  say(`building a client, two firewalls and a server in ${where}`);
  const cluster = await createCluster({ daemons, ipv6: options.ipv6 === true });
  try {
    process.exitCode = (await demonstrate(cluster, options)) ? 0 : 1;
  } finally {
    cluster.destroy();
  }
}

async function demonstrate(cluster: Cluster, options: Options): Promise<boolean> {
  await startFirewalls(cluster);
  say(`opening ${options.connections} TCP connections and ${options.udp} UDP flows through NAT`);
  const traffic = await startTraffic({
    client: cluster.client,
    server: cluster.server,
    address: options.ipv6 === true ? addresses.v6.server : addresses.server,
    tcp: options.connections,
    udp: options.udp,
  });
  await traffic.waitUntilEstablished();
  say("every flow has had a response through fw-a");
  await waitForReplica(cluster, options);
  await traffic.forgetGaps();
  const before = await traffic.report();
  const diedAt = performance.now();
  await cluster.kill("fw-a");
  say("fw-a is dead: its processes killed, its links cut");
  const { status, stderr } = await cluster.failover("fw-b", "primary");
  if (status !== 0 || stderr !== "") throw new Error(`failover.sh primary: ${stderr.trim()}`);
  say(`fw-b has committed its external cache, ${elapsed(diedAt)} after the failure`);
  await cluster.takeOver("fw-b");
  say(`fw-b has the virtual addresses, ${elapsed(diedAt)} after the failure`);
  const after = await traffic.waitForProgress(before);
  traffic.stop();
  return summarise(cluster, before, after);
}

async function startFirewalls(cluster: Cluster): Promise<void> {
  for (const firewall of Object.values(cluster.firewalls)) {
    await firewall.conntrackd.start();
    say(`${firewall.name} runs conntrackd (${describeKind(firewall.conntrackd.kind)})`);
  }
  for (const [name, word] of [
    ["fw-b", "backup"],
    ["fw-a", "primary"],
  ] as const) {
    const { status, stderr } = await cluster.failover(name, word);
    if (status !== 0) throw new Error(`failover.sh ${word} on ${name}: ${stderr.trim()}`);
  }
  await cluster.takeOver("fw-a");
  say("fw-a is active and has the virtual addresses; fw-b is its backup");
}

/** The backup must know every flow, and every connection as established. */
async function waitForReplica(cluster: Cluster, options: Options): Promise<void> {
  const { conntrackd } = cluster.firewalls["fw-b"];
  const count = await waitFor(
    async () => {
      const lines = await conntrackd.dump("external");
      const tcp = lines.filter((line) => /\btcp\b.*ESTABLISHED/.test(line)).length;
      const udp = lines.filter((line) => /\budp\b/.test(line)).length;
      return tcp >= options.connections && udp >= options.udp && lines.length;
    },
    { what: "fw-b to hold every flow", timeoutMs: 20_000, everyMs: 100 },
  );
  say(`fw-b holds ${count} flows in its external cache`);
}

function summarise(
  cluster: Cluster,
  before: readonly FlowRecord[],
  after: readonly FlowRecord[],
): boolean {
  const alive = survivors(before, after);
  const of = (flows: readonly FlowRecord[], protocol: string) =>
    flows.filter((flow) => flow.protocol === protocol);
  const kept = of(alive, "udp").filter((flow) => flow.port === flow.firstPort);
  const longest = Math.max(0, ...alive.map((flow) => flow.longestGapMs));
  const commit = cluster.firewalls["fw-b"].conntrackd.lastCommit();
  const rows = [
    ["TCP connections that survived", `${of(alive, "tcp").length} of ${of(after, "tcp").length}`],
    ["UDP flows that kept their translated port", `${kept.length} of ${of(after, "udp").length}`],
    ["longest pause of a flow", `${(longest / 1000).toFixed(2)} s`],
    ["entries committed by fw-b", commit === undefined ? "unknown" : describeCommit(commit)],
  ] as const;
  process.stdout.write("\n");
  for (const [name, value] of rows) process.stdout.write(`${name.padEnd(44)}${value}\n`);
  const lost = of(after, "tcp").length - of(alive, "tcp").length;
  if (lost > 0) process.stdout.write(`\n${lost} connections were lost.\n`);
  return lost === 0;
}

function describeCommit(commit: { entries: number; failed: number; seconds: number }): string {
  const failures = commit.failed > 0 ? `, ${commit.failed} refused` : "";
  return `${commit.entries}${failures}, in ${(commit.seconds * 1000).toFixed(1)} ms`;
}

function chooseDaemons(options: Options): Record<FirewallName, DaemonKind> {
  const withReference = options.reference === true || options.bothReference === true;
  const daemons: Record<FirewallName, DaemonKind> = {
    "fw-a": withReference ? "reference" : "ours",
    "fw-b": options.bothReference === true ? "reference" : "ours",
  };
  for (const kind of new Set(Object.values(daemons))) {
    if (findDaemon(kind) === undefined) {
      const cure = kind === "ours" ? "run `npm run build'" : "install Debian's package conntrackd";
      process.stderr.write(`There is no conntrackd (${describeKind(kind)}): ${cure}.\n`);
      process.exit(1);
    }
  }
  return daemons;
}

function readOptions(): Options {
  const program = new Command("npm start --")
    .description("Kill the active one of two firewalls under live traffic and watch it go on.")
    .option("--reference", "run the C conntrackd on the firewall that dies")
    .option("--both-reference", "run the C conntrackd on both firewalls")
    .option("--ipv6", "send the traffic over IPv6")
    .option("--connections <n>", "TCP connections to open", flowCount, 200)
    .option("--udp <n>", "UDP flows to keep", flowCount, 20);
  return program.parse().opts<Options>();
}

function flowCount(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count > 0 && count <= MAX_FLOWS) return count;
  throw new InvalidArgumentError(`a whole number from 1 to ${MAX_FLOWS} is wanted`);
}

function describeKind(kind: DaemonKind): string {
  return kind === "ours" ? "Flowkeeper" : "the C reference";
}

function elapsed(since: number): string {
  return `${((performance.now() - since) / 1000).toFixed(2)} s`;
}

function say(text: string): void {
  process.stdout.write(`${elapsed(started).padStart(8)}  ${text}\n`);
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
});
