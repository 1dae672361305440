/** What each request of the control socket does in this daemon; a code that means nothing here is an empty answer. */

import { RequestCode } from "../kit/request-code.ts";
import type { CommitScope } from "../sync/engine.ts";
import { CachedExternal } from "../sync/external.ts";
import {
  type CacheDump,
  dumpCache,
  expectationPrinter,
  flowPrinter,
  sendDump,
} from "./cache-dump.ts";
import type { Reply } from "./control-reply.ts";
import {
  cacheReport,
  expectationsReport,
  generalReport,
  linksReport,
  networkReport,
  queueReport,
  type Reported,
  resendQueueReport,
} from "./reports.ts";

/** What the requests reach. */
export interface Requestable extends Reported {
  readonly now: () => number;
  /** Read the kernel's table into the internal cache. */
  readonly resyncKernel: () => void;
  /** Read the kernel's expectations into the internal cache, where they are replicated. */
  readonly resyncExpectations: () => void;
  /** The kernel's tables, for the client; undefined when they cannot be had. */
  readonly dumpTable: () => CacheDump | undefined;
  readonly dumpExpectations: () => CacheDump | undefined;
}

type Action = (daemon: Requestable, reply: Reply) => void;

const text =
  (report: (daemon: Reported) => string): Action =>
  (daemon, reply) => {
    reply.write(report(daemon));
    reply.end();
  };

/** Done before the answer ends. */
const act =
  (effect: (daemon: Requestable) => void): Action =>
  (daemon, reply) => {
    effect(daemon);
    reply.end();
  };

/** A dump that the client takes piece by piece; undefined: there is nothing to show. */
const dump =
  (open: (daemon: Requestable) => CacheDump | undefined): Action =>
  (daemon, reply) => {
    const pieces = open(daemon);
    if (pieces === undefined) reply.end();
    else sendDump(reply, pieces);
  };

const dumpInternal = (xml: boolean): Action =>
  dump(({ engine, now, dumpTable }) => {
    const cache = engine.internalCache;
    return cache === undefined ? dumpTable() : dumpCache(cache, flowPrinter, xml, now);
  });

const dumpExternal = (xml: boolean): Action =>
  dump(({ engine: { external }, now }) =>
    external instanceof CachedExternal
      ? dumpCache(external.cache, flowPrinter, xml, now, external.expiry)
      : undefined,
  );

const dumpInternalExpectations = (xml: boolean): Action =>
  dump(({ engine: { expectations }, now, dumpExpectations }) => {
    if (expectations === undefined) return undefined;
    const cache = expectations.internalCache;
    return cache === undefined
      ? dumpExpectations()
      : dumpCache(cache, expectationPrinter, xml, now);
  });

const dumpExternalExpectations = (xml: boolean): Action =>
  dump(({ engine: { expectations }, now }) =>
    expectations?.external instanceof CachedExternal
      ? dumpCache(
          expectations.external.cache,
          expectationPrinter,
          xml,
          now,
          expectations.external.expiry,
        )
      : undefined,
  );

/** The client waits until the last entry was tried. */
const commit =
  (what: string, which: CommitScope): Action =>
  ({ engine }, reply) => {
    // Without `ExpectationSync` there is nothing to say about expectations, not even in the log.
    if (which === "expectations" && engine.expectations === undefined) reply.end();
    else engine.startCommit(what, () => reply.end(), which);
  };

const flushKernelExpectations = ({ engine }: Requestable): void =>
  engine.expectations?.flushKernel();

const actions: ReadonlyMap<number, Action> = new Map<number, Action>([
  [RequestCode.flushKernel, act(({ engine }) => engine.flushKernel())],
  [RequestCode.flushKernelExpectations, act(flushKernelExpectations)],
  [
    RequestCode.flushKernelAll,
    act((daemon) => {
      daemon.engine.flushKernel();
      flushKernelExpectations(daemon);
    }),
  ],
  [RequestCode.resyncKernel, act((daemon) => daemon.resyncKernel())],
  [RequestCode.resyncKernelExpectations, act((daemon) => daemon.resyncExpectations())],
  [
    RequestCode.resyncKernelAll,
    act((daemon) => {
      daemon.resyncKernel();
      daemon.resyncExpectations();
    }),
  ],
  [RequestCode.dumpInternal, dumpInternal(false)],
  [RequestCode.dumpInternalXml, dumpInternal(true)],
  [RequestCode.dumpExternal, dumpExternal(false)],
  [RequestCode.dumpExternalXml, dumpExternal(true)],
  [RequestCode.dumpInternalExpectations, dumpInternalExpectations(false)],
  [RequestCode.dumpInternalExpectationsXml, dumpInternalExpectations(true)],
  [RequestCode.dumpExternalExpectations, dumpExternalExpectations(false)],
  [RequestCode.dumpExternalExpectationsXml, dumpExternalExpectations(true)],
  [RequestCode.commitFlows, commit("committing conntrack cache", "flows")],
  [RequestCode.commitExpectations, commit("committing expectation cache", "expectations")],
  [RequestCode.commitAll, commit("committing all external caches", "all")],
  [RequestCode.flushFlowCaches, act(({ engine }) => engine.flush("all"))],
  [RequestCode.flushAllCaches, act(({ engine }) => engine.flush("all"))],
  [RequestCode.flushInternal, act(({ engine }) => engine.flush("internal"))],
  [RequestCode.flushExternal, act(({ engine }) => engine.flush("external"))],
  [RequestCode.bulkSend, act(({ engine }) => engine.sendAll())],
  [RequestCode.requestResync, act(({ engine }) => engine.requestResync())],
  [RequestCode.scheduleKernelFlush, act(({ engine, now }) => engine.schedulePurge(now()))],
  [RequestCode.statistics, text(generalReport)],
  [RequestCode.statisticsExpectations, text(expectationsReport)],
  [RequestCode.statisticsNetwork, text(networkReport)],
  [RequestCode.statisticsCache, text(cacheReport)],
  [RequestCode.statisticsLink, text(linksReport)],
  [RequestCode.statisticsQueue, text(queueReport)],
  [RequestCode.statisticsResendQueue, (daemon, reply) => reply.stream(resendQueueReport(daemon))],
]);

/** Answer a request; one that means nothing here is answered with nothing. */
export function answer(code: number, daemon: Requestable, reply: Reply): void {
  const action = actions.get(code);
  if (action === undefined) reply.end();
  else action(daemon, reply);
}
