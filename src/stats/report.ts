/**
 * The texts of `conntrackd -s`: counters in, blocks out.
 *
 * Pure: nothing here counts, asks a clock or knows which blocks a reply is made of. Every block ends
 * with an empty line and they follow each other directly. Scripts read them: not a blank may change.
 *
 * Described in: doc/control.md, "Statistics".
 */

/** What one cache did since the start. */
export interface CacheCounters {
  /** Entries that are alive. */
  readonly active: number;
  /** Entries in the table. */
  readonly entries: number;
  /** Stored objects: the living, and the dead that wait for an acknowledgement. */
  readonly objects: number;
  readonly created: number;
  readonly createFailed: number;
  readonly noMemory: number;
  /** Refused because of `HashLimit`. */
  readonly noSpace: number;
  readonly updated: number;
  readonly destroyed: number;
}

/** Events that went past a disabled internal cache. */
export interface BypassCounters {
  readonly created: number;
  readonly updated: number;
  readonly destroyed: number;
}

/** Messages that went straight into the kernel because the external cache is disabled. */
export interface InjectCounters extends BypassCounters {
  readonly createFailed: number;
  readonly updateFailed: number;
  readonly destroyFailed: number;
}

/** What the destroyed flows had carried, both directions. */
export interface TrafficCounters {
  readonly bytes: number;
  readonly packets: number;
}

export interface LinkCounters {
  readonly bytesSent: number;
  readonly bytesReceived: number;
  /** Datagrams, or calls on a stream. */
  readonly packetsSent: number;
  readonly packetsReceived: number;
  readonly sendErrors: number;
  readonly receiveErrors: number;
}

export type LinkReport = {
  readonly device: string;
  readonly counters: LinkCounters;
} & (
  | { readonly kind: "multicast" | "UDP" }
  | {
      readonly kind: "TCP";
      /** A peer is connected to us. */
      readonly isServerConnected: boolean;
      /** Our own connection is up. */
      readonly isClientConnected: boolean;
    }
);

export type LinkStatus = "RUNNING" | "NO-CARRIER" | "DOWN";

/** Messages refused, by reason, and gaps in the sequence. */
export interface NetworkCounters {
  readonly wrongVersion: number;
  readonly malformedHeader: number;
  readonly malformedPayload: number;
  readonly badType: number;
  readonly truncated: number;
  readonly badSize: number;
  readonly lost: number;
  /** Came behind their place in the sequence. */
  readonly before: number;
}

export interface RuntimeCounters {
  readonly uptimeSeconds: number;
  readonly eventsReceived: number;
  readonly eventsFiltered: number;
  readonly eventsUnknown: number;
  readonly eventsFailed: number;
  readonly dumpUnknown: number;
  readonly overruns: number;
  readonly kernelFlushes: number;
  readonly kernelResyncs: number;
  /** Receive buffer of the event socket, bytes. */
  readonly bufferBytes: number;
  readonly childFailed: number;
  readonly childSegfault: number;
  readonly childTermsig: number;
  readonly selectFailed: number;
  readonly waitFailed: number;
  readonly localReadFailed: number;
  readonly localUnknownRequest: number;
}

export interface QueueCounters {
  readonly name: "txqueue" | "errorq" | "rsqueue";
  readonly elements: number;
  readonly maximum: number;
  readonly noSpace: number;
}

export type ResendQueueElement =
  | { readonly kind: "control"; readonly seq: number; readonly flags: number }
  | { readonly kind: "object"; readonly seq: number };

/** A job in progress, told as the process that it is in the reference. */
export interface Job {
  readonly pid: number;
  readonly type: "any" | "flush" | "commit";
}

/** CACHE: `-s`. */
export function cacheBlock(name: string, c: CacheCounters): string {
  return (
    `cache ${name}:\n` +
    `current active connections:\t${u12(c.active)}\n` +
    outcomes("created", c.created, c.createFailed) +
    outcomes("updated", c.updated, 0) +
    outcomes("destroyed", c.destroyed, 0) +
    "\n"
  );
}

