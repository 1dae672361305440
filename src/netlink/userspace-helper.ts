/**
 * Helpers in user space, as the kernel knows them: the requests about them, and what answers.
 *
 * Such a helper watches the control connection of a protocol (FTP, for example) and announces the flows that belong to
 * it. Here is only what the kernel is told; many kernels lack the subsystem and refuse everything.
 * Described in: doc/nfct.md, "Helpers". Source: linux/netfilter/nfnetlink_cthelper.h.
 */
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

const SUBSYSTEM = 9 << 8;
const NEW = SUBSYSTEM | 0;
const GET = SUBSYSTEM | 1;
const DELETE = SUBSYSTEM | 2;

const NFCTH_NAME = 1;
const NFCTH_TUPLE = 2;
const NFCTH_QUEUE_NUM = 3;
const NFCTH_POLICY = 4;
const NFCTH_PRIV_DATA_LEN = 5;
const NFCTH_STATUS = 6;
const NFCTH_TUPLE_L3PROTONUM = 1;
const NFCTH_TUPLE_L4PROTONUM = 2;
const NFCTH_POLICY_SET_NUM = 1;
const NFCTH_POLICY_SET1 = 2;
const NFCTH_POLICY_NAME = 1;
const NFCTH_POLICY_EXPECT_MAX = 2;
const NFCTH_POLICY_EXPECT_TIMEOUT = 3;

/** Names have 16 bytes with their NUL. */
const NAME_MAX_BYTES = 15;

/** A helper that programs of the project's kind bring along. */
export interface KnownHelper {
  readonly name: string;
  readonly l4protos: readonly number[];
  /** Expectations that one connection may have at a time. */
  readonly expectMax: number;
  /** How long an expectation waits, in seconds. */
  readonly expectTimeout: number;
  /** Bytes that the helper keeps for each connection. */
  readonly privateBytes: number;
}

const TCP = 6;
const UDP = 17;
const known = (
  name: string,
  l4protos: readonly number[],
  [expectMax, expectTimeout, privateBytes]: readonly [number, number, number],
): KnownHelper => ({ name, l4protos, expectMax, expectTimeout, privateBytes });

const knownHelpers: readonly KnownHelper[] = [
  known("amanda", [UDP], [3, 180, 0]),
  known("dhcpv6", [UDP], [1, 300, 0]),
  known("ftp", [TCP], [1, 300, 24]),
  known("mdns", [UDP], [8, 30, 0]),
  known("rpc", [TCP, UDP], [1, 300, 16]),
  known("sane", [TCP], [1, 300, 4]),
  known("slp", [UDP], [8, 16, 0]),
  known("ssdp", [UDP, TCP], [8, 300, 0]),
  known("tftp", [UDP], [1, 300, 0]),
  known("tns", [TCP], [1, 300, 1]),
];

export function findHelper(name: string, l4proto: number): KnownHelper | undefined {
  return knownHelpers.find((each) => each.name === name && each.l4protos.includes(l4proto));
}

/** Which helper is meant: more than one may have the name. */
export interface HelperKey {
  readonly name: string;
  /** 2 for IPv4, 10 for IPv6. */
  readonly l3proto?: number;
  readonly l4proto?: number;
}

export type HelperRequest =
  | { readonly kind: "list" | "flush" }
  | { readonly kind: "get" | "delete" | "disable"; readonly key: HelperKey }
  | { readonly kind: "add"; readonly key: HelperKey; readonly helper: KnownHelper };

const heads = {
  list: [GET, NLM_F_REQUEST | NLM_F_DUMP],
  flush: [DELETE, NLM_F_REQUEST | NLM_F_ACK],
  get: [GET, NLM_F_REQUEST | NLM_F_ACK],
  delete: [DELETE, NLM_F_REQUEST | NLM_F_ACK],
  add: [NEW, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE],
  disable: [NEW, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE],
} as const;

