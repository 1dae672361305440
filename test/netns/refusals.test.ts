/**
 * What the kernel refuses while a peer's messages go straight into it. Its room for labels is made with a flow, where some
 * rule speaks of labels: without such a rule it makes a flow and passes over the labels, and refuses every update of them (ENOSPC).
 */
import { createInterface } from "node:readline";
import { afterEach, expect, it } from "vitest";
import type { DaemonKind } from "../../lab/conntrackd.ts";
import type { Pair, PairNode } from "../../lab/pair.ts";
import { waitFor } from "../../lab/wait.ts";
import { conntrack, kernelTable, startPair } from "../support/pairs.ts";
import { describeOnKernel } from "../support/requirements.ts";

const HERE = "10.99.0.1";
const PORT = 5301;
const LABEL = "3";

let pair: Pair | undefined;

afterEach(() => {
  pair?.destroy();
  pair = undefined;
});

/** The flow of the one packet that is sent gets a label. */
async function labelTraffic({ namespace }: PairNode): Promise<void> {
  await namespace.nft(`table inet labels {
  chain assign { type filter hook output priority filter; udp dport ${PORT} ct label set ${LABEL}; }
}
`);
  await namespace.sysctl({ "net/netfilter/nf_conntrack_udp_timeout*": 600 });
  await namespace.ip(`addr add ${HERE}/32 dev lo`);
}

/** The kernel's events about that flow from now on, as their first words. */
async function watchFlow({ namespace }: PairNode): Promise<string[]> {
  const words = ["conntrack", "-E", "-p", "udp", "-d", HERE];
  const { stdout } = namespace.spawn(words, { stdio: ["ignore", "pipe", "ignore"] });
  if (stdout === null) throw new Error("there is no output");
  const events: string[] = [];
  let isListening = false;
  createInterface({ input: stdout }).on("line", (line) => {
    isListening = true;
    if (line.includes(`src=${HERE} dst=${HERE} `)) events.push(/\[(\w+)\]/.exec(line)?.[1] ?? line);
  });
  const another = `-p udp -s 10.98.0.1 -d ${HERE} --sport 1 --dport 2`.split(" ");
  await waitFor(
    async () => {
      await namespace.runOk(["conntrack", "-I", ...another, "-t", "600"]);
      await namespace.runOk(["conntrack", "-D", ...another]);
      return isListening;
    },
    { what: "events" },
  );
  return events;
}

const partners: readonly (readonly [DaemonKind, DaemonKind])[] = [
  ["ours", "ours"],
  ["ours", "reference"],
  ["reference", "ours"],
];

for (const [sender, receiver] of partners) {
  describeOnKernel(`DisableExternalCache, ${sender} to ${receiver}`, [sender, receiver], () => {
    it("an update of labels that the kernel has no room for replaces the flow", async () => {
      pair = await startPair(sender, receiver, { modeLines: ["DisableExternalCache On"] });
      const { a, b } = pair;
      await labelTraffic(a);
      const events = await watchFlow(b);
      await a.namespace.runOk(["bash", "-c", `echo > /dev/udp/${HERE}/${PORT}`]);
      await waitFor(() => events.length > 0, { what: "the flow" });
      expect(events).toEqual(["NEW"]);
      await conntrack(a, `-U -p udp -d ${HERE} --mark 7`);
      const replaced = ["NEW", "DESTROY", "NEW"];
      await waitFor(() => events.length >= replaced.length, { what: "the flow again" }).catch(() =>
        expect(events).toEqual(replaced),
      );
      expect(events).toEqual(replaced);
      const [flow, ...others] = await kernelTable(b);
      expect(others).toEqual([]);
      expect(flow).toContain("mark=7");
      const text = await b.conntrackd.commandOk("-s");
      expect(text).toMatch(/external inject:\nconnections created:\t\t +1\tfailed:\t +0\n/);
      expect(text).toMatch(/connections updated:\t\t +1\tfailed:\t +0\n/);
      expect(b.conntrackd.log()).not.toContain("could not");
    });
  });
}

describeOnKernel("DisableExternalCache, a rule about labels on both nodes", ["ours"], () => {
  it("a kernel with a rule about labels has room, and takes the update", async () => {
    pair = await startPair("ours", "ours", { modeLines: ["DisableExternalCache On"] });
    const { a, b } = pair;
    for (const node of [a, b]) await labelTraffic(node);
    const events = await watchFlow(b);
    await a.namespace.runOk(["bash", "-c", `echo > /dev/udp/${HERE}/${PORT}`]);
    await waitFor(() => events.length > 0, { what: "the flow" });
    await conntrack(a, `-U -p udp -d ${HERE} --mark 7`);
    await waitFor(async () => (await kernelTable(b)).join().includes("mark=7"), { what: "7" });
    await waitFor(() => events.length > 1, { what: "the update" });
    expect(events).toEqual(["NEW", "UPDATE"]);
  });
});
