/**
 * The rows of the report: one row a number that is measured, in the order in which they are printed.
 */

export interface Row {
  readonly text: string;
  readonly unit: string;
  readonly digits: number;
  /** What we promise of the ratio ours / reference. */
  readonly target?: { readonly atMost: number } | { readonly atLeast: number };
}

const cpu = { unit: "µs CPU", digits: 2 } as const;
const count = { unit: "", digits: 0 } as const;
const wall = { unit: "s", digits: 3 } as const;

export const rows = {
  "event-active": { text: "new flow, active node", ...cpu, target: { atMost: 0.5 } },
  "event-backup": { text: "new flow, backup node, same kind active", ...cpu },
  "event-backup-of-reference": { text: "new flow, backup node, reference active", ...cpu },
  "event-backup-of-ours": { text: "new flow, backup node, ours active", ...cpu },
  "burst-rate": { text: "burst: rate of the generator", unit: "flows/s", digits: 0 },
  "burst-overruns": { text: "burst: overruns of the event buffer", ...count },
  "burst-missing": { text: "burst: flows the backup missed", ...count },
  "burst-drained": { text: "burst: until the backup has all it gets", ...wall },
  "resync-active": { text: "bulk resync of a flow, active node", ...cpu },
  "resync-backup": { text: "bulk resync of a flow, backup node", ...cpu },
  commit: {
    text: "commit into the kernel",
    unit: "entries/s",
    digits: 0,
    target: { atLeast: 3 },
  },
  "commit-cpu": { text: "commit of an entry", ...cpu },
  start: { text: "start against a full kernel table", ...wall },
  dump: { text: "dump of the internal cache, -i", ...wall },
  ask: { text: "statistics, -s", ...wall },
  "memory-active": {
    text: "memory of a flow, active node",
    unit: "bytes",
    digits: 0,
    target: { atMost: 0.4 },
  },
  "memory-backup": {
    text: "memory of a flow, backup node",
    unit: "bytes",
    digits: 0,
    target: { atMost: 0.4 },
  },
  "cli-start": { text: "conntrack -C", ...wall },
  "cli-list": { text: "conntrack -L of the table", ...wall, target: { atMost: 1 } },
  "cli-list-filter": { text: "conntrack -L of one flow", ...wall, target: { atMost: 0.4 } },
  "cli-list-xml": { text: "conntrack -L -o xml", ...wall, target: { atMost: 1 } },
  "cli-delete": { text: "conntrack -D of the table", ...wall, target: { atMost: 0.4 } },
  "cli-load": { text: "conntrack -R of the table", ...wall, target: { atMost: 0.7 } },
  "cli-load-memory": { text: "conntrack -R: peak of memory", unit: "MiB", digits: 0 },
} as const satisfies Record<string, Row>;

export type RowName = keyof typeof rows;
export const rowNames = Object.keys(rows) as readonly RowName[];