/** CACHEX: `-s cache`. */
export function cacheExtendedBlock(name: string, c: CacheCounters): string {
  return (
    `cache:${name}\tactive objects:\t\t${u12(c.objects)}\n` +
    `\tactive/total entries:\t\t${u12(c.active)}/${u12(c.entries)}\n` +
    `\tcreation OK/failed:\t\t${u12(c.created)}/${u12(c.createFailed)}\n` +
    `\t\tno memory available:\t${u12(c.noMemory)}\n` +
    `\t\tno space left in cache:\t${u12(c.noSpace)}\n` +
    `\tupdate OK/failed:\t\t${u12(c.updated)}/${u12(0)}\n` +
    `\t\tentry not found:\t${u12(0)}\n` +
    `\tdeletion created/failed:\t${u12(c.destroyed)}/${u12(0)}\n` +
    `\t\tentry not found:\t${u12(0)}\n\n`
  );
}

export function bypassBlock(c: BypassCounters): string {
  return (
    "internal bypass:\n" +
    `connections new:\t\t${u12(c.created)}\n` +
    `connections updated:\t\t${u12(c.updated)}\n` +
    `connections destroyed:\t\t${u12(c.destroyed)}\n\n`
  );
}

export function injectBlock(c: InjectCounters): string {
  return (
    "external inject:\n" +
    outcomes("created", c.created, c.createFailed) +
    outcomes("updated", c.updated, c.updateFailed) +
    outcomes("destroyed", c.destroyed, c.destroyFailed) +
    "\n"
  );
}

export function trafficBlock(c: TrafficCounters): string {
  return `traffic processed:\n${u20(c.bytes)} Bytes      ${u20(c.packets)} Pckts\n\n`;
}

/** LINK: the current link, `-s` and `-s network`. */
export function activeLinkBlock(link: LinkReport): string {
  const ends =
    link.kind === "TCP"
      ? ` server=${connection(link.isServerConnected)} client=${connection(link.isClientConnected)}`
      : "";
  return `${link.kind} traffic (active device=${link.device})${ends}:\n${linkLines(link.counters)}`;
}

/** LINKX: any link, `-s link`. */
export function linkBlock(
  link: Pick<LinkReport, "kind" | "device" | "counters">,
  status: LinkStatus,
  role: "ACTIVE" | "BACKUP",
): string {
  return (
    `${link.kind} traffic device=${link.device} status=${status} role=${role}:\n` +
    linkLines(link.counters)
  );
}

/** TRACK. */
export function trackingBlock(c: NetworkCounters): string {
  return `message tracking:\n${u20(malformed(c))} Malformed msgs ${u20(c.lost)} Lost msgs\n\n`;
}

/** NET. Nothing malformed is ever sent. */
export function networkBlock(c: NetworkCounters): string {
  return (
    "network statistics:\n\trecv:\n" +
    `\t\tMalformed messages:\t${u20(malformed(c))}\n` +
    `\t\tWrong protocol version:\t${u20(c.wrongVersion)}\n` +
    `\t\tMalformed header:\t${u20(c.malformedHeader)}\n` +
    `\t\tMalformed payload:\t${u20(c.malformedPayload)}\n` +
    `\t\tBad message type:\t${u20(c.badType)}\n` +
    `\t\tTruncated message:\t${u20(c.truncated)}\n` +
    `\t\tBad message size:\t${u20(c.badSize)}\n` +
    `\tsend:\n\t\tMalformed messages:\t${u20(0)}\n\n` +
    "sequence tracking statistics:\n\trecv:\n" +
    `\t\tPackets lost:\t\t${u20(c.lost)}\n` +
    `\t\tPackets before:\t\t${u20(c.before)}\n\n`
  );
}

