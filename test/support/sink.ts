/** A peer that only listens, in a namespace: takes down what daemons send, and sends what a test tells it to. */
import type { ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Namespace } from "../../lab/netns.ts";
import { waitFor } from "../../lab/wait.ts";
import { splitMessages, type WireMessage } from "./wire-message.ts";

const program = fileURLToPath(new URL("sink.mjs", import.meta.url));

export class Sink {
  readonly #child: ChildProcess;
  readonly #messages = new Map<number, WireMessage[]>();
  #isReady = false;

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.stdin?.on("error", () => undefined); // It ends with its namespace.
    if (child.stdout === null) throw new Error("the sink has no output");
    createInterface({ input: child.stdout }).on("line", (line) => {
      const [port = "", hex = ""] = line.split(" ");
      if (port === "ready") this.#isReady = true;
      else this.messages(Number(port)).push(...splitMessages(Buffer.from(hex, "hex")));
    });
  }

  static async start(at: Namespace, address: string, ports: readonly number[]): Promise<Sink> {
    const argv = [process.execPath, program, address, ...ports.map(String)];
    const sink = new Sink(at.spawn(argv, { stdio: ["pipe", "pipe", "inherit"] }));
    await waitFor(() => sink.#isReady, { what: "the sink to listen" });
    return sink;
  }

  /** Everything that has come in on a port, oldest first; it grows. */
  messages(port: number): WireMessage[] {
    let list = this.#messages.get(port);
    if (list === undefined) this.#messages.set(port, (list = []));
    return list;
  }

  /** Sends a datagram from a port to the same port at an address. */
  send(port: number, to: string, datagram: Buffer): void {
    this.#child.stdin?.write(`${port} ${datagram.toString("hex")} ${to}\n`);
  }
}
