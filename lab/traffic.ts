/**
 * Live traffic between two namespaces: long-lived TCP connections and UDP flows that exchange a numbered request and
 * response all the time, and a record of how each fared. The ends are child processes, traffic-peer.mjs.
 */
import type { ChildProcess } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { projectRoot } from "./conntrackd.ts";
import { isRunning, type Namespace } from "./netns.ts";
import { waitFor } from "./wait.ts";

export interface TrafficOptions {
  readonly client: Namespace;
  readonly server: Namespace;
  /** The server's address, IPv4 or IPv6. */
  readonly address: string;
  readonly port?: number;
  readonly tcp: number;
  readonly udp: number;
  /** Time between two requests of one flow. */
  readonly intervalMs?: number;
}

export interface FlowRecord {
  readonly protocol: "tcp" | "udp";
  readonly id: number;
  /** False once the connection was reset, closed, or answered out of order. */
  readonly isAlive: boolean;
  readonly responses: number;
  readonly bytes: number;
  /** The longest time between two responses since the start or the last `forgetGaps`. */
  readonly longestGapMs: number;
  /** The source port the server saw first, and last. */
  readonly firstPort?: number;
  readonly port?: number;
  /** Why it is not alive. */
  readonly reason?: string;
}

export interface Traffic {
  report(): Promise<readonly FlowRecord[]>;
  /** Starts measuring the longest gap anew. */
  forgetGaps(): Promise<void>;
  /** Waits until every flow has had at least one response. Throws when one does not come up. */
  waitUntilEstablished(timeoutMs?: number): Promise<readonly FlowRecord[]>;
  /**
   * Waits until every flow has had `more` responses beyond `before`, or is known to be broken, or the time is over.
   * Returns the final records: compare, do not assume.
   */
  waitForProgress(
    before: readonly FlowRecord[],
    options?: { readonly more?: number; readonly timeoutMs?: number },
  ): Promise<readonly FlowRecord[]>;
  stop(): void;
}

/** Starts both ends; resolves when the server listens and the client has begun to connect. */
export async function startTraffic(options: TrafficOptions): Promise<Traffic> {
  const { address, tcp, udp, port = 7777, intervalMs = 100 } = options;
  const server = startPeer(options.server, "server", { address, port });
  await server.next("listening");
  const client = startPeer(options.client, "client", { address, port, tcp, udp, intervalMs });
  return trafficOf(server, client);
}

/** The flows of `after` that are alive and have had responses since `before`. */
export function survivors(
  before: readonly FlowRecord[],
  after: readonly FlowRecord[],
): readonly FlowRecord[] {
  return after.filter((flow, place) => flow.isAlive && hasProgressed(flow, before[place], 1));
}

function trafficOf(server: Peer, client: Peer): Traffic {
  const report = async () => (await client.ask("report", "report")).flows ?? [];
  return {
    report,
    forgetGaps: async () => {
      await client.ask("forget", "forgotten");
    },
    waitUntilEstablished: (timeoutMs = 20_000) =>
      waitFor(
        async () => {
          const flows = await report();
          const broken = flows.find((flow) => !flow.isAlive);
          if (broken !== undefined) throw new Error(`${broken.protocol} flow: ${broken.reason}`);
          return flows.every((flow) => flow.responses > 0) && flows;
        },
        { what: "a response on every flow", timeoutMs },
      ),
    waitForProgress: async (before, { more = 2, timeoutMs = 15_000 } = {}) => {
      let flows: readonly FlowRecord[] = [];
      const deadline = performance.now() + timeoutMs;
      await waitFor(
        async () => {
          flows = await report();
          const isSettled = (flow: FlowRecord, place: number) =>
            !flow.isAlive || hasProgressed(flow, before[place], more);
          return performance.now() > deadline || flows.every(isSettled);
        },
        { what: "the traffic to go on", timeoutMs: timeoutMs * 2, everyMs: 50 },
      );
      return flows;
    },
    stop: () => {
      client.stop();
      server.stop();
    },
  };
}

function hasProgressed(flow: FlowRecord, before: FlowRecord | undefined, more: number): boolean {
  return flow.responses >= (before?.responses ?? 0) + more;
}

interface Message {
  readonly event: string;
  readonly flows?: readonly FlowRecord[];
}

interface Peer {
  next(event: string): Promise<Message>;
  ask(order: string, event: string): Promise<Message>;
  stop(): void;
}

function startPeer(namespace: Namespace, role: "client" | "server", settings: object): Peer {
  const program = join(projectRoot, "lab/traffic-peer.mjs");
  const child = namespace.spawn([process.execPath, program, role, JSON.stringify(settings)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const waiting: Array<{ event: string; resolve(message: Message): void }> = [];
  readLines(child, (line) => {
    const message = JSON.parse(line) as Message;
    const place = waiting.findIndex((waiter) => waiter.event === message.event);
    if (place >= 0) waiting.splice(place, 1)[0]?.resolve(message);
  });
  const next = (event: string) =>
    new Promise<Message>((resolve, reject) => {
      const fail = () => reject(new Error(`the traffic ${role} has ended`));
      if (child.exitCode !== null) fail();
      child.once("exit", fail);
      const settle = (message: Message) => {
        child.off("exit", fail);
        resolve(message);
      };
      waiting.push({ event, resolve: settle });
    });
  return {
    next,
    ask: (order, event) => {
      const answer = next(event);
      child.stdin?.write(`${order}\n`);
      return answer;
    },
    stop: () => {
      if (child.pid !== undefined && isRunning(child.pid)) child.kill("SIGKILL");
    },
  };
}

function readLines(child: ChildProcess, take: (line: string) => void): void {
  child.stdin?.on("error", () => undefined); // The exit event reports the end.
  if (child.stdout !== null) createInterface({ input: child.stdout }).on("line", take);
}
