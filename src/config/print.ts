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

/** A name of the protocols database that is a keyword in lower case is the keyword's alias. */
function protocolWords(protocols: readonly { readonly name: string }[]): string[] {
  return protocols.map(({ name }) => name);
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

function linkText(link: LinkConfig): string {
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
  ]);
}

function syncText({ sync: s }: Model): string {
  const caches = [
    `DisableExternalCache ${yesNo(s.disableExternalCache)}`,
    `StartupResync ${yesNo(s.startupResync)}`,
  ];
  const modes = {
    alarm: () => block("Mode ALARM", []),
    ftfw: () =>
      block("Mode FTFW", [
        `ResendQueueSize ${s.resendQueueSize}`,
        `ACKWindowSize ${s.ackWindowSize}`,
        ...caches,
      ]),
    notrack: () =>
      block("Mode NOTRACK", [`DisableInternalCache ${yesNo(s.disableInternalCache)}`, ...caches]),
  };
  const { expectationSync: e } = s;
  const list = e !== false && e.helpers.length > 0 && block("ExpectationSync", e.helpers);
  return block("Sync", [
    `RefreshTime ${s.refreshTime}`,
    `CacheTimeout ${s.cacheTimeout}`,
    `CommitTimeout ${s.commitTimeout}`,
    `PurgeTimeout ${s.purgeTimeout}`,
    s.mode && modes[s.mode](),
    ...s.links.map(linkText),
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
    generalText(model),
    model.runMode === "sync" && syncText(model),
    model.runMode === "stats" && block("Stats", stats),
    model.hasHelper && helperText(model),
  ];
  return `${sections.filter((section) => section !== false).join("\n\n")}\n`;
}
