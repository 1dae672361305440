/**
 * The settings of the whole machine that a run needs: room for its flows in the kernel's table.
 *
 * They belong to the first namespace, the others only read them. They are put back whatever happens.
 */
import { readFileSync, writeFileSync } from "node:fs";

export interface TableSettings {
  /** The most entries, of all namespaces together. */
  readonly entries: number;
  /** Lists in which the kernel keeps them: an entry is in two, and is looked for along one. */
  readonly buckets: number;
}

const PATHS = {
  entries: "/proc/sys/net/netfilter/nf_conntrack_max",
  buckets: "/sys/module/nf_conntrack/parameters/hashsize",
} as const;

export class KernelTable {
  readonly #before = read();
  readonly #restore = () => this.set(this.#before);

  constructor() {
    process.on("exit", this.#restore);
  }

  set(wanted: TableSettings): void {
    const now = read();
    for (const name of ["entries", "buckets"] as const) {
      // To sort millions of entries anew takes a while, so only where it changes something.
      if (now[name] !== wanted[name]) writeFileSync(PATHS[name], String(wanted[name]));
    }
  }

  restore(): void {
    process.off("exit", this.#restore);
    this.#restore();
  }
}

function read(): TableSettings {
  const value = (path: string) => Number(readFileSync(path, "utf8"));
  return { entries: value(PATHS.entries), buckets: value(PATHS.buckets) };
}
