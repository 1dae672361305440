/**
 * The configuration after reading: ranges, defaults, units. Reads no text and refuses nothing that
 * the language allows.
 *
 * Of a `fallback` number zero means "not given": it takes the default.
 */

import * as z from "zod";
import { maxNumber, type Position, tcpStates } from "./draft.ts";

const number = z.int().min(0).max(maxNumber);
const count = number.default(0);
const fallback = (value: number) => number.default(value).transform((given) => given || value);
const flag = (value: boolean) => z.boolean().default(value);
const isNumber =
  (max: number) =>
  (value: unknown): value is number =>
    Number.isInteger(value) && Number(value) >= 0 && Number(value) <= max;
const isBytes =
  (length: number) =>
  (value: unknown): value is Uint8Array =>
    value instanceof Uint8Array && value.length === length;
const bytes = (length: number) => z.custom<Uint8Array>(isBytes(length));
const address = z
  .union([bytes(4), bytes(16)])
  .nullable()
  .default(null);
/** A list that may be as long as a file: one look at each member, where a schema for each is slow. */
const list = <T>(isOne: (value: unknown) => value is T) =>
  z.custom<T[]>((given) => Array.isArray(given) && given.every(isOne));
const path = (max: number) => z.string().max(max);
const logic = z.enum(["accept", "ignore"]);
/** RFC 5424 numbers: daemon is 3, local0 to local7 are 16 to 23. Null: no syslog. */
const facility = z.int().min(0).max(23).nullable().default(null);

const link = z.object({
  kind: z.enum(["multicast", "udp", "tcp"]),
  isDefault: flag(false),
  ifname: z.string().nullable().default(null),
  /** 0: unknown when the file was read. */
  ifindex: count,
  family: z
    .union([z.literal(4), z.literal(6)])
    .nullable()
    .default(null),
  /** To bind, or the multicast group. */
  localAddress: address,
  peerAddress: address,
  mcastInterfaceAddress: address,
  port: z.int().min(0).max(0xffff).default(0),
  /** Bytes; 0: the system's. */
  sndBuf: count,
  rcvBuf: count,
  checksum: flag(true),
});

interface Network<Address> {
  address: Address;
  prefix: number;
}
const isNetwork =
  <Address>(isAddress: (value: unknown) => value is Address, maxPrefix: number) =>
  (value: unknown): value is Network<Address> => {
    const { address, prefix } = Object(value) as Record<string, unknown>;
    return isAddress(address) && isNumber(maxPrefix)(prefix);
  };
const isV4 = isNumber(0xffffffff);
const isV6 = isBytes(16);

const filter = z.object({
  from: z.enum(["userspace", "kernelspace"]).default("userspace"),
  /** Null criteria were never mentioned; an empty list is a criterion all the same. */
  protocol: z
    .object({
      logic,
      protocols: z.array(z.object({ name: z.string(), number: z.int().min(0).max(255) })),
    })
    .nullable()
    .default(null),
  address: z
    .object({
      logic,
      v4Hosts: list(isV4),
      v6Hosts: list(isV6),
      v4Nets: list(isNetwork(isV4, 31)),
      v6Nets: list(isNetwork(isV6, 127)),
    })
    .nullable()
    .default(null),
  state: z
    .object({ logic, tcp: z.array(z.enum(tcpStates)) })
    .nullable()
    .default(null),
});

const general = z.object({
  /** Buckets. */
  hashSize: fallback(65536),
  /** Entries. */
  hashLimit: fallback(262144),
  logFile: path(256).nullable().default(null),
  syslogFacility: facility,
  lockFile: path(256).default("/var/lock/conntrackd.lock"),
  /** Empty when the file names none. */
  unixPath: path(107).default(""),
  /** Bytes. */
  netlinkBufferSize: count,
  netlinkBufferSizeMaxGrowth: count,
  /** Seconds; -1: never. */
  netlinkOverrunResync: z
    .int()
    .min(-1)
    .max(maxNumber)
    .default(30)
    .transform((seconds) => seconds || 30),
  netlinkEventsReliable: flag(false),
  /** Seconds; null: events instead of polling. */
  pollSecs: z.int().min(1).max(maxNumber).nullable().default(null),
  eventIterationLimit: fallback(100),
  systemd: flag(true),
  /** `explicit`: a `Type` was given. Otherwise the priority is ignored. */
  scheduler: z
    .object({
      policy: z.enum(["RR", "FIFO"]),
      priority: z.int().min(0).max(99),
      explicit: z.boolean(),
    })
    .default({ policy: "RR", priority: 99, explicit: false }),
  filter: filter.prefault({}),
});

const sync = z.object({
  /** Null: none given; FTFW, with a warning at start. */
  mode: z.enum(["ftfw", "alarm", "notrack"]).nullable().default(null),
  links: z.array(link).max(4).default([]),
  /** Index of the link to start with. */
  defaultLink: z.int().min(0).max(3).default(0),
  errorQueueLength: fallback(128),
  /** Seconds, here and below. */
  refreshTime: fallback(60),
  cacheTimeout: fallback(180),
  /** 0: computed. */
  commitTimeout: count,
  purgeTimeout: fallback(60),
  /** Objects. */
  resendQueueSize: fallback(131072),
  /** Messages. */
  ackWindowSize: fallback(300),
  disableInternalCache: flag(false),
  disableExternalCache: flag(false),
  startupResync: flag(false),
  tcpWindowTracking: flag(false),
  /** False: off. An empty list: every helper. */
  expectationSync: z
    .union([z.literal(false), z.object({ helpers: z.array(z.string().max(16)) })])
    .default(false),
});

const policy = z.object({ name: z.string().max(16), expectMax: count, expectTimeout: count });
const instance = z.object({
  name: z.string(),
  l3: z.enum(["inet", "inet6"]),
  l4: z.enum(["tcp", "udp"]),
  queueNum: count,
  queueLen: count,
  policies: z.array(policy).default([]),
});

export const modelSchema = z.object({
  runMode: z.enum(["sync", "stats", "none"]).default("none"),
  hasHelper: flag(false),
  general: general.prefault({}),
  sync: sync.prefault({}),
  stats: z
    .object({ logFile: path(256).nullable().default(null), syslogFacility: facility })
    .prefault({}),
  helper: z.object({ setup: flag(false), instances: z.array(instance).default([]) }).prefault({}),
});

export type Model = z.output<typeof modelSchema>;
export type LinkConfig = Model["sync"]["links"][number];
export type Logic = z.output<typeof logic>;
export type Input = z.input<typeof modelSchema>;
export type LinkInput = z.input<typeof link>;
export type InstanceInput = z.input<typeof instance>;
export type FilterInput = z.input<typeof filter>;

export interface Config extends Model {
  readonly source: {
    readonly file: string;
    /** Where a value was given, by its path: `general.pollSecs`, `sync.links.0`. */
    readonly positions: ReadonlyMap<string, Position>;
  };
}
