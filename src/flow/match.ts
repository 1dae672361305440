/**
 * Whether a flow is one that a template asks for.
 *
 * The kernel may have filtered already (dump-filter.ts); everything is compared again here, so that a
 * kernel that ignores a filter gives the same answer. A value that a flow does not carry is not equal.
 *
 * Described in: doc/conntrack.md, "Selection".
 */
import {
  type FlowRegister,
  Has0,
  Has1,
  hasPorts,
  IPPROTO_DCCP,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  isIcmp,
  Status,
  W,
} from "./register.ts";
import { type FlowTemplate, Given, Nat } from "./template.ts";

export type FlowTest = (flow: FlowRegister) => boolean;

/** Every test that the template asks for. The template must not change afterwards. */
export function flowMatch(template: FlowTemplate): FlowTest {
  return all([
    ...translationTests(template),
    ...markTests(template),
    ...labelTests(template),
    ...networkTests(template),
    ...tupleTests(template),
    ...stateTests(template),
    ...valueTests(template),
  ]);
}

/** The tests that choose what `-U` changes: its other values are new ones. */
export function updateMatch(template: FlowTemplate): FlowTest {
  return all([
    ...translationTests(template),
    ...labelTests(template),
    ...networkTests(template),
    ...idTests(template),
    ...tupleTests(template),
  ]);
}

function all(tests: readonly FlowTest[]): FlowTest {
  if (tests.length === 0) return () => true;
  if (tests.length === 1) return tests[0]!;
  return (flow) => {
    for (let i = 0; i < tests.length; i++) if (!tests[i]!(flow)) return false;
    return true;
  };
}

/** The words `count` from `a` on of the flow against those of the template at `a`, under a mask. */
function sameWords(template: FlowTemplate, at: number, count: number): FlowTest {
  const wanted = template.flow.words.slice(at, at + count);
  return ({ words }) => {
    for (let i = 0; i < count; i++) if (words[at + i] !== wanted[i]) return false;
    return true;
  };
}

function networkTests(template: FlowTemplate): FlowTest[] {
  const tests: FlowTest[] = [];
  const network = (given: number, at: number, maskAt: number) => {
    if (!template.has(given)) return;
    const mask = template.masks.slice(maskAt, maskAt + 4);
    const wanted = template.flow.words.slice(at, at + 4);
    const { family, addressWords } = template;
    tests.push(({ words }) => {
      if (words[W.family] !== family) return false;
      for (let i = 0; i < addressWords; i++) {
        if (((words[at + i]! ^ wanted[i]!) & mask[i]!) !== 0) return false;
      }
      return true;
    });
  };
  network(Given.srcMask, W.origSrc, 0);
  network(Given.dstMask, W.origDst, 4);
  return tests;
}

function tupleTests(template: FlowTemplate): FlowTest[] {
  const tests: FlowTest[] = [];
  const { family, addressWords, given } = template;
  const address = (bit: number, at: number) => {
    if ((given & bit) !== 0) tests.push(sameWords(template, at, addressWords));
  };
  if (family !== 0) tests.push(({ words }) => words[W.family] === family);
  if ((given & Given.srcMask) === 0) address(Given.origSrc, W.origSrc);
  if ((given & Given.dstMask) === 0) address(Given.origDst, W.origDst);
  address(Given.replySrc, W.replySrc);
  address(Given.replyDst, W.replyDst);
  if (template.has(Given.origProtocol)) {
    const protocol = template.flow.words[W.protocol]!;
    tests.push(({ words }) => words[W.protocol] === protocol);
    tests.push(...layer4Tests(template, protocol, ORIGINAL));
  }
  if (template.has(Given.replyProtocol)) {
    const protocol = template.replyProtocol;
    tests.push(({ words }) => words[W.protocol] === protocol);
    tests.push(...layer4Tests(template, protocol, REPLY));
  }
  return tests;
}

