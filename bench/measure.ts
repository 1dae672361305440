/**
 * What the kernel knows about a process, and what to make of several runs.
 *
 * CPU is what the scheduler has charged to all threads, the work of the kernel in their system calls included. Memory
 * is the proportional set size: pages shared with other processes count in parts.
 */
import { readdirSync, readFileSync } from "node:fs";

/** CPU time of all threads of these processes, in microseconds. */
export function cpuMicroseconds(pids: readonly number[]): number {
  let nanoseconds = 0;
  for (const pid of pids) {
    for (const task of threads(pid)) {
      const text = readFileSync(`/proc/${pid}/task/${task}/schedstat`, "utf8");
      nanoseconds += Number(text.split(" ")[0]);
    }
  }
  return nanoseconds / 1000;
}

function threads(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).map(Number);
}

/** Proportional set size of these processes, in bytes. */
export function residentBytes(pids: readonly number[]): number {
  let kibibytes = 0;
  for (const pid of pids) {
    const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
    kibibytes += Number(/^Pss:\s+(\d+) kB/m.exec(text)?.[1] ?? 0);
  }
  return kibibytes * 1024;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const upper = sorted[Math.floor(middle)] ?? Number.NaN;
  const lower = sorted[Math.ceil(middle) - 1] ?? Number.NaN;
  return (upper + lower) / 2;
}

/** The value below which that part of the sorted values lies. */
export function quantile(sorted: Float64Array, part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}

/** The distance of the outermost runs, as a part of the median: 0.1 is "within 10 %". */
export function spread(values: readonly number[]): number {
  const middle = median(values);
  if (values.length < 2 || middle === 0) return 0;
  return (Math.max(...values) - Math.min(...values)) / middle;
}