export function runtimeBlock(c: RuntimeCounters): string {
  return (
    `daemon uptime: ${uptimeText(c.uptimeSeconds)}\n\n` +
    "netlink stats:\n" +
    `\tevents received:\t${u20(c.eventsReceived)}\n` +
    `\tevents filtered:\t${u20(c.eventsFiltered)}\n` +
    `\tevents unknown type:\t\t${u12(c.eventsUnknown)}\n` +
    `\tcatch event failed:\t\t${u12(c.eventsFailed)}\n` +
    `\tdump unknown type:\t\t${u12(c.dumpUnknown)}\n` +
    `\tnetlink overrun:\t\t${u12(c.overruns)}\n` +
    `\tflush kernel table:\t\t${u12(c.kernelFlushes)}\n` +
    `\tresync with kernel table:\t${u12(c.kernelResyncs)}\n` +
    `\tcurrent buffer size (in bytes):\t${u12(c.bufferBytes)}\n\n` +
    "runtime stats:\n" +
    `\tchild process failed:\t\t${u12(c.childFailed)}\n` +
    `\t\tchild process segfault:\t${u12(c.childSegfault)}\n` +
    `\t\tchild process termsig:\t${u12(c.childTermsig)}\n` +
    `\tselect failed:\t\t\t${u12(c.selectFailed)}\n` +
    `\twait failed:\t\t\t${u12(c.waitFailed)}\n` +
    `\tlocal read failed:\t\t${u12(c.localReadFailed)}\n` +
    `\tlocal unknown request:\t\t${u12(c.localUnknownRequest)}\n\n`
  );
}

/** `2 days 2 h 1 min`; the day and the hour only where they are not zero. */
export function uptimeText(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  const days = Math.floor(hours / 24);
  const dayText = days === 0 ? "" : `${days} day${days === 1 ? "" : "s"} `;
  const hourText = hours % 24 === 0 ? "" : `${hours % 24} h `;
  return `${dayText}${hourText}${minutes % 60} min`;
}

/** QUEUE. */
export function queueBlock(allocatedNodes: number, queues: readonly QueueCounters[]): string {
  let text = `allocated queue nodes:\t\t${u12(allocatedNodes)}\n\n`;
  for (const queue of queues) {
    text +=
      `queue ${queue.name}:\n` +
      `current elements:\t\t${u12(queue.elements)}\n` +
      `maximum elements:\t\t${u12(queue.maximum)}\n` +
      `not enough space errors:\t${u12(queue.noSpace)}\n\n`;
  }
  return text;
}

/** RSQ, first line. The queue may be long: its lines are made one by one. */
export function resendQueueHead(length: number): string {
  return `resent queue (len=${length})\n`;
}

export function resendQueueLine(element: ResendQueueElement): string {
  return element.kind === "control"
    ? `control -> seq:${element.seq} flags:${element.flags}\n`
    : `object -> seq:${element.seq}\n`;
}

/** PROC: newest first; empty when nothing runs. */
export function processBlock(jobs: readonly Job[]): string {
  return jobs.map((job) => `PID=${job.pid} type=${job.type}\n`).join("");
}

function malformed(c: NetworkCounters): number {
  return (
    c.wrongVersion + c.malformedHeader + c.malformedPayload + c.badType + c.truncated + c.badSize
  );
}

function outcomes(what: string, done: number, failed: number): string {
  return `connections ${what}:\t\t${u12(done)}\tfailed:\t${u12(failed)}\n`;
}

function linkLines(c: LinkCounters): string {
  return (
    `${u20(c.bytesSent)} Bytes sent ${u20(c.bytesReceived)} Bytes recv\n` +
    `${u20(c.packetsSent)} Pckts sent ${u20(c.packetsReceived)} Pckts recv\n` +
    `${u20(c.sendErrors)} Error send ${u20(c.receiveErrors)} Error recv\n\n`
  );
}

function connection(isConnected: boolean): string {
  return isConnected ? "connected" : "disconnected";
}

function u12(value: number): string {
  return `${value}`.padStart(12);
}

function u20(value: number): string {
  return `${value}`.padStart(20);
}
