/**
 * The life of a cluster under traffic: programs are exchanged, both daemons restart, both nodes carry traffic and one of them
 * dies and returns. The firewalls refuse packets of connections that they do not know, so nothing survives by luck.
 */
import { rmSync } from "node:fs";
import { afterEach, describe, expect, it } from "vitest";
import {
  addresses,
  type Cluster,
  type ClusterOptions,
  createCluster,
  type FirewallName,
} from "../../lab/cluster.ts";
import { type DaemonKind, findDaemon } from "../../lab/conntrackd.ts";
import { findKeepalived, isActive, startKeepalived } from "../../lab/keepalived.ts";
import { isPrivileged } from "../../lab/privileges.ts";
import { type FlowRecord, startTraffic, survivors, type Traffic } from "../../lab/traffic.ts";
import { waitFor } from "../../lab/wait.ts";

const TCP = 30;
const UDP = 6;
const names = ["fw-a", "fw-b"] as const;
const other = (name: FirewallName): FirewallName => (name === "fw-a" ? "fw-b" : "fw-a");

let cluster: Cluster | undefined;

afterEach(() => {
  cluster?.destroy();
  cluster = undefined;
});

function obstacle(needsKeepalived: boolean): string | undefined {
  if (!isPrivileged()) return "needs root";
  if (needsKeepalived && findKeepalived() === undefined) return "keepalived is not installed";
  const kinds: readonly DaemonKind[] = ["ours", "reference"];
  const missing = kinds.find((kind) => findDaemon(kind) === undefined);
  return missing && `conntrackd (${missing}) is not there`;
}

/** Where the requirement is missing: a skip that says why, and in CI a failure. */
function itNeeds(reason: string | undefined) {
  const { CI } = process.env;
  if (reason === undefined || CI !== undefined) {
    return (name: string, body: () => Promise<void>) =>
      it(name, async () => {
        expect(reason, "a requirement is missing").toBeUndefined();
        await body();
      });
  }
  return (name: string, body: () => Promise<void>) => it.skip(`${name} [${reason}]`, body);
}

async function create(options: ClusterOptions): Promise<Cluster> {
  cluster = await createCluster(options);
  return cluster;
}

function open(at: Cluster, port: number, address: string = addresses.server): Promise<Traffic> {
  const { client, server } = at;
  return startTraffic({ client, server, address, port, tcp: TCP, udp: UDP });
}

/** Waits until the external cache of a firewall holds that many flows that carry traffic. */
async function waitForReplica(at: Cluster, name: FirewallName, flows: number): Promise<void> {
  await waitFor(
    async () => {
      const lines = await at.firewalls[name].conntrackd.dump("external");
      return lines.filter((line) => /ESTABLISHED|\budp\b/.test(line)).length >= flows;
    },
    { what: `${name} to hold ${flows} flows`, everyMs: 100 },
  );
}

/**
 * Every flow has had responses since, and is translated to the port it began with. keepalived moves the addresses before
 * the script commits, so a datagram in between may go out from another port, until the commit puts the flow back.
 */
async function expectAllAlive(traffic: Traffic, before: readonly FlowRecord[]): Promise<void> {
  const after = await traffic.waitForProgress(before);
  const alive = survivors(before, after);
  expect(after.filter((flow) => !alive.includes(flow))).toEqual([]);
  let moved: readonly FlowRecord[] = [];
  const areBack = async () => {
    moved = (await traffic.report()).filter((flow) => flow.port !== flow.firstPort);
    return moved.length === 0;
  };
  await waitFor(areBack, { what: "the first ports" }).catch(() => expect(moved).toEqual([]));
}

