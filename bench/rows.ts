/**
 * The rows of the report: one row a number that is measured, in the order in which they are printed.
 */

/** A promise about the ratio ours / reference, or about our number itself. */
export type Goal =
  | { readonly atMost: number }
  | { readonly atLeast: number }
  | { readonly oursAtMost: number };

export interface Row {
  readonly text: string;
  readonly unit: string;
  readonly digits: number;
  readonly target?: Goal;
  readonly stretch?: Goal;
}

const cpu = { unit: "µs CPU", digits: 2 } as const;
const count = { unit: "", digits: 0 } as const;
const wall = { unit: "s", digits: 3 } as const;
const ms = { unit: "ms", digits: 2 } as const;
const times = { unit: "×", digits: 2 } as const;
const rate = { unit: "entries/s", digits: 0 } as const;
const bytes = { unit: "bytes", digits: 0 } as const;

const atMost = (target: number, stretch: number) =>
  ({ target: { atMost: target }, stretch: { atMost: stretch } }) as const;
const atLeast = (target: number, stretch: number) =>
  ({ target: { atLeast: target }, stretch: { atLeast: stretch } }) as const;

const oursAtMost = (target: number, stretch: number) =>
  ({ target: { oursAtMost: target }, stretch: { oursAtMost: stretch } }) as const;

/** Sizes of the table at which the growth of costs is looked at. */
export const growthSizes = [10_000, 100_000, 1_000_000, 4_000_000] as const;
export type GrowthSize = (typeof growthSizes)[number];
export const growthNodes = ["active", "backup"] as const;
export type GrowthNode = (typeof growthNodes)[number];

export function growthRow(node: GrowthNode, size: GrowthSize) {
  return `growth-${node}-${size}` as const;
}

function growthRows() {
  const found = growthNodes.flatMap((node) =>
    growthSizes.map((size) => {
      const text = `event with ${size.toLocaleString("en-US")} flows, ${node} node`;
      return [growthRow(node, size), { text, ...cpu }] as const;
    }),
  );
  return Object.fromEntries(found) as Record<(typeof found)[number][0], Row>;
}

