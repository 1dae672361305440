/** An external cache filled from outside: a peer that is nothing but messages, as fast as the daemon takes them. */
import { once } from "node:events";
import type { Namespace } from "../../lab/netns.ts";
import { buildMessage, udpFlowBody } from "./wire-message.ts";

const PORT = 3780;
const SEQUENCE_AT = 4;
/** Behind the header and the head of the first attribute. */
const SOURCE_AT = 12;

/** Sends so many flows from here to a daemon that listens for TCP: nothing is lost, however slow it is. */
export async function fillExternal(from: Namespace, daemon: string, flows: number): Promise<void> {
  const child = from.spawn(["bash", "-c", `cat > /dev/tcp/${daemon}/${PORT}`], {
    stdio: ["pipe", "ignore", "inherit"],
  });
  const ended = once(child, "exit");
  child.stdin?.on("error", () => undefined); // The status tells.
  child.stdin?.end(messages(flows));
  const [status] = await ended;
  if (status !== 0) throw new Error(`the peer ends with ${status}`);
}

/** `CT_NEW` for each flow: they differ in their source address. */
function messages(flows: number): Buffer {
  const first = buildMessage({ type: 0, flags: 0, sequence: 0 }, udpFlowBody(0));
  const source = first.readUInt32BE(SOURCE_AT);
  const all = Buffer.alloc(first.length * flows, first);
  for (let i = 0; i < flows; i += 1) {
    all.writeUInt32BE(i + 1, i * first.length + SEQUENCE_AT);
    all.writeUInt32BE(source + i, i * first.length + SOURCE_AT);
  }
  return all;
}
