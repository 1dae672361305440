/**
 * The commands on expectations: `-L`, `-C`, `-G`, `-I`, `-D` with the table `expect`.
 *
 * Described in: doc/conntrack.md, "Expectations".
 */
import {
  EXPECTED_TUPLE,
  ExpectationRegister,
  HasX,
  MASK_TUPLE,
  MASTER_FLOW_TUPLE,
  X,
} from "../../flow/expectation.ts";
import {
  createExpectation,
  decodeKernelExpectation,
  deleteExpectation,
  dumpExpectations,
  getExpectation,
} from "../../flow/expectation-kernel.ts";
import { type TupleWords, W } from "../../flow/register.ts";
import { MessageWriter } from "../../netlink/message.ts";
import { writeOutText } from "../../runtime/standard-output.ts";
import type { Command } from "./command.ts";
import { ATTRIBUTES, type Context, succeed, summarize } from "./context.ts";
import { ExpectationPrinter } from "./expectation-printing.ts";
import { countLine } from "./statistics.ts";

const REQUEST_BYTES = 2048;

export function listExpectations(command: Command, { session }: Context): number {
  const w = new MessageWriter(REQUEST_BYTES);
  dumpExpectations(w, command.family, 1);
  const printer = new ExpectationPrinter(command);
  const expectation = new ExpectationRegister();
  let count = 0;
  const errno = session.dump(w, (bytes, at, end) => {
    if (!decodeKernelExpectation(expectation, bytes, at + ATTRIBUTES, end)) return;
    count += 1;
    printer.line(expectation);
    printer.flushLarge();
  });
  if (errno === 0) printer.end();
  printer.flush();
  succeed("xlist", errno);
  summarize(`${count} expectations have been shown.`);
  return 0;
}

export function countExpectations(command: Command, { session }: Context): number {
  const w = new MessageWriter(REQUEST_BYTES);
  dumpExpectations(w, command.family, 1);
  let count = 0;
  const errno = session.dump(w, () => {
    count += 1;
  });
  writeOutText(countLine(command, count));
  succeed("xcount", errno);
  return 0;
}

export function getExpectationOf(command: Command, { session }: Context): number {
  const w = new MessageWriter(REQUEST_BYTES);
  getExpectation(w, expectedByTuple(command), 1);
  const printer = new ExpectationPrinter(command);
  const expectation = new ExpectationRegister();
  const errno = session.request(w, (bytes, at, end) => {
    if (decodeKernelExpectation(expectation, bytes, at + ATTRIBUTES, end)) {
      printer.line(expectation);
    }
  });
  printer.flush();
  succeed("xget", errno);
  return 0;
}

/** Success counts nothing and has failed, as with the reference: scripts have learnt to live with it. */
export function deleteExpectationOf(command: Command, { session }: Context): number {
  const w = new MessageWriter(REQUEST_BYTES);
  deleteExpectation(w, expectedByTuple(command), 1);
  succeed(
    "xdelete",
    session.request(w, () => undefined),
  );
  summarize("0 expectations have been shown.");
  return 1;
}

export function createExpectationOf(command: Command, { session }: Context): number {
  const { template, expected, mask, family } = command;
  const { words: flow } = template.flow;
  const r = new ExpectationRegister();
  const { words } = r;
  const tuple = (at: TupleWords, addresses: Uint32Array, l4: ArrayLike<number>) => {
    words[at.family] = family;
    words[at.protocol] = flow[W.protocol]!;
    words.set(addresses.subarray(0, 4), at.src);
    words.set(addresses.subarray(4, 8), at.dst);
    words[at.l4Src] = l4[0]!;
    words[at.l4Dst] = l4[1]!;
    words[X.has]! |= at.has | at.hasL4;
  };
  const master = flow.slice(W.origSrc, W.origSrc + 8);
  tuple(MASTER_FLOW_TUPLE, master, [flow[W.origL4Src]!, flow[W.origL4Dst]!]);
  tuple(EXPECTED_TUPLE, expected.addresses, expected.l4);
  tuple(MASK_TUPLE, template.masks, mask.l4);
  words[X.timeout] = flow[W.timeout]!;
  words[X.has]! |= HasX.timeout;
  const w = new MessageWriter(REQUEST_BYTES);
  createExpectation(w, r, 1);
  succeed(
    "xcreate",
    session.request(w, () => undefined),
  );
  return 0;
}

/** To look up and to delete, the expected tuple is given as if it were that of a flow. */
function expectedByTuple({ template, family }: Command): ExpectationRegister {
  const { words: flow } = template.flow;
  const r = new ExpectationRegister();
  const { words } = r;
  const at = EXPECTED_TUPLE;
  words[at.family] = family;
  words[at.protocol] = flow[W.protocol]!;
  words.set(flow.subarray(W.origSrc, W.origSrc + 4), at.src);
  words.set(flow.subarray(W.origDst, W.origDst + 4), at.dst);
  words[at.l4Src] = flow[W.origL4Src]!;
  words[at.l4Dst] = flow[W.origL4Dst]!;
  words[X.has]! |= at.has | at.hasL4;
  return r;
}
