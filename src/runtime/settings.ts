/** What the engine and its surroundings take from a configuration: each gets the few values it needs. */
import { randomBytes } from "node:crypto";
import { type Config, type LinkConfig, tcpStateNumber } from "../config/index.ts";
import { expectationText } from "../flow/expectation-text.ts";
import { type FilterOptions, flowFilter, type Network } from "../flow/filter.ts";
import type { FlowRegister } from "../flow/register.ts";
import { flowText } from "../flow/text.ts";
import type { EngineOptions } from "../sync/engine.ts";
import type { Mode } from "../sync/modes.ts";
import type { LinkOptions } from "./link/link.ts";
import type { Facility } from "./syslog.ts";

/** Datagrams of one batch to the link. */
const DATAGRAM_SLOTS = 64;
const DAEMON_FACILITY = 3;
const LOCAL0_FACILITY = 16;

export function filterOptions({
  protocol,
  address,
  state,
}: Config["general"]["filter"]): FilterOptions {
  return {
    protocols: protocol === null ? undefined : section(protocol, protocol.protocols.map(number)),
    addresses: address === null ? undefined : section(address, networks(address)),
    states: state === null ? undefined : section(state, state.tcp.map(tcpStateNumber)),
  };
}

function section<T>({ logic }: { logic: "accept" | "ignore" }, list: readonly T[]) {
  return { accept: logic === "accept", list };
}

const number = (each: { readonly number: number }) => each.number;

function networks(address: NonNullable<Config["general"]["filter"]["address"]>): Network[] {
  return [
    ...address.v4Hosts.map((host) => ({ address: ipv4(host), prefix: 32 })),
    ...address.v4Nets.map((net) => ({ address: ipv4(net.address), prefix: net.prefix })),
    ...address.v6Hosts.map((host) => ({ address: host, prefix: 128 })),
    ...address.v6Nets.map((net) => ({ address: net.address, prefix: net.prefix })),
  ];
}

function ipv4(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

export function engineOptions(
  config: Config,
  datagramLimit: number,
  microseconds: () => number,
): EngineOptions {
  const { general, sync } = config;
  const options = filterOptions(general.filter);
  return {
    hashLimit: general.hashLimit,
    hashSeed: randomBytes(4).readInt32LE(),
    datagramLimit,
    datagramSlots: DATAGRAM_SLOTS,
    mode: modeOptions(sync),
    commitTimeout: sync.commitTimeout,
    purgeTimeout: sync.purgeTimeout,
    overrunResync: Math.max(0, general.netlinkOverrunResync),
    pollInterval: general.pollSecs ?? 0,
    externalCache: !sync.disableExternalCache,
    windowTracking: sync.tcpWindowTracking,
    firstSequence: () => Math.floor(Date.now() / 1000),
    filter: flowFilter(options),
    filteredByKernel: general.filter.from === "kernelspace",
    expectations:
      sync.expectationSync === false
        ? undefined
        : {
            helpers: sync.expectationSync.helpers,
            line: (expectation) => expectationText(expectation, { timeout: true }),
          },
    flowLine: (flow: FlowRegister) => flowText(flow, { timeout: true, now: Date.now() }),
    microseconds,
  };
}

/** Without a mode it is FT-FW. */
function modeOptions(sync: Config["sync"]): Mode {
  switch (sync.mode) {
    case "alarm":
      return { kind: "alarm", refreshTime: sync.refreshTime, cacheTimeout: sync.cacheTimeout };
    case "notrack":
      return { kind: "notrack", internalCache: !sync.disableInternalCache };
    default:
      return {
        kind: "ftfw",
        window: sync.ackWindowSize,
        resendQueueSize: sync.resendQueueSize,
      };
  }
}

const LINK_KINDS = { multicast: "multicast", udp: "UDP", tcp: "TCP" } as const;

/** `family`: what the clause's addresses have decided. */
export function linkOptions(config: Config, link: LinkConfig, family: 4 | 6): LinkOptions {
  const none = new Uint8Array(0);
  return {
    kind: LINK_KINDS[link.kind],
    interfaceName: link.ifname ?? "",
    family,
    address: link.localAddress ?? none,
    peer: link.peerAddress ?? none,
    memberAddress: link.mcastInterfaceAddress ?? none,
    port: link.port,
    checksum: link.checksum,
    sendBuffer: link.sndBuf,
    receiveBuffer: link.rcvBuf,
    queueLength: config.sync.errorQueueLength,
    iterationLimit: config.general.eventIterationLimit,
  };
}

/**
 * Where the flow log of statistics mode goes in the system log; null: nowhere. The facility of
 * `General` counts where both sections give one, as the warning about it promises.
 */
export function flowFacility({ general, stats }: Config): number | null {
  if (stats.syslogFacility === null) return null;
  return general.syslogFacility ?? stats.syslogFacility;
}

/** The name of a syslog facility number. */
export function facilityName(facility: number): Facility {
  return facility === DAEMON_FACILITY
    ? "daemon"
    : (`local${facility - LOCAL0_FACILITY}` as Facility);
}
