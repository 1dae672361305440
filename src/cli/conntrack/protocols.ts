/**
 * Options that `-p` brings: one row an option of each protocol, with its legality and what it writes
 * into the command.
 *
 * Described in: doc/conntrack.md, "Protocols".
 */

import { DCCP_STATES, SCTP_STATES, TCP_STATES } from "../../flow/flow-words.ts";
import { icmpReplyType } from "../../flow/icmp.ts";
import {
  Has0,
  IPPROTO_DCCP,
  IPPROTO_GRE,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
  W,
} from "../../flow/register.ts";
import { Given } from "../../flow/template.ts";
import { swap32 } from "../../kit/bytes.ts";
import type { Command } from "./command.ts";
import { usageFailure } from "./failure.ts";
import type { Legality } from "./options.ts";
import type { Place } from "./plain-value.ts";
import { cNumber, decimal } from "./values.ts";

/** A setter throws a Failure when the value cannot be. */
export type Setter = (command: Command, value: string) => void;

export interface ProtocolOptionRow {
  /** The name that messages say; the first long name. There are no letters. */
  readonly name: string;
  readonly aliases: readonly string[];
  readonly value: string;
  readonly legality: Legality;
  readonly set: Setter;
  readonly text: string;
  /** Where a plain value goes; all else that the setter does is the same for every value. */
  readonly place?: Place;
}

export interface ProtocolRow {
  readonly name: string;
  readonly number: number;
  readonly options: readonly ProtocolOptionRow[];
  /** Words for a pair that is incomplete, and for one of which only the reply was said. */
  readonly pairTexts?: readonly [original: string, reply: string];
}

function option(
  name: string,
  legality: string,
  value: string,
  set: Setter,
  text: string,
  aliases: readonly string[] = [],
): ProtocolOptionRow {
  return { name, aliases, value, legality: legality.replace(/\s/g, ""), set, text };
}

type Number = (text: string) => number;

/** Ports are decimal, keys are in C notation; both wrap at 16 bits. */
const port: Number = (text) => decimal(text) & 0xffff;
const key: Number = (text) => Number(BigInt.asUintN(16, cNumber(text).value));

function original(at: number, given: number, read: Number): Setter {
  return ({ template, protocol }, value) => {
    template.flow.words[at] = read(value);
    template.given |= given | Given.origProtocol;
    template.flow.words[W.protocol] = protocol!.number;
  };
}

function reply(at: number, given: number, read: Number): Setter {
  return ({ template, protocol }, value) => {
    template.flow.words[at] = read(value);
    template.given |= given | Given.replyProtocol;
    template.replyProtocol = protocol!.number;
  };
}

function expected(what: "expected" | "mask", at: 0 | 1, read: Number): Setter {
  return (command, value) => {
    command[what].l4[at] = read(value);
  };
}

//                   L I U D G F E V h  x:L I D G F E  C
const PAIR = "       o c o o c . o . .     . M M M . .  .";
const REPLY_PAIR = " o c o o c . o . .     . . M M . .  .";
const EXPECTED = "   . . . . . . . . .     . M . . . .  .";
const STATE = "      o M o o o . o . .     . . . . . .  .";
const TAG = "        . M o . o . . . .     . M . . . .  .";
const ROLE = "       . M . . . . . . .     . M . . . .  .";
const ICMP = "       o M o o M . o . .     . . . . . .  .";
const ICMP_ID = "    o o o o o . o . .     . . . . . .  .";
const KEY_REPLY = "  o c o o c . o . .     . M M M . .  .";

/** An option whose value is a port in a place of its own. */
function portOption(
  name: string,
  legality: string,
  at: number,
  set: Setter,
  text: string,
  aliases: readonly string[] = [],
): ProtocolOptionRow {
  return { ...option(name, legality, "PORT", set, text, aliases), place: { at, kind: "port" } };
}

const srcSetter = original(W.origL4Src, Given.origL4Src, port);
const dstSetter = original(W.origL4Dst, Given.origL4Dst, port);
const replySrcSetter = reply(W.replyL4Src, Given.replyL4Src, port);
const replyDstSetter = reply(W.replyL4Dst, Given.replyL4Dst, port);