export const rows = {
  "event-active": { text: "new flow, active node", ...cpu, ...atMost(0.25, 0.15) },
  "event-backup": {
    text: "new flow, backup node, same kind active",
    ...cpu,
    ...atMost(0.25, 0.12),
  },
  "event-backup-of-reference": {
    text: "new flow, backup node, reference active",
    ...cpu,
    ...atMost(0.8, 0.6),
  },
  "event-backup-of-ours": { text: "new flow, backup node, ours active", ...cpu },
  "connection-active": {
    text: "event of a TCP connection, active node",
    ...cpu,
    ...atMost(0.3, 0.2),
  },
  "connection-backup": {
    text: "event of a TCP connection, backup node",
    ...cpu,
    ...atMost(0.3, 0.2),
  },
  "burst-rate": { text: "burst: rate of the generator", unit: "flows/s", digits: 0 },
  "burst-overruns": {
    text: "burst: overruns of the event buffer",
    ...count,
    target: { oursAtMost: 0 },
  },
  "burst-missing": { text: "burst: flows the backup missed", ...count },
  "burst-drained": {
    text: "burst: until the backup has all it gets",
    ...wall,
    ...atMost(0.6, 0.4),
  },
  "resync-active": { text: "bulk resync of a flow, active node", ...cpu, ...atMost(1, 0.5) },
  "resync-backup": { text: "bulk resync of a flow, backup node", ...cpu, ...atMost(1, 0.5) },
  commit: { text: "commit into the kernel", ...rate, ...atLeast(4, 6) },
  "commit-cpu": { text: "commit of an entry", ...cpu },
  "commit-many": { text: "commit of many, four to a bucket", ...rate, ...atLeast(12, 17) },
  "commit-many-cpu": { text: "commit of an entry of many, four to a bucket", ...cpu },
  "commit-many-roomy": { text: "commit of many, one to a bucket", ...rate },
  "commit-many-roomy-cpu": { text: "commit of an entry of many, one to a bucket", ...cpu },
  start: { text: "start against a full kernel table", ...wall, ...atMost(0.8, 0.6) },
  dump: { text: "dump of the internal cache, -i", ...wall, ...atMost(0.7, 0.5) },
  ask: { text: "statistics, -s", ...ms },
  "ask-floor": { text: "node -e 0", ...ms },
  "ask-above-floor": { text: "-s above node -e 0", ...ms, ...oursAtMost(30, 15) },
  "memory-active": { text: "memory of a flow, active node", ...bytes, ...atMost(0.25, 0.18) },
  "memory-backup": { text: "memory of a flow, backup node", ...bytes, ...atMost(0.25, 0.18) },
  "memory-empty": {
    text: "memory with an empty table",
    unit: "MB",
    digits: 1,
    ...oursAtMost(70, 55),
  },
  "latency-slow-median": { text: "latency at 100 flows/s, p50", ...ms, ...atMost(1, 0.7) },
  "latency-slow-tail": { text: "latency at 100 flows/s, p99", ...ms, ...atMost(1, 0.7) },
  "latency-fast-median": { text: "latency at 20,000 flows/s, p50", ...ms },
  "latency-fast-tail": { text: "latency at 20,000 flows/s, p99", ...ms, ...atMost(1, 0.5) },
  "stall-idle": { text: "longest wait for an answer, idle", ...ms },
  "stall-dump": { text: "the same during a dump of many", ...ms, ...oursAtMost(5, 2) },
  "stall-resync-active": {
    text: "the same during a resync of many, active node",
    ...ms,
    ...oursAtMost(5, 2),
  },
  "stall-resync-backup": {
    text: "the same during a resync of many, backup node",
    ...ms,
    ...oursAtMost(5, 2),
  },
  "stall-commit": { text: "the same during a commit of many", ...ms, ...oursAtMost(5, 2) },
  ...growthRows(),
  "growth-active": {
    text: "from 10,000 flows to 1,000,000, active node",
    ...times,
    target: { oursAtMost: 1.3 },
  },
  "growth-backup": {
    text: "from 10,000 flows to 1,000,000, backup node",
    ...times,
    target: { oursAtMost: 1.3 },
  },
  "allocation-active": {
    text: "allocated for an event, active node",
    unit: "bytes",
    digits: 3,
    target: { oursAtMost: 1 },
  },
  "allocation-backup": {
    text: "allocated for an event, backup node",
    unit: "bytes",
    digits: 3,
    target: { oursAtMost: 1 },
  },
  "cli-start": { text: "conntrack -C", ...wall },
  "cli-start-above-floor": {
    text: "conntrack -C above node -e 0",
    ...ms,
    target: { oursAtMost: 15 },
  },
  "cli-list": { text: "conntrack -L of the table", ...wall, target: { atMost: 1 } },
  "cli-list-filter": { text: "conntrack -L of one flow", ...wall, target: { atMost: 0.4 } },
  "cli-list-xml": { text: "conntrack -L -o xml", ...wall, target: { atMost: 1 } },
  "cli-list-json": { text: "conntrack -L -o json", ...wall },
  "cli-delete": { text: "conntrack -D of the table", ...wall, target: { atMost: 0.4 } },
  "cli-load": { text: "conntrack -R of the table", ...wall, target: { atMost: 0.7 } },
  "cli-load-memory": {
    text: "conntrack -R: peak of memory",
    unit: "MiB",
    digits: 0,
    target: { oursAtMost: 150 },
  },
  "cli-event": { text: "conntrack -E, a new flow", ...cpu, target: { atMost: 0.7 } },
  "cli-event-lost": {
    text: "conntrack -E at 50,000 flows/s, 32 MB: lost",
    ...count,
    target: { oursAtMost: 0 },
  },
} as const satisfies Record<string, Row>;

export type RowName = keyof typeof rows;
export const rowNames = Object.keys(rows) as readonly RowName[];
