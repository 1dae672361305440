/** Two daemons joined by a link, started, and the questions tests ask them. For flows made by command. */
import type { ConfigSettings, DaemonKind } from "../../lab/conntrackd.ts";
import { createPair, type Pair, type PairLink, type PairNode } from "../../lab/pair.ts";
import { waitFor } from "../../lab/wait.ts";

/** Builds a pair and starts both daemons. */
export async function startPair(
  a: DaemonKind,
  b: DaemonKind,
  config: Partial<ConfigSettings> = {},
  links?: readonly PairLink[],
): Promise<Pair> {
  const pair = await createPair({ a, b, config, ...(links === undefined ? {} : { links }) });
  try {
    await Promise.all([pair.a.conntrackd.start(), pair.b.conntrackd.start()]);
    return pair;
  } catch (error) {
    pair.destroy();
    throw error;
  }
}

/** Runs `conntrack <words>` on a node. */
export async function conntrack(node: PairNode, words: string): Promise<string> {
  return node.namespace.runOk(["conntrack", ...words.split(" ")]);
}

/** What the nodes say to each other is tracked, too. */
const LINK_ADDRESS = /src=(172\.31\.77\.|fd77:77:|fe80::)/;

/** The kernel's table, without the link's own traffic, without timeouts and use counts; sorted. */
export async function kernelTable(node: PairNode): Promise<string[]> {
  const lines = (await conntrack(node, "-L")) + (await conntrack(node, "-L -f ipv6"));
  return lines
    .split("\n")
    .filter((line) => line !== "" && !LINK_ADDRESS.test(line))
    .map((line) => line.replace(/^(\S+ +\d+) \d+/, "$1").replace(/ use=\d+/, ""))
    .sort();
}

/** The lines of a cache without their age, sorted. */
export async function cacheLines(
  node: PairNode,
  cache: "internal" | "external",
): Promise<string[]> {
  const lines = await node.conntrackd.dump(cache);
  return lines.map((line) => line.replace(/ \[active since \d+s\]$/, "")).sort();
}

/** Waits until a cache says exactly this. The error shows what it says instead. */
export async function waitForCache(
  node: PairNode,
  cache: "internal" | "external",
  wanted: readonly string[],
  timeoutMs = 8000,
): Promise<void> {
  const goal = [...wanted].sort().join("\n");
  let last = "";
  await waitFor(
    async () => {
      last = (await cacheLines(node, cache)).join("\n");
      return last === goal;
    },
    { what: `the ${cache} cache`, timeoutMs },
  ).catch((error: Error) => {
    throw new Error(`${error.message}\nwanted:\n${goal}\nis:\n${last}`);
  });
}

/** Waits for a text in a daemon's log, `times` times. */
export async function waitForLog(node: PairNode, text: string, times = 1): Promise<void> {
  await waitFor(() => node.conntrackd.log().split(text).length > times, {
    what: `"${text}" in the log of ${node.namespace.label}`,
  });
}
