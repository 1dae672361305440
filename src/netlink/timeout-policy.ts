/**
 * Timeout policies of the kernel: their names of states, the requests about them, and what answers.
 *
 * A policy says how long a flow of one protocol lives in each state; a rule gives it to flows. The defaults of a
 * namespace are a policy without a name. No socket here, and no opinion about values: the kernel judges.
 * Described in: doc/nfct.md, "Timeout policies". Source: linux/netfilter/nfnetlink_cttimeout.h.
 */
import { assert } from "../kit/assert.ts";
import { attributesOf, readText, writeText } from "./attribute.ts";
import {
  type MessageWriter,
  NLM_F_ACK,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_REQUEST,
  readBe16,
  readBe32,
} from "./message.ts";

const SUBSYSTEM = 8 << 8;
const NEW = SUBSYSTEM | 0;
const GET = SUBSYSTEM | 1;
const DELETE = SUBSYSTEM | 2;
const DEFAULT_SET = SUBSYSTEM | 3;
const DEFAULT_GET = SUBSYSTEM | 4;

const CTA_TIMEOUT_NAME = 1;
const CTA_TIMEOUT_L3PROTO = 2;
const CTA_TIMEOUT_L4PROTO = 3;
const CTA_TIMEOUT_DATA = 4;

/** Longer names are cut, as the reference cuts them. */
export const TIMEOUT_NAME_MAX_BYTES = 31;
/** The number that stands for every protocol without a table of its own. */
export const GENERIC_PROTOCOL = 255;

const ports = ["UNREPLIED", "REPLIED"];
const single = ["TIMEOUT"];

/** Names of states by protocol, in the order of the attributes 1, 2, … */
const stateNames: Readonly<Record<number, readonly string[]>> = {
  1: single,
  6: [
    ...["SYN_SENT", "SYN_RECV", "ESTABLISHED", "FIN_WAIT", "CLOSE_WAIT", "LAST_ACK"],
    ...["TIME_WAIT", "CLOSE", "SYN_SENT2", "RETRANS", "UNACKNOWLEDGED"],
  ],
  17: ports,
  33: ["REQUEST", "RESPOND", "PARTOPEN", "OPEN", "CLOSEREQ", "CLOSING", "TIMEWAIT"],
  47: ports,
  58: single,
  132: [
    ...["CLOSED", "COOKIE_WAIT", "COOKIE_ECHOED", "ESTABLISHED"],
    ...["SHUTDOWN_SENT", "SHUTDOWN_RECD", "SHUTDOWN_ACK_SENT"],
  ],
  136: ports,
  [GENERIC_PROTOCOL]: single,
};

/** Names of the states that a policy of this protocol has; none where the protocol has no policies. */
export function timeoutStates(l4proto: number): readonly string[] {
  return stateNames[l4proto] ?? [];
}

export interface TimeoutPolicy {
  /** One character a byte. Undefined for the defaults of a namespace. */
  readonly name?: string;
  /** 2 for IPv4, 10 for IPv6. */
  readonly l3proto: number;
  readonly l4proto: number;
  /** Seconds by the number of the state, from 1. */
  readonly seconds: ReadonlyMap<number, number>;
}

export type TimeoutRequest =
  | { readonly kind: "list" | "flush" }
  | { readonly kind: "get" | "delete"; readonly name: string }
  | { readonly kind: "default-get"; readonly l3proto: number; readonly l4proto: number }
  | { readonly kind: "add" | "default-set"; readonly policy: TimeoutPolicy };

const heads = {
  list: [GET, NLM_F_REQUEST | NLM_F_DUMP],
  flush: [DELETE, NLM_F_REQUEST | NLM_F_ACK],
  get: [GET, NLM_F_REQUEST | NLM_F_ACK],
  delete: [DELETE, NLM_F_REQUEST | NLM_F_ACK],
  "default-get": [DEFAULT_GET, NLM_F_REQUEST | NLM_F_ACK],
  add: [NEW, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE],
  "default-set": [DEFAULT_SET, NLM_F_REQUEST | NLM_F_ACK],
} as const;

/** Writes one request. */
export function writeTimeoutRequest(
  w: MessageWriter,
  request: TimeoutRequest,
  sequence: number,
): void {
  const [type, flags] = heads[request.kind];
  w.begin(type, flags, sequence, 0);
  if ("name" in request) writeText(w, CTA_TIMEOUT_NAME, cutName(request.name));
  else if ("policy" in request) writePolicy(w, request.policy);
  else if ("l3proto" in request) writeProtocols(w, request);
  w.end();
}

function writePolicy(w: MessageWriter, policy: TimeoutPolicy): void {
  if (policy.name !== undefined) writeText(w, CTA_TIMEOUT_NAME, cutName(policy.name));
  writeProtocols(w, policy);
  // A policy that says nothing has no such attribute, and the kernel refuses it: as with the reference.
  if (policy.seconds.size === 0) return;
  const nest = w.beginNest(CTA_TIMEOUT_DATA);
  for (const [state, seconds] of [...policy.seconds].sort(([a], [b]) => a - b)) {
    w.be32(state, seconds);
  }
  w.endNest(nest);
}

function writeProtocols(w: MessageWriter, of: { l3proto: number; l4proto: number }): void {
  w.be16(CTA_TIMEOUT_L3PROTO, of.l3proto);
  w.u8(CTA_TIMEOUT_L4PROTO, of.l4proto);
}

function cutName(name: string): string {
  assert(!name.includes("\0"), "the name of a policy has no NUL");
  return name.slice(0, TIMEOUT_NAME_MAX_BYTES);
}

/** The policy in an answer; undefined where it lacks its protocols. Attributes of a wrong size are left aside. */
export function readTimeoutPolicy(
  bytes: Uint8Array,
  at: number,
  end: number,
): TimeoutPolicy | undefined {
  let name: string | undefined;
  let l3proto: number | undefined;
  let l4proto: number | undefined;
  const seconds = new Map<number, number>();
  for (const attribute of attributesOf(bytes, at, end)) {
    const { type, from, to } = attribute;
    const size = to - from;
    if (type === CTA_TIMEOUT_NAME) name = readText(bytes, attribute);
    else if (type === CTA_TIMEOUT_L3PROTO && size === 2) l3proto = readBe16(bytes, from);
    else if (type === CTA_TIMEOUT_L4PROTO && size === 1) l4proto = bytes[from];
    else if (type === CTA_TIMEOUT_DATA) readSeconds(bytes, from, to, seconds);
  }
  if (l3proto === undefined || l4proto === undefined) return undefined;
  return { ...(name === undefined ? {} : { name }), l3proto, l4proto, seconds };
}

function readSeconds(bytes: Uint8Array, at: number, end: number, into: Map<number, number>): void {
  for (const { type, from, to } of attributesOf(bytes, at, end)) {
    if (to - from === 4) into.set(type, readBe32(bytes, from) >>> 0);
  }
}

/** A policy as `nfct` prints it. States without a name are not shown. */
export function timeoutPolicyText({ name, l3proto, l4proto, seconds }: TimeoutPolicy): string {
  const lines = name === undefined ? [] : [`.${name} = {`];
  lines.push(`\t.l3proto = ${l3proto},`, `\t.l4proto = ${l4proto},`, "\t.policy = {");
  for (const [index, state] of timeoutStates(l4proto).entries()) {
    const value = seconds.get(index + 1);
    if (value !== undefined) lines.push(`\t\t.${state} = ${value},`);
  }
  lines.push("\t},", "};", "");
  return lines.join("\n");
}