describe("a rolling upgrade", () => {
  itNeeds(obstacle(false))("from C to ours and back again loses no connection", async () => {
    const made = await create({ daemons: { "fw-a": "reference", "fw-b": "reference" } });
    for (const name of names) await made.firewalls[name].conntrackd.start();
    await made.takeOver("fw-a");
    const traffics = [await open(made, 7001)];
    await traffics[0]!.waitUntilEstablished();
    const flows = () => traffics.length * (TCP + UDP);

    /** Exchanges the program of the node that rests, then gives it the traffic. */
    const upgrade = async (name: FirewallName, kind: DaemonKind) => {
      const { conntrackd } = await made.replaceDaemon(name, kind);
      await conntrackd.start();
      expect((await made.failover(name, "backup")).status).toBe(0);
      await waitForReplica(made, name, flows());
      const before = await Promise.all(traffics.map((traffic) => traffic.report()));
      await made.release(other(name));
      await made.failover(other(name), "backup");
      expect(await made.failover(name, "primary")).toMatchObject({ status: 0, stderr: "" });
      await made.takeOver(name);
      for (const [i, traffic] of traffics.entries()) await expectAllAlive(traffic, before[i]!);
    };

    await upgrade("fw-b", "ours");
    // Connections that ours is the first to see.
    traffics.push(await open(made, 7002));
    await traffics[1]!.waitUntilEstablished();
    await upgrade("fw-a", "ours");
    await upgrade("fw-b", "reference");
    await upgrade("fw-a", "reference");
  });
});

const both: readonly (readonly [DaemonKind, DaemonKind])[] = [
  ["ours", "ours"],
  ["ours", "reference"],
  ["reference", "ours"],
];

describe.each(both)("when both daemons restart, %s and %s", (a, b) => {
  itNeeds(obstacle(false))(
    "each reads its kernel's table, and a fail-over still works",
    async () => {
      const made = await create({ daemons: { "fw-a": a, "fw-b": b } });
      const daemons = names.map((name) => made.firewalls[name].conntrackd);
      for (const daemon of daemons) await daemon.start();
      await made.takeOver("fw-a");
      const traffic = await open(made, 7001);
      await traffic.waitUntilEstablished();
      // One dies, one ends in good order; both begin with empty caches.
      await daemons[0]!.kill();
      // The reference does not start beside the lock of a daemon that is dead.
      if (a === "reference") rmSync(daemons[0]!.lockPath);
      await daemons[1]!.stop();
      for (const daemon of daemons) await daemon.start();
      expect((await made.failover("fw-b", "backup")).status).toBe(0);
      await waitForReplica(made, "fw-b", TCP + UDP);
      const before = await traffic.report();
      await made.kill("fw-a");
      await made.failover("fw-b", "primary");
      await made.takeOver("fw-b");
      await expectAllAlive(traffic, before);
    },
  );
});

describe.each(both)("when both nodes carry traffic, %s and %s", (a, b) => {
  itNeeds(obstacle(true))("one takes over the other's, and gives it back", async () => {
    const isShared = true;
    const made = await create({ daemons: { "fw-a": a, "fw-b": b }, isShared });
    const { second } = addresses;
    const carries = (name: FirewallName, gateway: string) =>
      waitFor(() => isActive(made.firewalls[name], gateway), { what: `${name} for ${gateway}` });
    for (const name of names) {
      await made.firewalls[name].conntrackd.start();
      startKeepalived(made, made.firewalls[name], { isShared });
    }
    await carries("fw-a", addresses.clientGateway);
    await carries("fw-b", second.clientGateway);
    const ways = [await open(made, 7001), await open(made, 7002, second.server)];
    await Promise.all(ways.map((way) => way.waitUntilEstablished()));
    await waitForReplica(made, "fw-a", TCP + UDP);
    await waitForReplica(made, "fw-b", TCP + UDP);

    const before = await Promise.all(ways.map((way) => way.report()));
    await made.kill("fw-a");
    await carries("fw-b", addresses.clientGateway);
    for (const [i, way] of ways.entries()) await expectAllAlive(way, before[i]!);

    const meanwhile = await Promise.all(ways.map((way) => way.report()));
    await made.revive("fw-a");
    startKeepalived(made, made.firewalls["fw-a"], { isShared });
    await carries("fw-a", addresses.clientGateway);
    for (const [i, way] of ways.entries()) await expectAllAlive(way, meanwhile[i]!);
    expect(await isActive(made.firewalls["fw-b"], second.clientGateway)).toBe(true);
  });
});
