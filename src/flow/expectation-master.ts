/** The master of an expectation, as a flow to look for: its original tuple and the zone. */
import { type ExpectationRegister, HasX, MASTER_FLOW_TUPLE as M, X } from "./expectation.ts";
import { type FlowRegister, Has0, W } from "./register.ts";

export function masterFlow(expectation: ExpectationRegister, flow: FlowRegister): void {
  flow.clear();
  const from = expectation.words;
  const to = flow.words;
  to[W.family] = from[M.family]!;
  to[W.protocol] = from[M.protocol]!;
  for (let i = 0; i < 4; i++) {
    to[W.origSrc + i] = from[M.src + i]!;
    to[W.origDst + i] = from[M.dst + i]!;
  }
  to[W.origL4Src] = from[M.l4Src]!;
  to[W.origL4Dst] = from[M.l4Dst]!;
  to[W.has0] = Has0.orig;
  if (expectation.has(HasX.masterL4)) to[W.has0]! |= Has0.origL4;
  if (!expectation.has(HasX.zone)) return;
  to[W.zone] = from[X.zone]!;
  to[W.has0]! |= Has0.zone;
}
