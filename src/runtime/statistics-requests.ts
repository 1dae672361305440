/** What each request of the control socket does in statistics mode. */
import { RequestCode } from "../kit/request-code.ts";
import { cacheBlock, cacheExtendedBlock, trafficBlock } from "../stats/report.ts";
import type { Statistics } from "../stats/statistics.ts";
import { dumpCache, flowPrinter, sendDump } from "./cache-dump.ts";
import type { Reply } from "./control-reply.ts";
import { cacheCounters } from "./reports.ts";

/** What the requests reach. */
export interface Recording {
  readonly machine: Statistics;
  readonly now: () => number;
  /** Read the kernel's table into the cache. */
  readonly resyncKernel: () => void;
}

const NAME = "stats";

/** Answer a request; one that only replication knows is answered with nothing. */
export function answerStatistics(code: number, recording: Recording, reply: Reply): void {
  const { machine, now, resyncKernel } = recording;
  switch (code) {
    case RequestCode.dumpInternal:
    case RequestCode.dumpInternalXml:
      sendDump(
        reply,
        dumpCache(machine.cache, flowPrinter, code === RequestCode.dumpInternalXml, now),
      );
      return;
    case RequestCode.statistics:
      reply.write(cacheBlock(NAME, cacheCounters(machine.cache)) + trafficBlock(machine.traffic));
      break;
    case RequestCode.statisticsCache:
      reply.write(cacheExtendedBlock(NAME, cacheCounters(machine.cache)));
      break;
    case RequestCode.flushKernel:
    case RequestCode.flushKernelAll:
      machine.flushKernel();
      break;
    case RequestCode.resyncKernel:
    case RequestCode.resyncKernelAll:
      resyncKernel();
      break;
    case RequestCode.flushInternal:
    case RequestCode.flushFlowCaches:
    case RequestCode.flushAllCaches:
      machine.flush();
      break;
  }
  reply.end();
}
