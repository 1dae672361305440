/** What the clauses of `Sync` mean, links included. */

import type { Token } from "../../grammar/index.ts";
import { parseIpv4, parseIpv6 } from "./address.ts";
import { enterMode } from "./clauses-general.ts";
import { removal } from "./diagnostic.ts";
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
        reading.fail(
          "mixed-links",
          `cannot use \`${kinds[kind]}' with other dedicated link protocols!`,
        );
      }
    },
  };
}

/** The fifth link fails at its first item. */
function hasTooMany({ draft, fail }: Reading): boolean {
  if (draft.links.length <= maxLinks) return false;
  if (draft.hasTooManyLinks !== true) {
    fail(
      "too-many-links",
      `too many dedicated links in the configuration file (Maximum: ${maxLinks})`,
    );
  }
  draft.hasTooManyLinks = true;
  return true;
}

/** An item of the link that is open; `field` is what it sets. */
function item(
  field: keyof LinkInput,
  set: (reading: Reading, link: LinkInput, value: Token) => void,
) {
  return apply((reading, value) => {
    const { links } = reading.draft;
    const open = links.at(-1);
    if (open === undefined || hasTooMany(reading)) return;
    reading.mark(`sync.links.${links.length - 1}.${field}`);
    set(reading, open, value);
  });
}

function linkNumber(name: "sndBuf" | "rcvBuf") {
  return item(name, (reading, open, value) => {
    open[name] = toNumber(reading, value);
  });
}

/** Only 16 bits of the number matter. */
const port = item("port", (reading, open, value) => {
  open.port = toNumber(reading, value) & 0xffff;
});

function parse(reading: Reading, text: string, version: 4 | 6): Uint8Array | undefined {
  const bytes = version === 4 ? parseIpv4(text) : parseIpv6(text);
  if (bytes === undefined)
    reading.warn("invalid-address", `${text} is not a valid IPv${version} address`);
  return bytes;
}

/** The last valid address decides the family of a UDP or TCP link. */
function unicast(end: "localAddress" | "peerAddress", version: 4 | 6) {
  return item(end, (reading, open, { text }) => {
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
  return item("localAddress", (reading, open, { text }) => {
    const bytes = parse(reading, text, version);
    if (bytes === undefined) return;
    if (open.family === other) {
      return reading.warn(
        "mixed-families",
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
  expectationSync: {
    enter: ({ draft, mark, note }, [value]) => {
      mark("sync.expectationSync");
      const before = draft.sync.expectationSync || undefined;
      if (value?.name === "Off" && before) {
        const words = "an earlier `ExpectationSync' is switched off";
        note("expectation-off", words, { reference: "aborts" });
      }
      draft.sync.expectationSync = value?.name !== "Off" && (before ?? { helpers: [] });
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
  ipv4Interface: item("mcastInterfaceAddress", (reading, open, { text }) => {
    const bytes = parse(reading, text, 4);
    if (bytes === undefined) return;
    if (open.family === 6) {
      return reading.warn(
        "mixed-families",
        "your multicast interface is IPv4 but is binded to an IPv6 interface? Surely, this is not what you want",
      );
    }
    open.mcastInterfaceAddress = bytes;
    open.family = 4;
  }),
  ipv6Interface: apply((reading) =>
    reading.warn("unneeded-clause", "`IPv6_interface' not required, ignoring", {
      edits: removal(reading.text, reading.here),
    }),
  ),
  localIpv4: unicast("localAddress", 4),
  localIpv6: unicast("localAddress", 6),
  peerIpv4: unicast("peerAddress", 4),
  peerIpv6: unicast("peerAddress", 6),
  linkInterface: item("ifname", (reading, open, { text }) => {
    const index = reading.interfaceIndex(text);
    if (index <= 0) reading.warn("unknown-interface", `${text} is an invalid interface`);
    open.ifname = text;
    open.ifindex = Math.max(index, 0);
  }),
  group: port,
  port,
  sndSocketBuffer: linkNumber("sndBuf"),
  rcvSocketBuffer: linkNumber("rcvBuf"),
  checksum: item("checksum", (_reading, open, { name }) => {
    open.checksum = name === "On";
  }),
  errorQueueLength: numberClause("sync.errorQueueLength", (d, n) => (d.sync.errorQueueLength = n)),
};
