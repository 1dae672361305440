/** A model to text that reads back to the same model. Prints what differs from nothing: every value. */

import { formatAddress, ipv4Bytes } from "./address.ts";
import type { LinkConfig, Model } from "./model.ts";

const yesNo = (on: boolean) => (on ? "on" : "off");
const capital = (word: string) => word.charAt(0).toUpperCase() + word.slice(1);

function block(header: string, lines: readonly (string | false | null)[]): string {
  const kept = lines.filter((line): line is string => typeof line === "string");
  return `${header} {\n${kept.map((line) => line.replace(/^/gm, "    ")).join("\n")}\n}`;
}

function facility(value: number | null): string {
  if (value === null) return "off";
  return value === 3 ? "daemon" : `local${value - 16}`;
}

function filterText({ from, protocol, address, state }: Model["general"]["filter"]): string {
  return block(`Filter From ${capital(from)}`, [
    protocol && block(`Protocol ${capital(protocol.logic)}`, protocolWords(protocol.protocols)),
    address &&
      block(`Address ${capital(address.logic)}`, [
        ...address.v4Hosts.map((host) => `IPv4_address ${formatAddress(ipv4Bytes(host))}`),
        ...address.v4Nets.map(
          (net) => `IPv4_address ${formatAddress(ipv4Bytes(net.address))}/${net.prefix}`,
        ),
        ...address.v6Hosts.map((host) => `IPv6_address ${formatAddress(host)}`),
        ...address.v6Nets.map((net) => `IPv6_address ${formatAddress(net.address)}/${net.prefix}`),
      ]),
    state &&
      block(`State ${capital(state.logic)}`, [
        state.tcp.length > 0 && `${state.tcp.join(" ")} for TCP`,
      ]),
  ]);
}

function protocolWords(protocols: Protocols): string[] {
  return protocols.map(({ name }) => name).filter((name) => !isNameless(name));
}

type Protocols = readonly { readonly name: string }[];

/** A number that the protocols database does not know; only an old clause can say it. */
function isNameless(name: string): boolean {
  return /^\d+$/.test(name);
}

function namelessText({ general }: Model): string | false {
  const names = general.filter.protocol?.protocols.map(({ name }) => name) ?? [];
  const nameless = names.filter(isNameless);
  return nameless.length > 0 && block("IgnoreProtocol", nameless);
}

function generalText({ general: g }: Model): string {
  const { scheduler } = g;
  return block("General", [
    `HashSize ${g.hashSize}`,
    `HashLimit ${g.hashLimit}`,
    `LogFile ${g.logFile ?? "off"}`,
    `Syslog ${facility(g.syslogFacility)}`,
    `LockFile ${g.lockFile}`,
    g.unixPath !== "" && block("UNIX", [`Path ${g.unixPath}`]),
    `NetlinkBufferSize ${g.netlinkBufferSize}`,
    `NetlinkBufferSizeMaxGrowth ${g.netlinkBufferSizeMaxGrowth}`,
    `NetlinkOverrunResync ${g.netlinkOverrunResync < 0 ? "off" : g.netlinkOverrunResync}`,
    `NetlinkEventsReliable ${yesNo(g.netlinkEventsReliable)}`,
    g.pollSecs !== null && `PollSecs ${g.pollSecs}`,
    `EventIterationLimit ${g.eventIterationLimit}`,
    `Systemd ${yesNo(g.systemd)}`,
    scheduler.explicit &&
      block("Scheduler", [`Type ${scheduler.policy}`, `Priority ${scheduler.priority}`]),
    filterText(g.filter),
  ]);
}

