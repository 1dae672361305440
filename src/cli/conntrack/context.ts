/**
 * What carrying out a command needs: the conversation with the kernel, the label map, and the rules of
 * how a command ends.
 */
import { errnoText } from "../../../native/index.ts";
import type { LabelMap } from "../../flow/label-map.ts";
import { NFGEN_BYTES, NLMSG_HEADER_BYTES } from "../../netlink/message.ts";
import { NetlinkSession } from "../../runtime/netlink-session.ts";
import { writeErrText } from "../../runtime/standard-output.ts";
import { SystemError } from "../../runtime/system-error.ts";
import { BANNER, Failure, type Operation, operationFailure } from "./failure.ts";

/** Where the attributes of a message begin. */
export const ATTRIBUTES = NLMSG_HEADER_BYTES + NFGEN_BYTES;

export class Context {
  readonly labels: LabelMap | undefined;
  /** Lines of a file: no summary, and a count of 0 is no failure. */
  readonly isBatch: boolean;
  #session: NetlinkSession | undefined;
  #changes: NetlinkSession | undefined;

  constructor(labels: LabelMap | undefined, isBatch = false) {
    this.labels = labels;
    this.isBatch = isBatch;
  }

  /** The socket of requests and dumps, opened when it is needed. @throws Failure */
  get session(): NetlinkSession {
    this.#session ??= openSession();
    return this.#session;
  }

  /** A second one, for what is changed while a dump goes on. */
  get changes(): NetlinkSession {
    this.#changes ??= openSession();
    return this.#changes;
  }
}

function openSession(): NetlinkSession {
  try {
    return new NetlinkSession();
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    writeErrText(`mnl_socket_open: ${error.reason}\n`);
    throw new Failure("Can't open handler");
  }
}

/** @throws Failure where `errno` is not 0 */
export function succeed(operation: Operation, errno: number): void {
  if (errno !== 0) throw operationFailure(operation, errno, errnoText);
}

/** The line that ends a command. */
export function summarize(text: string): void {
  writeErrText(`${BANNER}: ${text}\n`);
}

/** Commands that shall do something have failed when they did nothing. */
export function summarizeChange({ isBatch }: Context, count: number, what: string): number {
  if (isBatch) return 0;
  summarize(`${count} flow entries have been ${what}.`);
  return count === 0 ? 1 : 0;
}
