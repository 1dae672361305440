/** What the clauses of `Sync` mean, links included. */

import { parseIpv4, parseIpv6 } from "./address.ts";
import { enterMode } from "./clauses-general.ts";
import type { LinkInput } from "./model.ts";
import {
  apply,
  type Clauses,
  numberClause,
  type Reading,
  switchClause,
  toNumber,
} from "./reading.ts";

const maxLinks = 4;
const kinds = { multicast: "Multicast", udp: "UDP", tcp: "TCP" } as const;
const preference = ["notrack", "alarm", "ftfw"] as const;

function mode(name: (typeof preference)[number]) {
  return {
    enter: ({ draft, mark }: Reading) => {
      mark(`sync.mode.${name}`);
      const current = draft.sync.mode ?? "notrack";
      const stronger = preference.indexOf(name) > preference.indexOf(current);
      draft.sync.mode = stronger ? name : current;
    },
  };
}

function link(kind: LinkInput["kind"]) {
  return {
    enter: (reading: Reading, values: readonly unknown[]) => {
      reading.draft.links.push({ kind, isDefault: values.length > 0 });
      reading.mark(`sync.links.${reading.draft.links.length - 1}`);
    },
    leave: (reading: Reading) => {
      if (hasTooMany(reading)) return;
      if (reading.draft.links.some((other) => other.kind !== kind)) {
        reading.fail(`cannot use \`${kinds[kind]}' with other dedicated link protocols!`);
      }
    },
  };
}

function hasTooMany(reading: Reading): boolean {
  if (reading.draft.links.length <= maxLinks) return false;
  reading.fail(`too many dedicated links in the configuration file (Maximum: ${maxLinks})`);
  return true;
}

/** An item of the link that is open. The fifth link fails at its first item. */
function item(set: (reading: Reading, link: LinkInput, text: string) => void) {
  return apply((reading, { text }) => {
    const open = reading.draft.links.at(-1);
    if (open !== undefined && !hasTooMany(reading)) set(reading, open, text);
  });
}

function linkNumber(name: "sndBuf" | "rcvBuf") {
  return apply((reading, value) => {
    const open = reading.draft.links.at(-1);
    if (open !== undefined && !hasTooMany(reading)) open[name] = toNumber(reading, value);
  });
}

/** Only 16 bits of the number matter. */
const port = apply((reading, value) => {
  const open = reading.draft.links.at(-1);
  if (open !== undefined && !hasTooMany(reading)) open.port = toNumber(reading, value) & 0xffff;
});

function parse(reading: Reading, text: string, version: 4 | 6): Uint8Array | undefined {
  const bytes = version === 4 ? parseIpv4(text) : parseIpv6(text);
  if (bytes === undefined) reading.warn(`${text} is not a valid IPv${version} address`);
  return bytes;
}

/** The last valid address decides the family of a UDP or TCP link. */
function unicast(end: "localAddress" | "peerAddress", version: 4 | 6) {
  return item((reading, open, text) => {
    const bytes = parse(reading, text, version);
    if (bytes === undefined) return;
    open[end] = bytes;
    open.family = version;
  });
}

/** The first valid address decides the family of a multicast link. */
function groupAddress(version: 4 | 6) {
  const other = version === 4 ? 6 : 4;
  const comma = version === 4 ? "," : "";
  return item((reading, open, text) => {
    const bytes = parse(reading, text, version);
    if (bytes === undefined) return;
    if (open.family === other) {
      return reading.warn(
        `your multicast address is IPv${version} but is binded to an IPv${other} interface? Surely${comma} this is not what you want`,
      );
    }
    open.localAddress = bytes;
    open.family = version;
  });
}

export const syncClauses: Clauses = {
  sync: { leave: (reading) => enterMode(reading, "sync") },
  refreshTime: numberClause("sync.refreshTime", (d, n) => (d.sync.refreshTime = n)),
  cacheTimeout: numberClause("sync.cacheTimeout", (d, n) => (d.sync.cacheTimeout = n)),
  commitTimeout: numberClause("sync.commitTimeout", (d, n) => (d.sync.commitTimeout = n)),
  purgeTimeout: numberClause("sync.purgeTimeout", (d, n) => (d.sync.purgeTimeout = n)),
  alarm: mode("alarm"),
  ftfw: mode("ftfw"),
  notrack: mode("notrack"),
  resendQueueSize: numberClause("sync.resendQueueSize", (d, n) => (d.sync.resendQueueSize = n)),
  ackWindowSize: numberClause("sync.ackWindowSize", (d, n) => (d.sync.ackWindowSize = n)),
  disableInternalCache: switchClause(
    "sync.disableInternalCache",
    (d, on) => (d.sync.disableInternalCache = on),
  ),
  disableExternalCache: switchClause(
    "sync.disableExternalCache",
    (d, on) => (d.sync.disableExternalCache = on),
  ),
  startupResync: switchClause("sync.startupResync", (d, on) => (d.sync.startupResync = on)),
  tcpWindowTracking: switchClause(
    "sync.tcpWindowTracking",
    (d, on) => (d.sync.tcpWindowTracking = on),
  ),
  expectationSync: apply(({ draft, mark }, { name }) => {
    mark("sync.expectationSync");
    draft.sync.expectationSync = name === "On" && (draft.sync.expectationSync || { helpers: [] });
  }),
  expectationHelpers: {
    enter: ({ draft, mark }) => {
      mark("sync.expectationSync");
      draft.sync.expectationSync ||= { helpers: [] };
    },
  },
  expectationHelper: apply(({ draft }, { text }) => {
    const name = text.slice(0, 16);
    const list = draft.sync.expectationSync || undefined;
    const isKnown = list?.helpers.some((other) => other.toLowerCase() === name.toLowerCase());
    if (!isKnown) list?.helpers.push(name);
  }),
  multicast: link("multicast"),
  udp: link("udp"),
  tcp: link("tcp"),
  multicastIpv4: groupAddress(4),
  multicastIpv6: groupAddress(6),
  ipv4Interface: item((reading, open, text) => {
    const bytes = parse(reading, text, 4);
    if (bytes === undefined) return;
    if (open.family === 6) {
      return reading.warn(
        "your multicast interface is IPv4 but is binded to an IPv6 interface? Surely, this is not what you want",
      );
    }
    open.mcastInterfaceAddress = bytes;
    open.family = 4;
  }),
  ipv6Interface: item((reading) => reading.warn("`IPv6_interface' not required, ignoring")),
  localIpv4: unicast("localAddress", 4),
  localIpv6: unicast("localAddress", 6),
  peerIpv4: unicast("peerAddress", 4),
  peerIpv6: unicast("peerAddress", 6),
  linkInterface: item((reading, open, text) => {
    const index = reading.interfaceIndex(text);
    if (index <= 0) reading.warn(`${text} is an invalid interface`);
    open.ifname = text;
    open.ifindex = Math.max(index, 0);
    reading.mark(`sync.links.${reading.draft.links.length - 1}.interface`);
  }),
  group: port,
  port,
  sndSocketBuffer: linkNumber("sndBuf"),
  rcvSocketBuffer: linkNumber("rcvBuf"),
  checksum: apply((reading, { name }) => {
    const open = reading.draft.links.at(-1);
    if (open !== undefined && !hasTooMany(reading)) open.checksum = name === "On";
  }),
  errorQueueLength: numberClause("sync.errorQueueLength", (d, n) => (d.sync.errorQueueLength = n)),
};
