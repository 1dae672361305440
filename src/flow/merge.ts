/**
 * What an update does to a stored flow: every attribute it holds overwrites, every attribute it
 * lacks stays. Tuples are never touched. Described in: doc/sync/machines.md, "Caches".
 */
import {
  type FlowRegister,
  Has0,
  Has1,
  HELPER_MAX_BYTES,
  SECCTX_MAX_BYTES,
  W,
} from "./register.ts";

interface Run {
  readonly has: number;
  readonly word: number;
  readonly count: number;
}

const run = (has: number, word: number, count = 1): Run => ({ has, word, count });

const RUNS0: readonly Run[] = [
  run(Has0.status, W.status),
  run(Has0.timeout, W.timeout),
  run(Has0.mark, W.mark),
  run(Has0.tcpState, W.tcpState),
  run(Has0.wscaleOrig, W.wscaleOrig),
  run(Has0.wscaleReply, W.wscaleReply),
  run(Has0.tcpFlagsOrig, W.tcpFlagsOrig),
  run(Has0.tcpFlagsReply, W.tcpFlagsReply),
  run(Has0.sctpState, W.sctpState),
  run(Has0.sctpVtagOrig, W.sctpVtagOrig),
  run(Has0.sctpVtagReply, W.sctpVtagReply),
  run(Has0.dccpState, W.dccpState),
  run(Has0.dccpRole, W.dccpRole),
  run(Has0.dccpHandshake, W.dccpHandshakeLow, 2),
  run(Has0.master, W.masterFamily, W.masterL4Src - W.masterFamily),
  run(Has0.masterL4, W.masterL4Src, 2),
  run(Has0.seqOrig, W.seqOrigPosition, 3),
  run(Has0.seqReply, W.seqReplyPosition, 3),
  run(Has0.synproxy, W.synproxyIsn, 3),
  run(Has0.snat, W.snat, 4),
  run(Has0.dnat, W.dnat, 4),
  run(Has0.snatPort, W.snatPort),
  run(Has0.dnatPort, W.dnatPort),
  run(Has0.helper, W.helperLength),
  run(Has0.helper, W.helper, (HELPER_MAX_BYTES + 1) >> 2),
  run(Has0.labels, W.labelWords, 1 + 4),
];

const RUNS1: readonly Run[] = [
  run(Has1.id, W.id),
  run(Has1.start, W.startLow, 2),
  run(Has1.secmark, W.secmark),
  run(Has1.secctx, W.secctxLength),
  run(Has1.secctx, W.secctx, (SECCTX_MAX_BYTES + 1) >> 2),
  run(Has1.helperInfo, W.helperInfoLength),
  run(Has1.helperInfo, W.helperInfo, 8),
];

const MERGED0 = RUNS0.reduce((all, each) => all | each.has, 0);
const MERGED1 = RUNS1.reduce((all, each) => all | each.has, 0);

function copyRuns(runs: readonly Run[], has: number, from: Uint32Array, to: Uint32Array): void {
  for (let i = 0; i < runs.length; i++) {
    const each = runs[i]!;
    if ((has & each.has) === 0) continue;
    const end = each.word + each.count;
    for (let k = each.word; k < end; k++) to[k] = from[k]!;
  }
}

/** Lay `update` over `stored`. */
export function mergeFlow(stored: FlowRegister, update: FlowRegister): void {
  const from = update.words;
  const to = stored.words;
  const has0 = from[W.has0]! & MERGED0;
  const has1 = from[W.has1]! & MERGED1;
  copyRuns(RUNS0, has0, from, to);
  if (has1 === Has1.id) to[W.id] = from[W.id]!;
  else if (has1 !== 0) copyRuns(RUNS1, has1, from, to);
  to[W.has0]! |= has0;
  to[W.has1]! |= has1;
}