const ORIGINAL = {
  src: W.origL4Src,
  dst: W.origL4Dst,
  srcBit: Given.origL4Src,
  dstBit: Given.origL4Dst,
} as const;
const REPLY = {
  src: W.replyL4Src,
  dst: W.replyL4Dst,
  srcBit: Given.replyL4Src,
  dstBit: Given.replyL4Dst,
} as const;

function layer4Tests(
  template: FlowTemplate,
  protocol: number,
  at: typeof ORIGINAL | typeof REPLY,
): FlowTest[] {
  const tests: FlowTest[] = [];
  if (hasPorts(protocol)) {
    if (template.has(at.srcBit)) tests.push(sameWords(template, at.src, 1));
    if (template.has(at.dstBit)) tests.push(sameWords(template, at.dst, 1));
  } else if (isIcmp(protocol)) {
    const wanted = template.flow.words[at.dst]!;
    let mask = 0;
    if (template.has(Given.icmpType)) mask |= 0xff00;
    if (template.has(Given.icmpCode)) mask |= 0x00ff;
    if (mask !== 0) tests.push(({ words }) => ((words[at.dst]! ^ wanted) & mask) === 0);
    if (template.has(Given.icmpId)) tests.push(sameWords(template, at.src, 1));
  }
  return tests;
}

function markTests({ flow, markMask }: FlowTemplate): FlowTest[] {
  if (!flow.has0(Has0.mark)) return [];
  const wanted = flow.words[W.mark]!;
  return [(each) => each.has0(Has0.mark) && (each.words[W.mark]! & markMask) >>> 0 === wanted];
}

/** Every label that was named must be set. */
function labelTests(template: FlowTemplate): FlowTest[] {
  const { flow } = template;
  if (!flow.has0(Has0.labels)) return [];
  if (template.namesImpossibleLabel) return [() => false];
  const count = flow.words[W.labelWords]!;
  const wanted = flow.words.slice(W.labels, W.labels + count);
  return [
    (each) => {
      if (!each.has0(Has0.labels) || each.words[W.labelWords]! < count) return false;
      for (let i = 0; i < count; i++) {
        if ((~each.words[W.labels + i]! & wanted[i]!) !== 0) return false;
      }
      return true;
    },
  ];
}

function stateTests({ flow }: FlowTemplate): FlowTest[] {
  const protocol = flow.words[W.protocol];
  if (protocol === IPPROTO_TCP && flow.has0(Has0.tcpState)) {
    return [equal0(flow, Has0.tcpState, W.tcpState)];
  }
  if (protocol === IPPROTO_SCTP && flow.has0(Has0.sctpState)) {
    return [equal0(flow, Has0.sctpState, W.sctpState)];
  }
  if (protocol === IPPROTO_DCCP && flow.has0(Has0.dccpState)) {
    return [equal0(flow, Has0.dccpState, W.dccpState)];
  }
  return [];
}

function valueTests(template: FlowTemplate): FlowTest[] {
  const { flow, statusClear } = template;
  const tests: FlowTest[] = [];
  if (flow.has0(Has0.status) || statusClear !== 0) {
    const wanted = flow.has0(Has0.status) ? flow.words[W.status]! : 0;
    tests.push(
      ({ words }) =>
        (words[W.has0]! & Has0.status) !== 0 &&
        (~words[W.status]! & wanted) === 0 &&
        (words[W.status]! & statusClear) === 0,
    );
  }
  if (flow.has0(Has0.timeout)) tests.push(equal0(flow, Has0.timeout, W.timeout));
  if (flow.has0(Has0.zone)) tests.push(zone(flow, Has0.zone, W.zone));
  if (flow.has0(Has0.zoneOrig)) tests.push(zone(flow, Has0.zoneOrig, W.zoneOrig));
  if (flow.has0(Has0.zoneReply)) tests.push(zone(flow, Has0.zoneReply, W.zoneReply));
  return [...tests, ...idTests(template)];
}

