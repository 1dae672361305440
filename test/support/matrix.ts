/**
 * What is replicated: mode × transport × partner × event. Declared here and nowhere else: test/netns/matrix.test.ts makes a
 * test of each cell, and doc/compatibility.md is printed from the same rows.
 */
import type { ConfigSettings, DaemonKind } from "../../lab/conntrackd.ts";
import { ask } from "../../lab/control.ts";
import type { Pair, PairLink, PairNode } from "../../lab/pair.ts";
import { waitFor } from "../../lab/wait.ts";
import { RequestCode } from "../../src/kit/request-code.ts";
import { makeExpectation } from "./expectation-maker.ts";
import { conntrack, kernelTable } from "./pairs.ts";

export const modes = ["FTFW", "NOTRACK", "ALARM"] as const;
export type Mode = (typeof modes)[number];

export const transports: readonly (PairLink & { readonly name: string })[] = [
  { name: "UDP, IPv4", transport: "UDP", addresses: "IPv4" },
  { name: "UDP, IPv6", transport: "UDP", addresses: "IPv6" },
  { name: "multicast, IPv4", transport: "Multicast", addresses: "IPv4" },
  { name: "multicast, IPv6", transport: "Multicast", addresses: "IPv6" },
  { name: "TCP, IPv4", transport: "TCP", addresses: "IPv4" },
  { name: "TCP, IPv6", transport: "TCP", addresses: "IPv6" },
];

/** The first tells, the second hears and takes over. */
export const partners: readonly (readonly [DaemonKind, DaemonKind])[] = [
  ["ours", "ours"],
  ["ours", "reference"],
  ["reference", "ours"],
];

/** Two nodes and what is between them. */
export interface Place {
  readonly link: (typeof transports)[number];
  readonly sides: readonly [DaemonKind, DaemonKind];
}

export interface Combination extends Place {
  readonly mode: Mode;
}

export interface MatrixEvent {
  readonly name: string;
  /** What the cell shows, for the page. */
  readonly shows: string;
  /** All modes where it is not given. */
  readonly modes?: readonly Mode[];
  /** Throws where it is not so. The events of a combination run in order. */
  readonly run: (pair: Pair) => Promise<void>;
}

const WAIT_MS = 20_000;

const tcp = "-p tcp -s 10.1.0.1 -d 10.2.0.1 --sport 5 --dport 6";
const udp = "-p udp -s 10.1.0.2 -d 10.2.0.1 --sport 5 --dport 6";
const v6 = "-p udp -s fd01::1 -d fd02::1 --sport 5 --dport 6";
const nat = "-p tcp -s 10.1.0.3 -d 10.2.0.1 --sport 5 --dport 6";
/** What the external cache holds when everything has happened. */
const ALL = [
  /ESTABLISHED src=10\.1\.0\.1 .*mark=7/,
  /src=fd01::1 /,
  /src=10\.1\.0\.3 /,
  /dport=69/,
];

/** What both daemons of a combination are started with. */
export function configOf(mode: Mode): Partial<ConfigSettings> {
  return {
    mode,
    modeLines: mode === "ALARM" ? ["RefreshTime 1", "CacheTimeout 60"] : [],
    optionLines: ["    ExpectationSync On"],
  };
}

async function lines({ conntrackd }: PairNode, code: RequestCode): Promise<string[]> {
  const text = await ask(conntrackd.socketPath, code);
  return text.split("\n").filter(Boolean);
}

/** The second node's external cache comes to hold these flows, and no others. */
async function hears({ b }: Pair, wanted: readonly RegExp[]): Promise<void> {
  let now: string[] = [];
  await waitFor(
    async () => {
      now = await lines(b, RequestCode.dumpExternal);
      return now.length === wanted.length && wanted.every((each) => now.some((l) => each.test(l)));
    },
    { what: `flows like ${wanted.join(", ")}`, timeoutMs: WAIT_MS },
  ).catch((error: Error) => {
    throw new Error(`${error.message}; there are:\n${now.join("\n")}\n${b.conntrackd.log()}`);
  });
}

async function expectations(node: PairNode): Promise<string[]> {
  return (await conntrack(node, "-L expect")).split("\n").filter(Boolean).map(withoutTimeout);
}

const withoutTimeout = (line: string) => line.trim().replace(/^\d+ /, "");

/** The second node forgets what it has heard, then hears it again. */
async function again(pair: Pair, request: () => Promise<unknown>): Promise<void> {
  await ask(pair.b.conntrackd.socketPath, RequestCode.flushExternal);
  await request();
  await hears(pair, ALL);
}

