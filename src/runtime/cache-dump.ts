/** The text of a cache, in pieces, as a slow client takes them. */
import { State } from "../cache/record.ts";
import type { RecordCache } from "../cache/record-cache.ts";
import { ExpectationRegister } from "../flow/expectation.ts";
import { expectationText, expectationXml } from "../flow/expectation-text.ts";
import { FlowRegister, type Register } from "../flow/register.ts";
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

/** How the entries of a cache are shown. `now` in milliseconds since the Unix epoch. */
export interface Printer<R extends Register> {
  readonly register: () => R;
  readonly text: (entry: R, now: number) => string;
  readonly xml: (entry: R, now: number) => string;
}

export const flowPrinter: Printer<FlowRegister> = {
  register: () => new FlowRegister(),
  text: (flow, now) => flowText(flow, { now }),
  xml: (flow, now) => flowXml(flow, { now }),
};

export const expectationPrinter: Printer<ExpectationRegister> = {
  register: () => new ExpectationRegister(),
  text: (expectation) => expectationText(expectation),
  xml: (expectation) => expectationXml(expectation),
};

/**
 * Entries that only wait for the acknowledgement of their end are not shown. `now` in milliseconds.
 * `expiry`: what entries have left is shown too.
 */
export function dumpCache<R extends Register>(
  cache: RecordCache<R>,
  printer: Printer<R>,
  xml: boolean,
  now: () => number,
  expiry?: Expiry,
): CacheDump {
  const entry = printer.register();
  let bucket = 0;
  let closed = false;
  let piece = "";
  let today = 0;
  cache.beginScan();
  const visit = (ref: number): void => {
    if (cache.state(ref) === State.dead) return;
    cache.load(ref, entry);
    if (xml) piece += `${printer.xml(entry, today)}\n`;
    else {
      const seconds = Math.floor(now() / 1000);
      const left = expiry === undefined ? "" : ` [expires in ${expiry.left(cache, ref, seconds)}s]`;
      const age = seconds - cache.created(ref);
      piece += `${printer.text(entry, today)}${left} [active since ${age}s]\n`;
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
      today = Date.now();
      while (!closed && piece === "") {
        bucket = cache.scan(bucket, PIECE_ENTRIES, visit);
        if (bucket < 0) close();
      }
      return piece === "" ? null : piece;
    },
  };
}
