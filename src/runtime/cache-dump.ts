/** The text of a cache, in pieces, as a slow client takes them. */
import { State } from "../cache/record.ts";
import type { RecordCache } from "../cache/record-cache.ts";
import { ExpectationRegister } from "../flow/expectation.ts";
import { expectationText, expectationXml } from "../flow/expectation-text.ts";
import { FlowRegister, type Register } from "../flow/register.ts";
import { writeFlowText } from "../flow/text.ts";
import { writeFlowXml } from "../flow/xml.ts";
import type { LineWriter } from "../kit/line-writer.ts";
import type { Expiry } from "../sync/expiry.ts";
import type { Reply } from "./control-reply.ts";

/** Entries of one piece. */
const PIECE_ENTRIES = 256;

export interface CacheDump {
  /** Appends the next piece, which may be empty. False: it was the last one. */
  next(out: LineWriter): boolean;
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
  readonly text: (out: LineWriter, entry: R, now: number) => void;
  readonly xml: (out: LineWriter, entry: R, now: number) => void;
}

export const flowPrinter: Printer<FlowRegister> = {
  register: () => new FlowRegister(),
  text: (out, flow, now) => writeFlowText(out, flow, { now }),
  xml: (out, flow, now) => writeFlowXml(out, flow, { now }),
};

export const expectationPrinter: Printer<ExpectationRegister> = {
  register: () => new ExpectationRegister(),
  text: (out, expectation) => out.text(expectationText(expectation)),
  xml: (out, expectation) => out.text(expectationXml(expectation)),
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
  let today = 0;
  let seconds = 0;
  let to: LineWriter | undefined;
  cache.beginScan();
  const visit = (ref: number): void => {
    if (to === undefined || cache.state(ref) === State.dead) return;
    cache.load(ref, entry);
    if (xml) printer.xml(to, entry, today);
    else {
      printer.text(to, entry, today);
      if (expiry !== undefined) to.text(` [expires in ${expiry.left(cache, ref, seconds)}s]`);
      to.text(" [active since ");
      to.decimal(Math.max(0, seconds - cache.created(ref)));
      to.text("s]");
    }
    to.newline();
  };
  const close = (): void => {
    if (!closed) cache.endScan();
    closed = true;
  };
  return {
    close,
    next(out) {
      if (closed) return false;
      today = Date.now();
      seconds = Math.floor(now() / 1000);
      to = out;
      bucket = cache.scan(bucket, PIECE_ENTRIES, visit);
      if (bucket < 0) close();
      return !closed;
    },
  };
}