/** What protocols with ports share; the state stands between the masks and the expected ports. */
function portOptions(state: readonly ProtocolOptionRow[]): ProtocolOptionRow[] {
  const replySource = "source port of the reply";
  const replyDestination = "destination port of the reply";
  return [
    portOption("sport", PAIR, W.origL4Src, srcSetter, "original source port", ["orig-port-src"]),
    portOption("dport", PAIR, W.origL4Dst, dstSetter, "original destination port", [
      "orig-port-dst",
    ]),
    portOption("reply-port-src", REPLY_PAIR, W.replyL4Src, replySrcSetter, replySource),
    portOption("reply-port-dst", REPLY_PAIR, W.replyL4Dst, replyDstSetter, replyDestination),
    option("mask-port-src", EXPECTED, "PORT", expected("mask", 0, port), "mask of the source port"),
    option(
      "mask-port-dst",
      EXPECTED,
      "PORT",
      expected("mask", 1, port),
      "mask of the destination port",
    ),
    ...state,
    option(
      "tuple-port-src",
      EXPECTED,
      "PORT",
      expected("expected", 0, port),
      "source port of the expected flow",
    ),
    option(
      "tuple-port-dst",
      EXPECTED,
      "PORT",
      expected("expected", 1, port),
      "destination port of the expected flow",
    ),
  ];
}

/** States that can be asked for, by number; later ones are only shown. */
function state(names: readonly string[], at: number, has0: number, unknown: string): Setter {
  return ({ template: { flow } }, value) => {
    const number = value === "LISTEN" && names === TCP_STATES ? LISTEN : names.indexOf(value);
    if (number < 0) throw usageFailure(`${unknown} \`${value}'`);
    flow.words[at] = number;
    flow.words[W.has0]! |= has0;
  };
}

const LISTEN = 9;
const LAST_SCTP_STATE_TO_SET = 7;
const TIME_WAIT = 7;

const setTcpState = state(TCP_STATES, W.tcpState, Has0.tcpState, "unknown TCP state");
const setSctpState = state(
  SCTP_STATES.slice(0, LAST_SCTP_STATE_TO_SET + 1),
  W.sctpState,
  Has0.sctpState,
  "unknown SCTP state",
);
const setDccpState = state(DCCP_STATES, W.dccpState, Has0.dccpState, "Unknown DCCP state");

/** Tags are entered in the byte order of little-endian machines. */
function tag(at: number, has0: number): Setter {
  return ({ template: { flow } }, value) => {
    flow.words[at] = swap32(decimal(value));
    flow.words[W.has0]! |= has0;
  };
}

const setRole: Setter = ({ template: { flow } }, value) => {
  const number = ["client", "server"].findIndex((role) => role.startsWith(value.toLowerCase()));
  if (number < 0) throw usageFailure(`Unknown DCCP role \`${value}'`);
  flow.words[W.dccpRole] = number;
  flow.words[W.has0]! |= Has0.dccpRole;
};

type IcmpPart = "type" | "code" | "id";

/** The reply is completed; its protocol is told only behind an address of the reply. */
function icmp(part: IcmpPart): Setter {
  return ({ template, protocol }, value) => {
    const { words } = template.flow;
    const number = decimal(value);
    if (part === "id") {
      words[W.origL4Src] = words[W.replyL4Src] = number & 0xffff;
      template.given |= Given.icmpId;
    } else if (part === "type") {
      words[W.origL4Dst] = (words[W.origL4Dst]! & 0xff) | ((number & 0xff) << 8);
      const answer = icmpReplyType(protocol!.number, number & 0xff);
      words[W.replyL4Dst] = (words[W.replyL4Dst]! & 0xff) | (answer << 8);
      template.given |= Given.icmpType;
    } else {
      words[W.origL4Dst] = (words[W.origL4Dst]! & 0xff00) | (number & 0xff);
      words[W.replyL4Dst] = (words[W.replyL4Dst]! & 0xff00) | (number & 0xff);
      template.given |= Given.icmpCode;
    }
    if (template.has(Given.replySrc | Given.replyDst)) {
      template.replyProtocol = protocol!.number;
      template.given |= Given.replyProtocol;
    }
  };
}

function icmpOptions(prefix: string): ProtocolOptionRow[] {
  return [
    option(`${prefix}-type`, ICMP, "NUMBER", icmp("type"), "type of the message"),
    option(`${prefix}-code`, ICMP, "NUMBER", icmp("code"), "code of the message"),
    option(`${prefix}-id`, ICMP_ID, "NUMBER", icmp("id"), "id of the message"),
  ];
}

