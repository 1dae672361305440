/**
 * What runs as a process of its own, mostly inside a namespace: it shares nothing with what it loads or watches.
 *
 * Settings and report are JSON, on the command line and on standard output.
 */
import { births } from "./births.ts";
import { probe } from "./probe.ts";
import { runConnections } from "./tcp.ts";
import { openFlows } from "./udp.ts";

const jobs = { births, probe, tcp: runConnections, udp: openFlows } as const;

export type JobName = keyof typeof jobs;
export type Settings<Name extends JobName> = Parameters<(typeof jobs)[Name]>[0];
export type Report<Name extends JobName> = Awaited<ReturnType<(typeof jobs)[Name]>>;

/** Runs a job; the words come from our own parent, so nothing is checked. */
export async function runInside(name: JobName, settings: string): Promise<string> {
  const job = jobs[name] as (settings: unknown) => unknown;
  return `${JSON.stringify(await job(JSON.parse(settings)))}\n`;
}
