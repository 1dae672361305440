/**
 * Reads the kernel's table again and again for the screen: in pieces, so that keys are heard meanwhile, and with pauses
 * that grow with the table, so that a large one does not take a core.
 *
 * Described in: doc/conntrack.md, "Top".
 */
import { decodeKernelFlow } from "../../flow/kernel-table.ts";
import { FlowRegister } from "../../flow/register.ts";
import {
  IPCTNL_MSG_CT_GET,
  MessageWriter,
  NLM_F_DUMP,
  NLM_F_REQUEST,
} from "../../netlink/message.ts";
import { NetlinkSession } from "../../runtime/netlink-session.ts";
import { ATTRIBUTES } from "../conntrack/context.ts";
import { FlowCounters } from "./counters.ts";
import { Look, type Picture, type Question } from "./look.ts";

/** A look may take one part in so many of the time: the rest is pause. */
const PAUSE_FACTOR = 9;
/** A dump that the kernel broke off, because the table was being resized, is no failure. */
const EINTR = 4;

export interface TableReaderOptions {
  /** The family to look at; 0: any. */
  readonly family: number;
  readonly intervalMs: number;
  /** Asked at the beginning of every look. */
  readonly question: () => Question;
  readonly onPicture: (picture: Picture) => void;
  /** The kernel refused: the end. */
  readonly onFailure: (errno: number) => void;
}

export class TableReader {
  readonly #options: TableReaderOptions;
  readonly #counters = new FlowCounters();
  readonly #flow = new FlowRegister();
  #session: NetlinkSession | undefined;
  #lastLook: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isLooking = false;
  #isAskedAgain = false;
  #isClosed = false;

  constructor(options: TableReaderOptions) {
    this.#options = options;
  }

  /** Look at once: at the beginning, and when another question is asked. */
  look(): void {
    if (this.#isClosed) return;
    if (this.#isLooking) {
      this.#isAskedAgain = true;
      return;
    }
    clearTimeout(this.#timer);
    this.#isLooking = true;
    this.#isAskedAgain = false;
    const now = performance.now();
    const seconds = this.#lastLook === undefined ? 0 : (now - this.#lastLook) / 1000;
    this.#lastLook = now;
    const look = new Look(this.#counters, this.#options.question(), seconds);
    this.#session ??= new NetlinkSession();
    const w = new MessageWriter(64);
    w.begin(IPCTNL_MSG_CT_GET, NLM_F_REQUEST | NLM_F_DUMP, 1, this.#options.family);
    w.end();
    const refused = this.#session.beginDump(w);
    if (refused === 0) this.#read(this.#session, look, 0);
    else this.#options.onFailure(refused);
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#session?.close();
    this.#session = undefined;
  }

  /** One piece; the next one when keys and screen have had their turn. */
  #read(session: NetlinkSession, look: Look, spentMs: number): void {
    if (this.#isClosed) return;
    const flow = this.#flow;
    const start = performance.now();
    const ended = session.continueDump((bytes, at, end) => {
      if (decodeKernelFlow(flow, bytes, at + ATTRIBUTES, end)) look.see(flow);
    });
    const spent = spentMs + performance.now() - start;
    if (ended === undefined) setImmediate(() => this.#read(session, look, spent));
    else this.#finish(look, ended, spent);
  }

  #finish(look: Look, errno: number, spentMs: number): void {
    this.#isLooking = false;
    if (errno !== 0) {
      // What is left of the dump must not be taken for the next one.
      this.#session?.close();
      this.#session = undefined;
      if (errno !== EINTR) {
        this.#options.onFailure(errno);
        return;
      }
    }
    this.#options.onPicture(look.end());
    const pause = Math.max(this.#options.intervalMs, spentMs * PAUSE_FACTOR);
    // Another question does not wait as long, but not less than the look has taken.
    this.#timer = setTimeout(() => this.look(), this.#isAskedAgain ? spentMs : pause);
  }
}
