/**
 * A timeout policy of ours at work: a rule gives it to flows, the flows live as long as it says, and it cannot be removed
 * while the rule is there. The reference sees the same policies.
 */
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { projectRoot } from "../../lab/conntrackd.ts";
import { Lab, type Namespace } from "../../lab/netns.ts";
import { describeOnKernel } from "../support/requirements.ts";

const nfct = join(projectRoot, "bin/nfct");
const rule = "OUTPUT -p udp --dport 7777 -j CT --timeout slow";
/** Far above the default of 30 s, and nobody waits as long as the difference. */
const SECONDS = 7700;

describeOnKernel(
  "a timeout policy",
  [],
  () => {
    let lab: Lab;
    let namespace: Namespace;
    const run = (line: string) => namespace.run(line.split(" "));

    beforeAll(async () => {
      lab = Lab.create();
      namespace = await lab.namespace("policy");
    });
    afterAll(() => lab?.destroy());

    it("is made, and read by the reference", async () => {
      const made = await run(`${nfct} add timeout slow inet udp unreplied ${SECONDS} replied 1`);
      expect(made).toEqual({ status: 0, stdout: "", stderr: "" });
      const ours = await run(`${nfct} list timeout`);
      expect(ours).toEqual(await run("nfct list timeout"));
      expect(ours.stdout).toContain(`.UNREPLIED = ${SECONDS},`);
    });

    it("decides how long a flow lives that a rule gives it to", async () => {
      expect((await run(`iptables-nft -w -t raw -A ${rule}`)).stderr).toBe("");
      for (const port of [7777, 7778]) {
        await namespace.runOk(["bash", "-c", `echo x >/dev/udp/127.0.0.1/${port}`]);
      }
      const { stdout } = await run("conntrack -L -p udp");
      const left = (port: number) =>
        Number(new RegExp(`^udp +17 (\\d+) .*? dport=${port} `, "m").exec(stdout)?.[1]);
      expect(left(7777)).toBeGreaterThan(SECONDS - 1000);
      expect(left(7777)).toBeLessThanOrEqual(SECONDS);
      expect(left(7778)).toBeLessThanOrEqual(30);
    });

    it("that has no name is the namespace's own, and changes what other flows get", async () => {
      // The rule above makes the kernel track.
      await run(`${nfct} default-set timeout inet udp unreplied ${SECONDS}`);
      const ours = await run(`${nfct} default-get timeout inet udp`);
      expect(ours).toEqual(await run("nfct default-get timeout inet udp"));
      expect(ours.stdout).toContain(`.UNREPLIED = ${SECONDS},`);
      await namespace.runOk(["bash", "-c", "echo x >/dev/udp/127.0.0.1/7779"]);
      const { stdout } = await run("conntrack -L -p udp");
      expect(stdout).toMatch(/^udp +17 7\d\d\d .*? dport=7779 /m);
    });

    it("stays while the rule is there, and can go afterwards", async () => {
      const refused = await run(`${nfct} delete timeout slow`);
      expect(refused).toMatchObject({ status: 1, stdout: "" });
      expect(refused.stderr).toMatch(/: netlink error: Device or resource busy\n$/);
      expect(await run(`${nfct} flush timeout`)).toMatchObject({ status: 0, stderr: "" });
      expect((await run(`${nfct} get timeout slow`)).stdout).toMatch(/^\.slow = \{/);
      expect((await run(`iptables-nft -w -t raw -D ${rule}`)).stderr).toBe("");
      await namespace.runOk(["conntrack", "-F"]);
      expect(await run(`${nfct} delete timeout slow`)).toMatchObject({ status: 0, stderr: "" });
      expect(await run(`${nfct} list timeout`)).toEqual({ status: 0, stdout: "", stderr: "" });
    });
  },
  ["nfct", "iptables-nft", "bin/nfct"],
);
