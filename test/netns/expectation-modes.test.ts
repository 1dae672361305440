/**
 * Expectations of any helper, made by command beside a real master: from one kernel through two daemons into the other
 * kernel, in every mode, with the reference on either side.
 */
import { afterEach, expect, it } from "vitest";
import type { ConfigSettings, DaemonKind } from "../../lab/conntrackd.ts";
import type { Pair, PairNode } from "../../lab/pair.ts";
import { waitFor } from "../../lab/wait.ts";
import { converse, serveEcho } from "../support/conversation.ts";
import { conntrack, startPair } from "../support/pairs.ts";
import { describeOnKernel } from "../support/requirements.ts";

/** Both ends of the masters, on the node itself. */
const HERE = "10.99.0.1";
const MASTERS = [
  { helper: "sip", port: 5060, localPort: 4001, expected: 6001 },
  { helper: "tftp", port: 69, localPort: 4002, expected: 6002 },
] as const;
const RULES = `table ip helpers {
${MASTERS.map(({ helper }) => `  ct helper ${helper} { type "${helper}" protocol udp; }`).join("\n")}
  chain assign {
    type filter hook output priority filter;
${MASTERS.map(({ helper, port }) => `    udp dport ${port} ct helper set "${helper}"`).join("\n")}
  }
}
`;

let pair: Pair | undefined;

afterEach(() => {
  pair?.destroy();
  pair = undefined;
});

async function start(a: DaemonKind, b: DaemonKind, config: Partial<ConfigSettings>) {
  const options = { optionLines: ["    ExpectationSync {", "      SIP", "      tftp", "    }"] };
  pair = await startPair(a, b, { ...config, ...options });
  const { namespace } = pair.a;
  await namespace.nft(RULES);
  await namespace.ip(`addr add ${HERE}/32 dev lo`);
  await serveEcho(
    namespace,
    MASTERS.map(({ port }) => port),
  );
  for (const { port, localPort } of MASTERS) {
    await converse(namespace, { protocol: "udp", address: HERE, port, localPort });
  }
  return pair;
}

/** Makes one expectation for each master. */
async function announce(node: PairNode): Promise<void> {
  for (const { port, localPort, expected } of MASTERS) {
    const master = `-p udp -s ${HERE} -d ${HERE} --sport ${localPort} --dport ${port}`;
    const tuple = `--tuple-src ${HERE} --tuple-dst ${HERE} --tuple-port-src 0 --tuple-port-dst ${expected}`;
    const mask =
      "--mask-src 255.255.255.255 --mask-dst 255.255.255.255 --mask-port-src 0 --mask-port-dst 65535";
    await conntrack(node, `-I expect -t 100 ${master} ${tuple} ${mask}`);
  }
}

/** The kernel's expectations without their timeouts, sorted. */
async function kernelLines(node: PairNode): Promise<string[]> {
  const lines = (await conntrack(node, "-L expect")).split("\n");
  return lines
    .map((line) => line.trim().replace(/^\d+ /, ""))
    .filter(Boolean)
    .sort();
}

/** A cache's expectations without their age, sorted. */
async function cacheLines(node: PairNode, cache: "internal" | "external"): Promise<string[]> {
  const lines = await node.conntrackd.dump(cache, "exp");
  return lines.map((line) => line.replace(/ \[.*$/, "").trim()).sort();
}

async function waitForLines(what: string, wanted: string[], look: () => Promise<string[]>) {
  await waitFor(async () => (await look()).join("\n") === wanted.join("\n"), { what });
}

const partners: ReadonlyArray<readonly [DaemonKind, DaemonKind]> = [
  ["ours", "ours"],
  ["reference", "ours"],
  ["ours", "reference"],
];

for (const [a, b] of partners) {
  for (const mode of ["FTFW", "NOTRACK", "ALARM"] as const) {
    describeOnKernel(`expectations in ${mode}, ${a} to ${b}`, [a, b], () => {
      it("are replicated, committed, and gone when they end", async () => {
        const made = await start(a, b, { mode });
        await announce(made.a);
        const wanted = await kernelLines(made.a);
        expect(wanted).toHaveLength(2);
        await waitForLines("the internal cache", wanted, () => cacheLines(made.a, "internal"));
        await waitForLines("the external cache", wanted, () => cacheLines(made.b, "external"));
        const xml = await made.a.conntrackd.dump("internal", "exp", "-x");
        expect((await made.b.conntrackd.dump("external", "exp", "-x")).sort()).toEqual(xml.sort());
        await made.b.conntrackd.commandOk("-c");
        expect(await kernelLines(made.b)).toEqual(wanted);
        expect(made.b.conntrackd.log()).toContain("Committed 2 new expectations");
        await conntrack(made.a, "-F expect");
        await waitForLines("the end in the internal cache", [], () =>
          cacheLines(made.a, "internal"),
        );
        await waitForLines("the end in the external cache", [], () =>
          cacheLines(made.b, "external"),
        );
        // What was committed is the other node's own now.
        expect(await kernelLines(made.b)).toEqual(wanted);
      });
    });
  }

  describeOnKernel(`expectations without an external cache, ${a} to ${b}`, [a, b], () => {
    it("go straight into the kernel, and out of it", async () => {
      const modeLines = ["DisableExternalCache On"];
      const made = await start(a, b, { modeLines });
      await announce(made.a);
      const wanted = await kernelLines(made.a);
      await waitForLines("the other kernel", wanted, () => kernelLines(made.b));
      await conntrack(made.a, "-F expect");
      await waitForLines("the end in the other kernel", [], () => kernelLines(made.b));
      expect(await made.b.conntrackd.dump("external", "exp")).toEqual([]);
    });
  });
}

describeOnKernel("expectations without any cache", ["ours"], () => {
  it("are told where the kernel has the master, and shown from the kernel", async () => {
    const modeLines = ["DisableInternalCache On", "DisableExternalCache On"];
    const made = await start("ours", "ours", { mode: "NOTRACK", modeLines });
    await announce(made.a);
    const wanted = await kernelLines(made.a);
    await waitForLines("the other kernel", wanted, () => kernelLines(made.b));
    const shown = await made.a.conntrackd.dump("internal", "exp");
    expect(shown.map((line) => line.replace(/^\d+ /, "")).sort()).toEqual(wanted);
  });
});

describeOnKernel("the commands about expectations", ["ours"], () => {
  it("read the kernel's table again, send it, and empty it", async () => {
    const made = await start("ours", "ours", {});
    await announce(made.a);
    const wanted = await kernelLines(made.a);
    const { conntrackd } = made.a;
    await waitForLines("the external cache", wanted, () => cacheLines(made.b, "external"));
    await conntrackd.commandOk("-f");
    await made.b.conntrackd.commandOk("-f");
    expect(await cacheLines(made.b, "external")).toEqual([]);
    await conntrackd.commandOk("-R");
    expect(await cacheLines(made.a, "internal")).toEqual(wanted);
    await conntrackd.commandOk("-B");
    await waitForLines("the bulk", wanted, () => cacheLines(made.b, "external"));
    const statistics = await conntrackd.commandOk("-s", "expect");
    expect(statistics).toMatch(/^cache internal:\ncurrent active connections:\t +2\n/);
    await conntrackd.commandOk("-F", "expect");
    expect(await kernelLines(made.a)).toEqual([]);
    await waitForLines("the internal cache", [], () => cacheLines(made.a, "internal"));
    // Our own flush is not told.
    expect(await cacheLines(made.b, "external")).toEqual(wanted);
    const log = conntrackd.log();
    expect(log).toContain("resync with master expect table");
    expect(log).toContain("flushing kernel expect table");
  });
});
