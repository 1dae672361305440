/**
 * What a client may ask of a running daemon: the number that travels over the control socket.
 *
 * The numbers are those of the reference, so its client and its daemon talk to ours. Numbers that
 * are missing here are ignored by a daemon.
 *
 * Described in: doc/control.md.
 */
export const RequestCode = {
  flushKernel: 0,
  resyncKernel: 1,
  dumpInternal: 16,
  dumpExternal: 17,
  commitFlows: 18,
  /** Both flow caches; sent by old clients. */
  flushFlowCaches: 19,
  kill: 20,
  statistics: 21,
  bulkSend: 22,
  requestResync: 23,
  dumpInternalXml: 24,
  dumpExternalXml: 25,
  scheduleKernelFlush: 26,
  statisticsNetwork: 28,
  statisticsCache: 29,
  statisticsRuntime: 30,
  statisticsLink: 31,
  statisticsResendQueue: 32,
  flushInternal: 33,
  flushExternal: 34,
  statisticsProcess: 35,
  statisticsQueue: 36,
  statisticsExpectations: 37,
  flushKernelExpectations: 38,
  resyncKernelExpectations: 39,
  dumpInternalExpectations: 40,
  dumpExternalExpectations: 41,
  commitExpectations: 42,
  /** `flushKernel`, then `flushKernelExpectations`. */
  flushKernelAll: 43,
  resyncKernelAll: 44,
  flushAllCaches: 45,
  commitAll: 46,
  dumpInternalExpectationsXml: 47,
  dumpExternalExpectationsXml: 48,
} as const;

export type RequestCode = (typeof RequestCode)[keyof typeof RequestCode];

const known: ReadonlySet<number> = new Set(Object.values(RequestCode));

export function isRequestCode(code: number): code is RequestCode {
  return known.has(code);
}
