/**
 * Fail-over from end to end: keepalived on two firewalls, real connections through NAT, and the active firewall dies.
 * The firewalls refuse packets of connections they do not know, so what survives was replicated and committed.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { addresses, type Cluster, createCluster } from "../../lab/cluster.ts";
import { type DaemonKind, findDaemon, projectRoot } from "../../lab/conntrackd.ts";
import { findKeepalived, isActive, startKeepalived } from "../../lab/keepalived.ts";
import { run } from "../../lab/netns.ts";
import { isPrivileged } from "../../lab/privileges.ts";
import { startTraffic, survivors, type Traffic } from "../../lab/traffic.ts";
import { waitFor } from "../../lab/wait.ts";

const TCP = 60;
const UDP = 10;
const demo = join(projectRoot, "dist/demo.mjs");

let cluster: Cluster | undefined;

afterEach(() => {
  cluster?.destroy();
  cluster = undefined;
});

/** What keeps a test with these daemons from running here; undefined when nothing does. */
function obstacle(kinds: readonly DaemonKind[], needsKeepalived: boolean): string | undefined {
  if (!isPrivileged()) return "needs root";
  if (needsKeepalived && findKeepalived() === undefined) return "keepalived is not installed";
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

const open = (at: Cluster): Promise<Traffic> =>
  startTraffic({
    client: at.client,
    server: at.server,
    address: addresses.server,
    tcp: TCP,
    udp: UDP,
  });

async function startWithKeepalived(a: DaemonKind, b: DaemonKind): Promise<Cluster> {
  const made = await createCluster({ daemons: { "fw-a": a, "fw-b": b } });
  cluster = made; // Known to afterEach before anything can fail.
  for (const name of ["fw-a", "fw-b"] as const) {
    const firewall = made.firewalls[name];
    await firewall.conntrackd.start();
    startKeepalived(made, firewall);
    // In turn, so that the first one is the active one.
    if (name === "fw-a") await waitFor(() => isActive(firewall), { what: "fw-a to become active" });
  }
  // fw-b has run its script for `backup`, which purges later: a sign that it takes part.
  await waitFor(() => made.firewalls["fw-b"].conntrackd.log().includes("resync requested"), {
    what: "fw-b to ask for the table",
  });
  return made;
}

async function waitForReplica(at: Cluster): Promise<void> {
  await waitFor(
    async () => {
      const lines = await at.firewalls["fw-b"].conntrackd.dump("external");
      return lines.filter((line) => /ESTABLISHED|\budp\b/.test(line)).length >= TCP + UDP;
    },
    { what: "fw-b to hold every flow", everyMs: 100 },
  );
}

const pairs: ReadonlyArray<readonly [DaemonKind, DaemonKind]> = [
  ["reference", "reference"],
  ["ours", "ours"],
  ["reference", "ours"],
  ["ours", "reference"],
];

describe("when keepalived finds the active firewall dead", () => {
  for (const [a, b] of pairs) {
    itNeeds(obstacle([a, b], true))(`connections go on: ${a} dies, ${b} takes over`, async () => {
      const made = await startWithKeepalived(a, b);
      const traffic = await open(made);
      await traffic.waitUntilEstablished();
      await waitForReplica(made);
      const before = await traffic.report();
      await made.kill("fw-a");
      await waitFor(() => isActive(made.firewalls["fw-b"]), { what: "fw-b to become active" });
      const after = await traffic.waitForProgress(before);
      const alive = survivors(before, after);
      expect(after.filter((flow) => !alive.includes(flow))).toEqual([]);
      expect(alive.filter((flow) => flow.port !== flow.firstPort)).toEqual([]);
      expect(made.firewalls["fw-b"].conntrackd.lastCommit()?.entries).toBeGreaterThanOrEqual(
        TCP + UDP,
      );
    });
  }
});

describe("when nothing was replicated", () => {
  itNeeds(obstacle(["reference"], false))("the new firewall refuses the connections", async () => {
    const daemons = { "fw-a": "reference", "fw-b": "reference" } as const;
    const made = await createCluster({ daemons });
    cluster = made;
    await made.takeOver("fw-a");
    const traffic = await open(made);
    await traffic.waitUntilEstablished();
    await made.kill("fw-a");
    // Responses on their way arrive before this report: the links are cut already.
    const before = await traffic.report();
    await made.takeOver("fw-b");
    await waitFor(async () => (await made.refusedPackets("fw-b")) >= 2 * TCP, {
      what: "fw-b to refuse every connection's packets",
    });
    const after = await traffic.report();
    expect(survivors(before, after).filter((flow) => flow.protocol === "tcp")).toEqual([]);
  });
});

describe("the demonstration", () => {
  const daemons: DaemonKind = findDaemon("ours") === undefined ? "reference" : "ours";
  const reason = existsSync(demo) ? obstacle([daemons], false) : "dist/demo.mjs is not built";
  itNeeds(reason)(`shows that no connection is lost (${daemons})`, async () => {
    const choice = daemons === "reference" ? ["--both-reference"] : [];
    const { status, stdout, stderr } = await run([process.execPath, demo, ...choice]);
    expect({ status, stderr }, stdout).toEqual({ status: 0, stderr: "" });
    expect(stdout).toMatch(/TCP connections that survived\s+200 of 200/);
    expect(stdout).toMatch(/UDP flows that kept their translated port\s+20 of 20/);
  });
});
