/** The text of a cache, in pieces, as a slow client takes them. */
import type { FlowCache } from "../cache/flow-cache.ts";
import { State } from "../cache/record.ts";
import { FlowRegister } from "../flow/register.ts";
import { flowText } from "../flow/text.ts";
import { flowXml } from "../flow/xml.ts";
import type { Expiry } from "../sync/expiry.ts";
import type { Reply } from "./control-reply.ts";

/** Entries of one piece. */
const PIECE_ENTRIES = 256;

export interface CacheDump {
  /** The next piece, or null at the end. */
  next(): string | null;
  /** The dump is over, whether the client saw all of it or not. */
  close(): void;
}

/** The answer to `-i`, `-e` and their XML forms. */
export function sendDump(reply: Reply, pieces: CacheDump): void {
  reply.onClose(pieces.close);
  reply.stream(pieces.next);
}

/**
 * Entries that only wait for the acknowledgement of their end are not shown. `now` in milliseconds.
 * `expiry`: what entries have left is shown too.
 */
export function dumpCache(
  cache: FlowCache,
  xml: boolean,
  now: () => number,
  expiry?: Expiry,
): CacheDump {
  const flow = new FlowRegister();
  let bucket = 0;
  let closed = false;
  let piece = "";
  let options = { now: 0 };
  cache.beginScan();
  const visit = (ref: number): void => {
    if (cache.state(ref) === State.dead) return;
    cache.load(ref, flow);
    if (xml) piece += `${flowXml(flow, options)}\n`;
    else {
      const seconds = Math.floor(now() / 1000);
      const left = expiry === undefined ? "" : ` [expires in ${expiry.left(cache, ref, seconds)}s]`;
      const age = seconds - cache.created(ref);
      piece += `${flowText(flow, options)}${left} [active since ${age}s]\n`;
    }
  };
  const close = (): void => {
    if (!closed) cache.endScan();
    closed = true;
  };
  return {
    close,
    next() {
      piece = "";
      options = { now: Date.now() };
      while (!closed && piece === "") {
        bucket = cache.scan(bucket, PIECE_ENTRIES, visit);
        if (bucket < 0) close();
      }
      return piece === "" ? null : piece;
    },
  };
}