/** @param errorQueueLength One value for all links, which only TCP knows. */
function linkText(link: LinkConfig, errorQueueLength: number): string {
  const isMulticast = link.kind === "multicast";
  const name = isMulticast ? "Multicast" : link.kind.toUpperCase();
  const ip = (bytes: Uint8Array | null, suffix: string) =>
    bytes && `IPv${bytes.length === 4 ? 4 : 6}_${suffix} ${formatAddress(bytes)}`;
  return block(`${name}${link.isDefault ? " Default" : ""}`, [
    ip(link.localAddress, "address"),
    ip(link.peerAddress, "Destination_Address"),
    ip(link.mcastInterfaceAddress, "interface"),
    `${isMulticast ? "Group" : "Port"} ${link.port}`,
    link.ifname !== null && `Interface ${link.ifname}`,
    `SndSocketBuffer ${link.sndBuf}`,
    `RcvSocketBuffer ${link.rcvBuf}`,
    `Checksum ${yesNo(link.checksum)}`,
    link.kind === "tcp" && `ErrorQueueLength ${errorQueueLength}`,
  ]);
}

/**
 * The mode, and before it what only another mode's braces can say: values are common to all modes, and
 * of several modes FTFW goes before ALARM before NOTRACK.
 */
function modeTexts({ sync: s }: Model): string[] {
  const caches = [
    `DisableExternalCache ${yesNo(s.disableExternalCache)}`,
    `StartupResync ${yesNo(s.startupResync)}`,
  ];
  const queues = [`ResendQueueSize ${s.resendQueueSize}`, `ACKWindowSize ${s.ackWindowSize}`];
  const notrack = () =>
    block("Mode NOTRACK", [`DisableInternalCache ${yesNo(s.disableInternalCache)}`, ...caches]);
  switch (s.mode) {
    case "ftfw": {
      const ftfw = block("Mode FTFW", [...queues, ...caches]);
      return s.disableInternalCache ? [notrack(), ftfw] : [ftfw];
    }
    case "alarm": {
      const isMore = s.disableInternalCache || s.disableExternalCache || s.startupResync;
      return isMore ? [notrack(), block("Mode ALARM", [])] : [block("Mode ALARM", [])];
    }
    case "notrack":
      return [notrack()];
    case null:
      return [];
  }
}

function syncText(model: Model): string {
  const { sync: s } = model;
  const { expectationSync: e } = s;
  const list = e !== false && e.helpers.length > 0 && block("ExpectationSync", e.helpers);
  return block("Sync", [
    `RefreshTime ${s.refreshTime}`,
    `CacheTimeout ${s.cacheTimeout}`,
    `CommitTimeout ${s.commitTimeout}`,
    `PurgeTimeout ${s.purgeTimeout}`,
    ...modeTexts(model),
    ...s.links.map((link) => linkText(link, s.errorQueueLength)),
    block("Options", [
      `TCPWindowTracking ${yesNo(s.tcpWindowTracking)}`,
      list || `ExpectationSync ${yesNo(e !== false)}`,
    ]),
  ]);
}

function helperText({ helper }: Model): string {
  return block("Helper", [
    `Setup ${yesNo(helper.setup)}`,
    ...helper.instances.map(({ name, l3, l4, queueNum, queueLen, policies }) =>
      block(`Type ${name} ${l3} ${l4}`, [
        `QueueNum ${queueNum}`,
        `QueueLen ${queueLen}`,
        ...policies.map((policy) =>
          block(`Policy ${policy.name}`, [
            `ExpectMax ${policy.expectMax}`,
            `ExpectTimeout ${policy.expectTimeout}`,
          ]),
        ),
      ]),
    ),
  ]);
}

export function printConfig(model: Model): string {
  const { logFile, syslogFacility } = model.stats;
  const stats = [`LogFile ${logFile ?? "off"}`, `Syslog ${facility(syslogFacility)}`];
  const sections = [
    namelessText(model),
    generalText(model),
    model.runMode === "sync" && syncText(model),
    model.runMode === "stats" && block("Stats", stats),
    model.hasHelper && helperText(model),
  ];
  return `${sections.filter((section) => section !== false).join("\n\n")}\n`;
}
