/** What became of the kernel's announcements: the numbers of `conntrackd -s runtime`. */

export interface EventCounters {
  received: number;
  filtered: number;
  unknown: number;
  failed: number;
  dumpUnknown: number;
  overruns: number;
  kernelFlushes: number;
  resyncs: number;
}

export function newEventCounters(): EventCounters {
  return {
    received: 0,
    filtered: 0,
    unknown: 0,
    failed: 0,
    dumpUnknown: 0,
    overruns: 0,
    kernelFlushes: 0,
    resyncs: 0,
  };
}
