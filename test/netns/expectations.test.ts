/**
 * Expectations on the real kernel: an FTP transfer is agreed on through one firewall, that firewall dies, and the
 * data connection opens through the other. The firewalls let in only what belongs to a connection they know.
 */
import { afterEach, expect, it } from "vitest";
import { addresses, type Cluster, createCluster } from "../../lab/cluster.ts";
import type { DaemonKind } from "../../lab/conntrackd.ts";
import { waitFor } from "../../lab/wait.ts";
import {
  connectFtp,
  FILE_NAME,
  FILE_TEXT,
  type FtpClient,
  type FtpServer,
  serveFtp,
} from "../support/ftp.ts";
import { describeOnKernel } from "../support/requirements.ts";

const HELPER_RULES = `table ip helpers {
  ct helper ftp { type "ftp" protocol tcp; }
  chain assign { type filter hook prerouting priority filter; tcp dport 21 ct helper set "ftp"; }
}
`;

/**
 * An address as long as the one it is translated to: PORT then keeps its length, and the kernel need not shift
 * the sequence numbers behind it. It announces no such shift, so no daemon could replicate it.
 */
const CLIENT = "10.77.77.10";

let cluster: Cluster | undefined;
let server: FtpServer | undefined;

afterEach(() => {
  cluster?.destroy();
  server?.remove();
  cluster = server = undefined;
});

async function start(a: DaemonKind, b: DaemonKind): Promise<[Cluster, FtpClient]> {
  const made = await createCluster({
    daemons: { "fw-a": a, "fw-b": b },
    config: { optionLines: ["    ExpectationSync on"] },
  });
  cluster = made;
  for (const name of ["fw-a", "fw-b"] as const) {
    const { namespace, conntrackd } = made.firewalls[name];
    await namespace.nft(HELPER_RULES);
    await namespace.ip(`route add ${CLIENT} via ${addresses.client} dev lan0`);
    await conntrackd.start();
  }
  await made.client.ip(`addr add ${CLIENT}/32 dev lan0`);
  await made.takeOver("fw-a");
  server = await serveFtp(made.server);
  return [made, await connectFtp(made.client, addresses.server, CLIENT)];
}

/** The other firewall takes over what it was told of, and nothing else. */
async function failOver(made: Cluster, expectations: number): Promise<void> {
  const { conntrackd } = made.firewalls["fw-b"];
  await waitFor(async () => (await conntrackd.dump("external", "exp")).length === expectations, {
    what: "fw-b to know the expectation",
  });
  await made.kill("fw-a");
  const { status, stderr } = await made.failover("fw-b", "primary");
  expect([status, stderr]).toEqual([0, ""]);
  await made.takeOver("fw-b");
  expect(conntrackd.log()).toContain(`Committed ${expectations} new expectations`);
}

/** Fetches the file through a data connection that is open, or that the server opens. */
async function retrieve(client: FtpClient): Promise<string> {
  expect(await client.say(`RETR ${FILE_NAME}`)).toMatch(/^150 /);
  expect(await client.say()).toMatch(/^226 /);
  return client.data();
}

const pairs: ReadonlyArray<readonly [DaemonKind, DaemonKind]> = [
  ["ours", "ours"],
  ["reference", "ours"],
  ["ours", "reference"],
];

for (const [a, b] of pairs) {
  describeOnKernel(
    `an FTP transfer, ${a} to ${b}`,
    [a, b],
    () => {
      it("that was agreed on opens through the backup: passive", async () => {
        const [made, client] = await start(a, b);
        const agreed = await client.say("PASV");
        await failOver(made, 1);
        await client.openPassive(agreed);
        expect(await retrieve(client)).toBe(FILE_TEXT);
      });

      // The server connects to the translated address: it gets through where the expectation still knows
      // its translation, which the reference loses when it commits.
      if (b === "ours") {
        it("that was agreed on opens through the backup: active, behind a translation", async () => {
          const [made, client] = await start(a, b);
          expect(await client.say(`PORT ${await client.listen()}`)).toMatch(/^200 /);
          await failOver(made, 1);
          expect(await retrieve(client)).toBe(FILE_TEXT);
        });
      }
    },
    ["vsftpd"],
  );
}