export const events: readonly MatrixEvent[] = [
  {
    name: "new",
    shows: "a TCP flow and an IPv6 flow are made; the peer's external cache holds them",
    run: async (pair) => {
      await conntrack(pair.a, `-I ${tcp} --state SYN_SENT -t 600`);
      await conntrack(pair.a, `-I ${v6} -t 600 --dst-nat fd09::9`);
      await hears(pair, [/SYN_SENT src=10\.1\.0\.1 /, /src=fd01::1 /]);
    },
  },
  {
    name: "update",
    shows: "the TCP flow is established and assured; the peer says so",
    run: async (pair) => {
      await conntrack(pair.a, `-U ${tcp} --state ESTABLISHED -u SEEN_REPLY,ASSURED`);
      await hears(pair, [/ESTABLISHED src=10\.1\.0\.1 .*\[ASSURED\]/, /src=fd01::1 /]);
    },
  },
  {
    name: "mark",
    shows: "the mark of the flow changes; the peer has it",
    run: async (pair) => {
      await conntrack(pair.a, `-U ${tcp} --mark 7`);
      await hears(pair, [/ESTABLISHED src=10\.1\.0\.1 .*mark=7/, /src=fd01::1 /]);
    },
  },
  {
    name: "destroy",
    shows: "a flow comes and goes; the peer forgets it",
    run: async (pair) => {
      await conntrack(pair.a, `-I ${udp} -t 600`);
      await hears(pair, [/src=10\.1\.0\.1 /, /src=fd01::1 /, /src=10\.1\.0\.2 /]);
      await conntrack(pair.a, `-D ${udp}`);
      await hears(pair, [/src=10\.1\.0\.1 /, /src=fd01::1 /]);
    },
  },
  {
    name: "NAT",
    shows:
      "a flow with translated source address and port; after `-c` the peer's kernel translates it alike",
    run: async (pair) => {
      await conntrack(pair.a, `-I ${nat} --state ESTABLISHED -t 600 --src-nat 10.9.9.9:77`);
      await hears(pair, [/src=10\.1\.0\.1 /, /src=fd01::1 /, /src=10\.1\.0\.3 /]);
      await ask(pair.b.conntrackd.socketPath, RequestCode.commitAll);
      const table = (await kernelTable(pair.b)).join("\n");
      if (!/src=10\.1\.0\.3 .*dst=10\.9\.9\.9 sport=6 dport=77 /.test(table)) {
        throw new Error(`not translated:\n${table}`);
      }
    },
  },
  {
    name: "expectation",
    shows: "an expectation of a TFTP connection; the peer's external cache holds it",
    run: async (pair) => {
      await makeExpectation(pair.a.namespace);
      await hears(pair, ALL);
      const wanted = await expectations(pair.a);
      await waitFor(
        async () => {
          const heard = await lines(pair.b, RequestCode.dumpExternalExpectations);
          const told = heard.map((line) => withoutTimeout(line.replace(/ \[.*$/, "")));
          return told.length === 1 && told[0] === wanted[0]?.trim();
        },
        { what: `the expectation ${wanted}`, timeoutMs: WAIT_MS },
      );
    },
  },
  {
    name: "`-c`",
    shows: "the peer takes everything over: flows and expectations of both kernels are the same",
    run: async ({ a, b }) => {
      await ask(b.conntrackd.socketPath, RequestCode.commitAll);
      const [here, there] = await Promise.all(
        [a, b].map(async (node) => [...(await kernelTable(node)), ...(await expectations(node))]),
      );
      if (here?.join("\n") !== there?.join("\n")) {
        throw new Error(`two tables:\n${here?.join("\n")}\n--\n${there?.join("\n")}`);
      }
    },
  },
  {
    name: "`-B`",
    shows: "the peer has forgotten everything (`-f external`) and is sent it again",
    modes: ["FTFW", "NOTRACK"],
    run: (pair) => again(pair, () => ask(pair.a.conntrackd.socketPath, RequestCode.bulkSend)),
  },
  {
    name: "`-n`",
    shows: "the peer has forgotten everything and asks for it",
    modes: ["FTFW", "NOTRACK"],
    run: (pair) => again(pair, () => ask(pair.b.conntrackd.socketPath, RequestCode.requestResync)),
  },
  {
    name: "refresh",
    shows: "the peer has forgotten everything and is told again without a request",
    modes: ["ALARM"],
    run: (pair) => again(pair, () => Promise.resolve()),
  },
];

export function eventsOf(mode: Mode): MatrixEvent[] {
  return events.filter((event) => event.modes?.includes(mode) ?? true);
}

export function places(): Place[] {
  return transports.flatMap((link) => partners.map((sides) => ({ link, sides })));
}

const names: Readonly<Record<DaemonKind, string>> = { ours: "Flowkeeper", reference: "C" };

/** `FTFW over UDP, IPv4, Flowkeeper → C` */
export function titleOf({ mode, link, sides }: Combination): string {
  return `${mode} over ${link.name}, ${sides.map((side) => names[side]).join(" → ")}`;
}

function table(sides: Combination["sides"]): string {
  const row = (...cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const rows = modes.flatMap((mode) =>
    transports.map(({ name }) => {
      const cells = events.map((event) => (eventsOf(mode).includes(event) ? "✓" : "–"));
      return row(mode, name, ...cells);
    }),
  );
  return [
    `### ${sides.map((side) => names[side]).join(" → ")}`,
    "",
    row("Mode", "Transport", ...events.map(({ name }) => name)),
    row("---", "---", ...events.map(() => "---")),
    ...rows,
  ].join("\n");
}

/** The part of doc/compatibility.md that is made of these rows. */
export function matrixTables(): string {
  return [
    "| Event | What the cell shows |",
    "| --- | --- |",
    ...events.map(({ name, shows }) => `| ${name} | ${shows} |`),
    "",
    ...partners.map((sides) => `${table(sides)}\n`),
  ].join("\n");
}
