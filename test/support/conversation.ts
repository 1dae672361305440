/** Real conversations between two namespaces: an echo server, and clients that speak once and stay until told to go. */
import type { ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Namespace } from "../../lab/netns.ts";

const program = fileURLToPath(new URL("conversation.mjs", import.meta.url));

const ECHO_TIMEOUT_MS = 5000;

export interface Talk {
  readonly protocol: "tcp" | "udp";
  readonly address: string;
  readonly port: number;
  readonly localPort: number;
  /** What is said, line by line, and echoed. */
  readonly lines?: readonly string[];
}

export interface Conversation {
  /** Closes the conversation in good order; resolves when both ends are done. */
  end(): Promise<void>;
}

/** Starts an echo server on these ports; it ends with its namespace. */
export async function serveEcho(at: Namespace, ports: readonly number[]): Promise<void> {
  await untilUp(start(at, ["serve", ...ports.map(String)]));
}

/** Resolves when the echo has come back. */
export async function converse(at: Namespace, talk: Talk): Promise<Conversation> {
  const { protocol, address, port, localPort, lines = [] } = talk;
  const child = start(at, [protocol, address, String(port), String(localPort), ...lines]);
  await untilUp(child);
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  return {
    end: () => {
      child.stdin?.end();
      return ended;
    },
  };
}

function start(at: Namespace, args: readonly string[]): ChildProcess {
  const child = at.spawn([process.execPath, program, ...args], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  child.stdin?.on("error", () => undefined);
  return child;
}

function untilUp(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    const patience = () => reject(new Error("no echo comes back"));
    setTimeout(patience, ECHO_TIMEOUT_MS).unref();
    child.once("exit", (code) => reject(new Error(`the conversation ended with ${code}`)));
    if (child.stdout !== null)
      createInterface({ input: child.stdout }).once("line", () => resolve());
  });
}