function idTests({ flow }: FlowTemplate): FlowTest[] {
  if (!flow.has1(Has1.id)) return [];
  const wanted = flow.words[W.id]!;
  return [(each) => each.has1(Has1.id) && each.words[W.id] === wanted];
}

function equal0(template: FlowRegister, bit: number, at: number): FlowTest {
  const wanted = template.words[at]!;
  return ({ words }) => (words[W.has0]! & bit) !== 0 && words[at] === wanted;
}

/** No zone is zone 0. */
function zone(template: FlowRegister, bit: number, at: number): FlowTest {
  const wanted = template.words[at]!;
  return ({ words }) => ((words[W.has0]! & bit) === 0 ? wanted === 0 : words[at] === wanted);
}

/** Where the two ends of one translation lie. */
interface Side {
  readonly done: number;
  readonly before: number;
  readonly after: number;
  readonly portBefore: number;
  readonly portAfter: number;
  readonly address: number;
  readonly hasAddress: number;
  readonly port: number;
  readonly hasPort: number;
}

const SOURCE: Side = {
  done: Status.SRC_NAT_DONE,
  before: W.origSrc,
  after: W.replyDst,
  portBefore: W.origL4Src,
  portAfter: W.replyL4Dst,
  address: W.snat,
  hasAddress: Has0.snat,
  port: W.snatPort,
  hasPort: Has0.snatPort,
};
const DESTINATION: Side = {
  done: Status.DST_NAT_DONE,
  before: W.origDst,
  after: W.replySrc,
  portBefore: W.origL4Dst,
  portAfter: W.replyL4Src,
  address: W.dnat,
  hasAddress: Has0.dnat,
  port: W.dnatPort,
  hasPort: Has0.dnatPort,
};

function translationTests(template: FlowTemplate): FlowTest[] {
  const source = translated(template, SOURCE);
  const destination = translated(template, DESTINATION);
  switch (template.nat) {
    case Nat.none:
      return [];
    case Nat.source:
      return [source];
    case Nat.destination:
      return [destination];
    case Nat.both:
      return [source, destination];
    case Nat.any:
      return [(flow) => source(flow) || destination(flow)];
  }
}

/** ICMP has no ports: its id, type and code are no sign of a translation. */
function translated({ flow, addressWords }: FlowTemplate, side: Side): FlowTest {
  const address = flow.has0(side.hasAddress)
    ? flow.words.slice(side.address, side.address + addressWords)
    : undefined;
  const port = flow.has0(side.hasPort) ? flow.words[side.port]! : undefined;
  return (each) => {
    const { words } = each;
    if (each.has0(Has0.status) && (words[W.status]! & side.done) === 0) return false;
    const byAddress = isAddressTranslated(words, side);
    const byPort = hasPorts(words[W.protocol]!) && words[side.portBefore] !== words[side.portAfter];
    if (address === undefined) return byAddress || byPort;
    if (!byAddress || address.some((word, i) => words[side.after + i] !== word)) return false;
    return port === undefined || (byPort && words[side.portAfter] === port);
  };
}

function isAddressTranslated(words: Uint32Array, side: Side): boolean {
  if (words[side.before] !== words[side.after]) return true;
  if (words[W.family] !== 10) return false;
  for (let i = 1; i < 4; i++) if (words[side.before + i] !== words[side.after + i]) return true;
  return false;
}

/** The translations of addresses that a flow has undergone. */
export function addressTranslations(flow: FlowRegister): { source: boolean; destination: boolean } {
  const status = flow.has0(Has0.status) ? flow.words[W.status]! : -1;
  return {
    source: (status & SOURCE.done) !== 0 && isAddressTranslated(flow.words, SOURCE),
    destination: (status & DESTINATION.done) !== 0 && isAddressTranslated(flow.words, DESTINATION),
  };
}
