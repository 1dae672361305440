/**
 * What a work is: the same steps for the reference and for ours, with a number for each of its rows as the answer.
 *
 * A work knows nothing of rounds or of the other kind.
 */
import type { DaemonKind } from "../../lab/conntrackd.ts";
import type { RowName } from "../rows.ts";

export interface Sizes {
  /** Entries of the table for start, dump, resync and commit; the lower point of the memory slope is half of it. */
  readonly flows: number;
  /** Entries of the large table. */
  readonly many: number;
  /** Events measured at the paced rate. */
  readonly events: number;
  /** Entries of the table for the works of the command line. */
  readonly commandLine: number;
  /** Flows of the burst. */
  readonly burst: number;
  /** TCP connections. */
  readonly connections: number;
  /** The largest table of those whose growth is looked at. */
  readonly largest: number;
  /** Events over which allocation is counted. */
  readonly traced: number;
}

export type Readings = Partial<Record<RowName, number>>;

export interface Work {
  readonly name: string;
  /** Rounds at most, where one is slow and hardly varies. */
  readonly rounds?: number;
  /** Of the kernel's table, where not as many as usual. */
  readonly buckets?: number;
  run(kind: DaemonKind, sizes: Sizes): Promise<Readings>;
}

/** What a machine of this size gives the kernel's table by itself. */
export const BUCKETS = 262_144;
/** Enough for the largest tables. */
export const MANY_BUCKETS = 1_048_576;
/** New flows or events a second wherever a steady rate is meant. */
export const EVENT_RATE = 20_000;
/** Fast enough not to bore, slow enough for both daemons to follow without loss. */
export const FILL_RATE = 30_000;
/** Enough for the compiler of the JavaScript engine to have seen every hot path. */
export const WARM_UP = 100_000;
