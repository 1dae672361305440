/**
 * `nfct`: words become one request, and the answer becomes text.
 *
 * Described in: doc/nfct.md.
 */
import process from "node:process";
import { errnoText } from "../../../native/index.ts";
import { protocolTable } from "../../config/protocols.ts";
import { MessageWriter, NFGEN_BYTES, NLMSG_HEADER_BYTES } from "../../netlink/message.ts";
import {
  readTimeoutPolicy,
  timeoutPolicyText,
  writeTimeoutRequest,
} from "../../netlink/timeout-policy.ts";
import { helperText, readHelper, writeHelperRequest } from "../../netlink/userspace-helper.ts";
import { readProtocols } from "../../runtime/config-bytes.ts";
import { NetlinkSession } from "../../runtime/netlink-session.ts";

import { SystemError } from "../../runtime/system-error.ts";
import { helperRequest } from "./helper-commands.ts";
import { Mistake, USAGE } from "./mistake.ts";
import { helpText, versionText } from "./texts.ts";
import { timeoutRequest } from "./timeout-commands.ts";
import { type Line, readWords } from "./words.ts";

/** More than the longest request: names are cut, and states are few. */
const REQUEST_BYTES = 512;
const PAYLOAD = NLMSG_HEADER_BYTES + NFGEN_BYTES;
const EBUSY = 16;
const EXIT_FAILURE = 1;
/** What the reference returns when it gets no socket. */
const EXIT_NO_SOCKET = 255;

type RunLine = Extract<Line, { kind: "run" }>;

/** Runs one command line and resolves with the exit status. `version` is our own. */
export function nfct(words: readonly string[], version: string): number {
  try {
    const line = readWords(words);
    switch (line.kind) {
      case "usage":
        process.stderr.write(`${USAGE}\n`);
        return EXIT_FAILURE;
      case "help":
        return print(helpText());
      case "version":
        return print(versionText(version));
      case "run":
        return line.subsystem === "version" ? print(versionText(version)) : run(line);
    }
  } catch (error) {
    if (!(error instanceof Mistake)) throw error;
    process.stderr.write(error.lines);
    return EXIT_FAILURE;
  }
}

function print(text: string): number {
  process.stdout.write(text);
  return 0;
}

function run(line: RunLine): number {
  const session = openSession();
  if (session === undefined) return EXIT_NO_SOCKET;
  try {
    return line.subsystem === "timeout" ? runTimeout(session, line) : runHelper(session, line);
  } finally {
    session.close();
  }
}

function openSession(): NetlinkSession | undefined {
  try {
    return new NetlinkSession();
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    process.stderr.write(new Mistake(`cannot open netlink: ${error.reason}`).lines);
    return undefined;
  }
}

function runTimeout(session: NetlinkSession, { command, parameters }: RunLine): number {
  const protocols = () => protocolTable(readProtocols());
  const request = timeoutRequest(command, parameters, (name) => protocols().get(name));
  const w = new MessageWriter(REQUEST_BYTES);
  writeTimeoutRequest(w, request, sequenceNow());
  const errno = exchange(session, w, request.kind === "list", (bytes, at, end) => {
    const policy = readTimeoutPolicy(bytes, at, end);
    return policy === undefined ? "" : timeoutPolicyText(policy);
  });
  return conclude(errno);
}

function runHelper(session: NetlinkSession, { command, parameters, second }: RunLine): number {
  const request = helperRequest(command, parameters, second);
  const w = new MessageWriter(REQUEST_BYTES);
  writeHelperRequest(w, request, sequenceNow());
  const errno = exchange(session, w, request.kind === "list", (bytes, at, end) =>
    helperText(readHelper(bytes, at, end)),
  );
  if (errno === EBUSY && request.kind === "add") {
    return conclude(errno, `Maybe unload nf_conntrack_${request.helper.name}.ko first?`);
  }
  return conclude(errno);
}

type Show = (bytes: Uint8Array, at: number, end: number) => string;

/** Sends a request and prints what answers it. 0, or the errno that refused it. */
function exchange(session: NetlinkSession, w: MessageWriter, isDump: boolean, show: Show): number {
  const visit = (bytes: Uint8Array, at: number, end: number) => {
    // One character a byte: names are whatever somebody has chosen.
    process.stdout.write(Buffer.from(show(bytes, at + PAYLOAD, end), "latin1"));
  };
  return isDump ? session.dump(w, visit) : session.request(w, visit);
}

function conclude(errno: number, ...more: readonly string[]): number {
  if (errno === 0) return 0;
  throw new Mistake(`netlink error: ${errnoText(errno)}`, ...more);
}

/** As the reference numbers its requests: seconds of the clock. */
function sequenceNow(): number {
  return Math.floor(Date.now() / 1000) | 0;
}