/** Writes one request. */
export function writeHelperRequest(
  w: MessageWriter,
  request: HelperRequest,
  sequence: number,
): void {
  const [type, flags] = heads[request.kind];
  w.begin(type, flags, sequence, 0);
  if ("key" in request) {
    const { key } = request;
    writeText(w, NFCTH_NAME, key.name.slice(0, NAME_MAX_BYTES));
    if (request.kind === "add") w.be32(NFCTH_PRIV_DATA_LEN, request.helper.privateBytes);
    if (key.l3proto !== undefined) writeTuple(w, key.l3proto, key.l4proto ?? 0);
    if (request.kind === "add") writePolicy(w, request.helper);
    if (request.kind === "disable") w.be32(NFCTH_STATUS, 0);
  }
  w.end();
}

function writeTuple(w: MessageWriter, l3proto: number, l4proto: number): void {
  const nest = w.beginNest(NFCTH_TUPLE);
  w.be16(NFCTH_TUPLE_L3PROTONUM, l3proto);
  w.u8(NFCTH_TUPLE_L4PROTONUM, l4proto);
  w.endNest(nest);
}

function writePolicy(w: MessageWriter, helper: KnownHelper): void {
  const policies = w.beginNest(NFCTH_POLICY);
  const first = w.beginNest(NFCTH_POLICY_SET1);
  writeText(w, NFCTH_POLICY_NAME, helper.name);
  w.be32(NFCTH_POLICY_EXPECT_MAX, helper.expectMax);
  w.be32(NFCTH_POLICY_EXPECT_TIMEOUT, helper.expectTimeout);
  w.endNest(first);
  w.be32(NFCTH_POLICY_SET_NUM, 1);
  w.endNest(policies);
}

/** A helper as the kernel tells it; what it does not tell is 0. */
export interface HelperReport {
  readonly name: string;
  readonly l3proto: number;
  readonly l4proto: number;
  readonly queue: number;
  readonly privateBytes: number;
  readonly isEnabled: boolean;
}

/** The helper in an answer. Attributes of a wrong size are left aside. */
export function readHelper(bytes: Uint8Array, at: number, end: number): HelperReport {
  let name = "";
  let protocols = { l3proto: 0, l4proto: 0 };
  const numbers = new Map<number, number>();
  for (const attribute of attributesOf(bytes, at, end)) {
    const { type, from, to } = attribute;
    if (type === NFCTH_NAME) name = readText(bytes, attribute);
    else if (type === NFCTH_TUPLE) protocols = readTuple(bytes, from, to);
    else if (to - from === 4) numbers.set(type, readBe32(bytes, from) >>> 0);
  }
  return {
    name,
    ...protocols,
    queue: numbers.get(NFCTH_QUEUE_NUM) ?? 0,
    privateBytes: numbers.get(NFCTH_PRIV_DATA_LEN) ?? 0,
    isEnabled: numbers.get(NFCTH_STATUS) === 1,
  };
}

function readTuple(bytes: Uint8Array, at: number, end: number) {
  let l3proto = 0;
  let l4proto = 0;
  for (const { type, from, to } of attributesOf(bytes, at, end)) {
    if (type === NFCTH_TUPLE_L3PROTONUM && to - from === 2) l3proto = readBe16(bytes, from);
    else if (type === NFCTH_TUPLE_L4PROTONUM && to - from === 1) l4proto = bytes[from]!;
  }
  return { l3proto, l4proto };
}

/** A helper as `nfct` prints it. */
export function helperText(helper: HelperReport): string {
  const { name, l3proto, l4proto, queue, privateBytes, isEnabled } = helper;
  return `{
\t.name = ${name},
\t.queuenum = ${queue},
\t.l3protonum = ${l3proto},
\t.l4protonum = ${l4proto},
\t.priv_data_len = ${privateBytes},
\t.status = ${isEnabled ? "enabled" : "disabled"},
};
`;
}