const greOptions: readonly ProtocolOptionRow[] = [
  option(
    "srckey",
    PAIR,
    "KEY",
    original(W.origL4Src, Given.origL4Src, key),
    "original source key",
    ["orig-key-src"],
  ),
  option(
    "dstkey",
    PAIR,
    "KEY",
    original(W.origL4Dst, Given.origL4Dst, key),
    "original destination key",
    ["orig-key-dst"],
  ),
  option(
    "reply-key-src",
    KEY_REPLY,
    "KEY",
    reply(W.replyL4Src, Given.replyL4Src, key),
    "source key of the reply",
  ),
  option(
    "reply-key-dst",
    KEY_REPLY,
    "KEY",
    reply(W.replyL4Dst, Given.replyL4Dst, key),
    "destination key of the reply",
  ),
  option("mask-key-src", EXPECTED, "KEY", expected("mask", 0, key), "mask of the source key"),
  option("mask-key-dst", EXPECTED, "KEY", expected("mask", 1, key), "mask of the destination key"),
  option(
    "tuple-key-src",
    EXPECTED,
    "KEY",
    expected("expected", 0, key),
    "source key of the expected flow",
  ),
  option(
    "tuple-key-dst",
    EXPECTED,
    "KEY",
    expected("expected", 1, key),
    "destination key of the expected flow",
  ),
];

const stateText = "state of the connection";
const PORT_PAIRS = [
  "you have to specify `--sport' and `--dport'",
  "you have to specify `--reply-src-port' and `--reply-dst-port'",
] as const;

export const PROTOCOLS: readonly ProtocolRow[] = [
  {
    name: "tcp",
    number: IPPROTO_TCP,
    options: portOptions([option("state", STATE, "STATE", setTcpState, stateText)]),
    pairTexts: PORT_PAIRS,
  },
  { name: "udp", number: IPPROTO_UDP, options: portOptions([]), pairTexts: PORT_PAIRS },
  { name: "udplite", number: IPPROTO_UDPLITE, options: portOptions([]), pairTexts: PORT_PAIRS },
  {
    name: "sctp",
    number: IPPROTO_SCTP,
    options: [
      ...portOptions([option("state", STATE, "STATE", setSctpState, stateText)]),
      option(
        "orig-vtag",
        TAG,
        "TAG",
        tag(W.sctpVtagOrig, Has0.sctpVtagOrig),
        "verification tag, original direction",
      ),
      option(
        "reply-vtag",
        TAG,
        "TAG",
        tag(W.sctpVtagReply, Has0.sctpVtagReply),
        "verification tag, reply direction",
      ),
    ],
    pairTexts: PORT_PAIRS,
  },
  {
    name: "dccp",
    number: IPPROTO_DCCP,
    options: [
      ...portOptions([option("state", STATE, "STATE", setDccpState, stateText)]),
      option("role", ROLE, "client|server", setRole, "which side the original source is"),
    ],
    pairTexts: [PORT_PAIRS[0], "you have to specify `--reply-port-src' and `--report-port-dst'"],
  },
  { name: "icmp", number: IPPROTO_ICMP, options: icmpOptions("icmp") },
  { name: "icmpv6", number: IPPROTO_ICMPV6, options: icmpOptions("icmpv6") },
  {
    name: "gre",
    number: IPPROTO_GRE,
    options: greOptions,
    pairTexts: [
      "you have to specify `--srckey' and `--dstkey'",
      "you have to specify `--reply-src-key' and `--reply-dst-key'",
    ],
  },
];

/** TCP flags that a request sets, as value and as mask. */
const SACK_PERMITTED = 0x02;
const CLOSE_INIT = 0x04;
const BE_LIBERAL = 0x08;

/** What the last protocol adds when everything was said. */
export function finishProtocol({ template, protocol }: Command): void {
  const { flow } = template;
  const { words } = flow;
  if (protocol === undefined) {
    // A protocol without an extension: the reply has the same number.
    template.replyProtocol = words[W.protocol]!;
  } else if (protocol.number === IPPROTO_TCP && template.has(Given.origProtocol)) {
    const closing = flow.has0(Has0.tcpState) && words[W.tcpState]! >= TIME_WAIT;
    const flags = SACK_PERMITTED | BE_LIBERAL | (closing ? CLOSE_INIT : 0);
    words[W.tcpFlagsOrig] = words[W.tcpFlagsReply] = flags | (flags << 8);
    words[W.has0]! |= Has0.tcpFlagsOrig | Has0.tcpFlagsReply;
  }
}
