/** Counters of the running daemon, as the blocks of `conntrackd -s`. */
import type { RecordCache } from "../cache/record-cache.ts";
import type { LineWriter } from "../kit/line-writer.ts";
import { newEventCounters } from "../netlink/event-counters.ts";
import {
  activeLinkBlock,
  bypassBlock,
  type CacheCounters,
  cacheBlock,
  cacheExtendedBlock,
  injectBlock,
  type LinkReport,
  type LinkStatus,
  linkBlock,
  type NetworkCounters,
  networkBlock,
  type QueueCounters,
  queueBlock,
  resendQueueHead,
  resendQueueLine,
  runtimeBlock,
  trackingBlock,
  trafficBlock,
} from "../stats/report.ts";
import { BypassExpectations, BypassInternal } from "../sync/bypass.ts";
import type { Engine } from "../sync/engine.ts";
import { InjectedExpectations } from "../sync/expectation-inject.ts";
import type { Expectations } from "../sync/expectations.ts";
import { InjectedExternal } from "../sync/external.ts";
import type { LinkState } from "../sync/links.ts";
import type { DedicatedLinks } from "./link/dedicated-links.ts";
import type { Link } from "./link/link.ts";
import { TcpLink } from "./link/tcp-link.ts";

/** Most elements of the transmit queue; the reference prints the same. */
const TRANSMIT_QUEUE_MAX = 2147483647;
/** Lines of one piece of the resend queue. */
const PIECE_LINES = 512;

export interface Reported {
  readonly engine: Engine;
  readonly links: DedicatedLinks;
  readonly errorQueueLength: number;
  readonly resendQueueSize: number;
}

export interface ProcessCounters {
  readonly uptimeSeconds: number;
  readonly bufferBytes: number;
  readonly localReadFailed: number;
}

/** One cache as `-s` shows it. */
export function cacheCounters(cache: RecordCache): CacheCounters {
  return {
    active: cache.active,
    entries: cache.entries,
    objects: cache.entries,
    noMemory: 0,
    ...cache.counters,
  };
}

type Block = (name: string, c: CacheCounters) => string;

function sides(engine: Engine, block: Block): string {
  const { internal, external } = engine;
  const first =
    internal instanceof BypassInternal
      ? bypassBlock(internal.counters)
      : block("internal", cacheCounters(engine.internalCache!));
  if (external instanceof InjectedExternal) return first + injectBlock(external.injector.counters);
  return first + block("external", cacheCounters(engine.externalCache!));
}

/** The same two blocks about expectations. */
function expectationSides({ internal, external }: Expectations, block: Block): string {
  const first =
    internal instanceof BypassExpectations
      ? bypassBlock(internal.counters)
      : block("internal", cacheCounters(internal.cache));
  if (external instanceof InjectedExpectations) return first + injectBlock(external.counters);
  return first + block("external", cacheCounters(external.cache));
}

function linkReport(link: Link): LinkReport {
  const { traffic } = link;
  const common = {
    device: link.interfaceName,
    counters: {
      bytesSent: traffic.bytesSent,
      bytesReceived: traffic.bytesReceived,
      packetsSent: traffic.datagramsSent,
      packetsReceived: traffic.datagramsReceived,
      sendErrors: traffic.sendErrors,
      receiveErrors: traffic.receiveErrors,
    },
  };
  if (link instanceof TcpLink) {
    const { kind, isServerConnected, isClientConnected } = link;
    return { ...common, kind, isServerConnected, isClientConnected };
  }
  return { ...common, kind: link.kind === "multicast" ? "multicast" : "UDP" };
}

function network(engine: Engine): NetworkCounters {
  const wire = engine.receiver.counters;
  return {
    wrongVersion: wire.version,
    malformedHeader: wire.header,
    malformedPayload: wire.payload,
    badType: wire.type,
    truncated: wire.truncated,
    badSize: wire.size,
    lost: engine.protocol.counters.lost,
    before: engine.protocol.counters.before,
  };
}

export function generalReport(reported: Reported): string {
  return sides(reported.engine, cacheBlock) + commonBlocks(reported);
}

/** `-s expect`: nothing without `ExpectationSync`. */
export function expectationsReport(reported: Reported): string {
  const { expectations } = reported.engine;
  if (expectations === undefined) return "";
  return expectationSides(expectations, cacheBlock) + commonBlocks(reported);
}

function commonBlocks({ engine, links }: Reported): string {
  return (
    trafficBlock(engine.internal.traffic) +
    activeLinkBlock(linkReport(links.current)) +
    trackingBlock(network(engine))
  );
}

export function networkReport({ engine, links }: Reported): string {
  return networkBlock(network(engine)) + activeLinkBlock(linkReport(links.current));
}

export function cacheReport({ engine }: Reported): string {
  return sides(engine, cacheExtendedBlock);
}

export function linksReport({ links }: Reported): string {
  const blocks = links.all.map((link) => {
    const role = link === links.current ? "ACTIVE" : "BACKUP";
    return linkBlock(linkReport(link), linkStatus(links.stateOf(link)), role);
  });
  return blocks.join("");
}

function linkStatus({ isUp, isRunning }: LinkState): LinkStatus {
  if (!isUp) return "DOWN";
  return isRunning ? "RUNNING" : "NO-CARRIER";
}

export function queueReport({
  engine,
  links,
  errorQueueLength,
  resendQueueSize,
}: Reported): string {
  const { protocol, internal } = engine;
  const queues: QueueCounters[] = [
    {
      name: "txqueue",
      elements: protocol.transmitQueue.length,
      maximum: TRANSMIT_QUEUE_MAX,
      noSpace: internal instanceof BypassInternal ? internal.dropped : 0,
    },
    {
      name: "errorq",
      elements: links.queued,
      maximum: errorQueueLength,
      noSpace: links.dropped,
    },
  ];
  if (protocol.unacknowledged !== undefined) {
    queues.push({
      name: "rsqueue",
      elements: protocol.unacknowledged,
      maximum: resendQueueSize,
      noSpace: protocol.counters.resendOverflow,
    });
  }
  return queueBlock(protocol.controls, queues);
}

/** The resend queue in pieces; it may hold 131072 lines and more. A mode without one has nothing to say. */
export function resendQueueReport({ engine }: Reported): (out: LineWriter) => boolean {
  const { protocol } = engine;
  if (protocol.unacknowledged === undefined) return () => false;
  // A snapshot: the queue changes under a client that reads slowly.
  const list = protocol.resendList();
  let next = 0;
  return (out) => {
    if (next === 0) out.text(resendQueueHead(list.length));
    for (const end = Math.min(list.length, next + PIECE_LINES); next < end; next++) {
      const { control, sequence: seq, flags } = list.at(next);
      out.text(
        resendQueueLine(control ? { kind: "control", seq, flags } : { kind: "object", seq }),
      );
    }
    return next < list.length;
  };
}

export function runtimeReport(process: ProcessCounters, events = newEventCounters()): string {
  return runtimeBlock({
    uptimeSeconds: process.uptimeSeconds,
    eventsReceived: events.received,
    eventsFiltered: events.filtered,
    eventsUnknown: events.unknown,
    eventsFailed: events.failed,
    dumpUnknown: events.dumpUnknown,
    overruns: events.overruns,
    kernelFlushes: events.kernelFlushes,
    kernelResyncs: events.resyncs,
    bufferBytes: process.bufferBytes,
    // Nothing here forks, selects or waits.
    childFailed: 0,
    childSegfault: 0,
    childTermsig: 0,
    selectFailed: 0,
    waitFailed: 0,
    localReadFailed: process.localReadFailed,
    localUnknownRequest: 0,
  });
}
