/** Rules about the protocol: modes, their timers and queues, and the transport below. */

import { removal } from "../diagnostic.ts";
import { isLinkLocalV6 } from "./addresses.ts";
import type { FileRule } from "./rule.ts";
import { head, headOf, itemsOf, lastItem, type Subject } from "./subject.ts";

/** RFC 5382, REQ-5: a NAT forgets an idle connection after 2 h 4 min at the earliest. */
const shortestIdleSeconds = 7440;
/** The refresh timer adds up to a second to its random period. */
const refreshSlackSeconds = 1;
const modeWords = { ftfw: "FTFW", alarm: "ALARM", notrack: "NOTRACK" } as const;
type ModeId = keyof typeof modeWords;
/** Clauses that one mode alone looks at. */
const clausesOfMode: Readonly<Record<ModeId, readonly string[]>> = {
  alarm: ["refreshTime", "cacheTimeout"],
  ftfw: ["resendQueueSize", "ackWindowSize"],
  notrack: ["disableInternalCache"],
};

/** The mode that runs: FTFW where none is given. */
function modeOf({ config }: Subject): ModeId | undefined {
  return config.runMode === "sync" ? (config.sync.mode ?? "ftfw") : undefined;
}

function mode(name: string, ...lines: readonly string[]): string {
  const inner = lines.map((line) => `        ${line}\n`).join("");
  return `Sync {\n    Mode ${name} {\n${inner}    }\n}\n`;
}

export const modeRules: readonly FileRule[] = [
  {
    id: "no-mode",
    severity: "warning",
    fromAbsence: true,
    summary: "`Sync` without a `Mode`",
    reason: "The daemon takes FTFW and warns at each start; the peer has to take the same one.",
    fix: "Write `Mode FTFW { }`.",
    example: "Sync {\n}\n",
    better: mode("FTFW"),
    run: ({ config, last }, report) => {
      if (config.runMode !== "sync" || config.sync.mode !== null) return;
      report({ at: headOf(last("sync")), message: "no `Mode` is given: FTFW is taken" });
    },
  },
  {
    id: "several-modes",
    severity: "warning",
    summary: "different modes in one file",
    reason:
      "FTFW is preferred to ALARM and ALARM to NOTRACK, whatever stands last; the values of all of them are applied to the one that runs.",
    fix: "Keep one `Mode` section.",
    example: "Sync {\n    Mode FTFW {\n    }\n    Mode NOTRACK {\n    }\n}\n",
    better: mode("FTFW"),
    run: (subject, report) => {
      const runs = modeOf(subject);
      const kept = runs && subject.last(runs);
      if (runs === undefined || kept === undefined) return;
      for (const clause of subject.all("ftfw", "alarm", "notrack")) {
        if (clause.clause === runs) continue;
        report({
          at: head(clause),
          message: `this mode does not run: ${modeWords[runs]} is preferred`,
          related: { at: head(kept), message: "this one runs" },
        });
      }
    },
  },
  {
    id: "clause-of-other-mode",
    severity: "warning",
    summary: "a clause that the mode in use does not look at",
    reason: "It has no effect, and promises one to whoever reads the file at night.",
    fix: "Remove it, or change the `Mode`.",
    example: "Sync {\n    RefreshTime 15\n    Mode FTFW {\n    }\n}\n",
    better: mode("ALARM", "RefreshTime 15"),
    run: (subject, report) => {
      const runs = modeOf(subject);
      if (runs === undefined) return;
      for (const [owner, ids] of Object.entries(clausesOfMode)) {
        if (owner === runs) continue;
        for (const clause of subject.all(...ids)) {
          const word = clause.keyword?.text ?? "";
          report({ at: head(clause), message: `\`${word}\` means nothing to ${modeWords[runs]}` });
        }
      }
    },
  },
  {
    id: "internal-cache-off",
    severity: "error",
    summary: "`DisableInternalCache` outside of NOTRACK",
    reason:
      "FTFW and ALARM send from the internal cache: without it nothing can be sent again, and nothing is refreshed.",
    fix: "Use `Mode NOTRACK`, or keep the cache.",
    example:
      "Sync {\n    Mode FTFW {\n    }\n    Mode NOTRACK {\n        DisableInternalCache on\n    }\n}\n",
    better: mode("NOTRACK", "DisableInternalCache on"),
    run: (subject, report) => {
      const runs = modeOf(subject);
      const { disableInternalCache } = subject.config.sync;
      if (!disableInternalCache || runs === "notrack" || runs === undefined) return;
      const at = headOf(subject.last("disableInternalCache"));
      report({ at, message: `${modeWords[runs]} runs without the cache it sends from` });
    },
  },
  {
    id: "crash-without-scales",
    severity: "warning",
    isReferences: true,
    summary: "NOTRACK without internal cache, with window tracking",
    reason:
      "The C daemon crashes at the first TCP connection that ends (1.4.7 and 1.4.9): current kernels tell no window scale then, and it reads one all the same.",
    fix: "Switch `TCPWindowTracking` off, or keep the internal cache.",
    example:
      "Sync {\n    Mode NOTRACK {\n        DisableInternalCache on\n    }\n    Options {\n        TCPWindowTracking on\n    }\n}\n",
    better: mode("NOTRACK", "DisableInternalCache on"),
    run: (subject, report) => {
      const { disableInternalCache, tcpWindowTracking } = subject.config.sync;
      if (modeOf(subject) !== "notrack" || !disableInternalCache || !tcpWindowTracking) return;
      report({
        at: headOf(subject.last("tcpWindowTracking")),
        message: "the C daemon crashes when the first TCP connection ends",
      });
    },
  },
  {
    id: "window-scales-lost",
    severity: "note",
    isReferences: true,
    summary: "window tracking with committed flows",
    reason:
      "The C daemon passes window scales in a way that the kernel ignores: committed connections are checked against windows up to 16,384 times too small, and fast ones stall.",
    fix: "Leave `TCPWindowTracking` off where the C daemon runs.",
    example: `${mode("FTFW").slice(0, -2)}    Options {\n        TCPWindowTracking on\n    }\n}\n`,
    better: mode("FTFW"),
    run: ({ config, last }, report) => {
      if (config.runMode !== "sync" || !config.sync.tcpWindowTracking) return;
      const at = headOf(last("tcpWindowTracking"));
      report({ at, message: "committed flows have no window scale with the C daemon" });
    },
  },
  {
    id: "commit-timeout-short",
    severity: "warning",
    summary: "a `CommitTimeout` shorter than an idle connection lives",
    reason:
      "After a fail-over every committed flow gets this timeout: a session that is silent for longer (ssh, a database) is forgotten, and hangs. The node also stops sending timeouts to its peer.",
    fix: "Remove `CommitTimeout`: each flow then keeps what was left of its own timeout.",
    example: mode("FTFW", "CommitTimeout 180"),
    better: mode("FTFW"),
    run: ({ config, last, text }, report) => {
      const { commitTimeout } = config.sync;
      const clause = last("commitTimeout");
      if (clause === undefined || commitTimeout === 0 || commitTimeout >= shortestIdleSeconds) {
        return;
      }
      const message = `sessions that are silent for ${commitTimeout} s hang after a fail-over`;
      const fix = {
        title: "remove CommitTimeout",
        edits: removal(text, clause),
        isSafe: false,
      };
      report({ at: head(clause), message, fix });
    },
  },
  {
    id: "purge-timeout-short",
    severity: "note",
    summary: "a `PurgeTimeout` of a few seconds",
    reason:
      "`conntrackd -t` deletes the kernel`s flows that long after a node became backup: too early, and it cuts connections whose packets still arrive while neighbours learn the new way.",
    fix: "Leave it at 60, or write at least 15.",
    example: mode("FTFW", "PurgeTimeout 2"),
    better: mode("FTFW", "PurgeTimeout 60"),
    run: ({ config, last }, report) => {
      const clause = last("purgeTimeout");
      const { purgeTimeout } = config.sync;
      if (clause === undefined || purgeTimeout >= 15) return;
      report({ at: head(clause), message: `flows are deleted ${purgeTimeout} s after \`-t\`` });
    },
  },
  {
    id: "cache-timeout-below-refresh",
    severity: "warning",
    summary: "ALARM: entries that expire before they are refreshed",
    reason:
      "A flow is sent again after at most `RefreshTime` seconds; where `CacheTimeout` leaves no room for a lost message, living flows vanish from the peer`s cache.",
    fix: "Write a `CacheTimeout` of three times the `RefreshTime` of both nodes.",
    example: mode("ALARM", "RefreshTime 60", "CacheTimeout 90"),
    better: mode("ALARM", "RefreshTime 60", "CacheTimeout 180"),
    run: (subject, report) => {
      if (modeOf(subject) !== "alarm") return;
      const { refreshTime, cacheTimeout } = subject.config.sync;
      if (cacheTimeout >= 2 * (refreshTime + refreshSlackSeconds)) return;
      const isHopeless = cacheTimeout <= refreshTime + refreshSlackSeconds;
      report({
        at: headOf(subject.last("cacheTimeout", "refreshTime")),
        message: `entries live ${cacheTimeout} s and are refreshed every ${refreshTime} s at the latest`,
        ...(isHopeless ? { severity: "error" } : {}),
        advice: `Write \`CacheTimeout ${refreshTime * 3}\`.`,
      });
    },
  },
  {
    id: "refresh-storm",
    severity: "warning",
    summary: "ALARM: a `RefreshTime` of a few seconds",
    reason:
      "Every flow is sent again that often, changed or not: 100,000 flows at 5 s are 40,000 messages a second.",
    fix: "Write `RefreshTime 15` or more.",
    example: mode("ALARM", "RefreshTime 2"),
    better: mode("ALARM", "RefreshTime 15"),
    run: (subject, report) => {
      const clause = subject.last("refreshTime");
      const { refreshTime } = subject.config.sync;
      if (modeOf(subject) !== "alarm" || clause === undefined || refreshTime >= 5) return;
      report({ at: head(clause), message: `every flow is sent again within ${refreshTime} s` });
    },
  },
  {
    id: "window-above-queue",
    severity: "error",
    summary: "an `ACKWindowSize` that the resend queue does not hold",
    reason:
      "Messages leave the queue before the peer has had a reason to acknowledge them: what is lost cannot be sent again, and FTFW is no better than NOTRACK.",
    fix: "Make `ResendQueueSize` many times the `ACKWindowSize`; the defaults are 131072 and 300.",
    example: mode("FTFW", "ResendQueueSize 200", "ACKWindowSize 300"),
    better: mode("FTFW", "ResendQueueSize 131072", "ACKWindowSize 300"),
    run: (subject, report) => {
      const { ackWindowSize, resendQueueSize } = subject.config.sync;
      if (modeOf(subject) !== "ftfw" || ackWindowSize <= resendQueueSize) return;
      const at = headOf(subject.last("ackWindowSize", "resendQueueSize"));
      const message = `${ackWindowSize} messages wait for an acknowledgement, and ${resendQueueSize} are kept`;
      report({ at, message });
    },
  },
  {
    id: "resend-queue-small",
    severity: "warning",
    summary: "a resend queue much smaller than the cache",
    reason:
      "A bulk transfer sends the whole cache in one go; what exceeds the queue cannot be sent again when the link drops it, and an interrupted link loses as much.",
    fix: "Write a `ResendQueueSize` of half of `HashLimit` or more: an entry costs no memory of its own.",
    example: `General {\n    HashLimit 262144\n}\n${mode("FTFW", "ResendQueueSize 4096")}`,
    better: `General {\n    HashLimit 262144\n}\n${mode("FTFW", "ResendQueueSize 131072")}`,
    run: (subject, report) => {
      const clause = subject.last("resendQueueSize");
      const { general, sync } = subject.config;
      const { resendQueueSize: size, ackWindowSize } = sync;
      if (modeOf(subject) !== "ftfw" || clause === undefined || ackWindowSize > size) return;
      if (size >= general.hashLimit / 4) return;
      const message = `${size} messages can be sent again, and the cache holds ${general.hashLimit}`;
      report({ at: head(clause), message });
    },
  },
  {
    id: "window-of-one",
    severity: "warning",
    summary: "a tiny `ACKWindowSize`",
    reason:
      "Each few messages cost one of the other direction; and with 1, the C daemon's counter wraps at the first gap, and it stops acknowledging.",
    fix: "Leave it at 300, or write 20 or more.",
    example: mode("FTFW", "ACKWindowSize 1"),
    better: mode("FTFW", "ACKWindowSize 300"),
    run: (subject, report) => {
      const clause = subject.last("ackWindowSize");
      const { ackWindowSize } = subject.config.sync;
      if (modeOf(subject) !== "ftfw" || clause === undefined || ackWindowSize >= 20) return;
      report({ at: head(clause), message: `one acknowledgement for ${ackWindowSize} messages` });
    },
  },
  {
    id: "commit-does-nothing",
    severity: "note",
    summary: "`DisableExternalCache`",
    reason:
      "What the peer sends goes into the kernel at once: right for two active nodes; on a backup it fills the kernel's table, and `conntrackd -c` of a fail-over script has nothing to do.",
    fix: "Leave it off for an active and a backup node.",
    example: mode("FTFW", "DisableExternalCache on"),
    better: mode("FTFW", "DisableExternalCache off"),
    run: ({ config, last }, report) => {
      const clause = last("disableExternalCache");
      if (clause === undefined || !config.sync.disableExternalCache) return;
      report({ at: head(clause), message: "received flows go straight into the kernel" });
    },
  },
  {
    id: "tcp-with-ftfw",
    severity: "warning",
    summary: "FTFW over TCP",
    reason:
      "Both of them repeat what is lost: when the link stalls, TCP holds everything back, FTFW asks again, and the backlog grows twice; behind it `ErrorQueueLength` drops.",
    fix: "Use FTFW over `UDP` or `Multicast`, or TCP with `Mode NOTRACK`.",
    example: `${mode("FTFW").slice(0, -2)}    TCP {\n        Port 3780\n    }\n}\n`,
    better: `${mode("NOTRACK").slice(0, -2)}    TCP {\n        Port 3780\n    }\n}\n`,
    run: (subject, report) => {
      if (modeOf(subject) !== "ftfw") return;
      for (const { link, clause } of subject.links) {
        if (link.kind !== "tcp") continue;
        const chosen = subject.last("ftfw");
        const related = chosen && { at: head(chosen), message: "the mode" };
        const message = "FTFW and TCP both repeat what is lost";
        report({ at: head(clause), message, ...(related ? { related } : {}) });
      }
    },
  },
  {
    id: "notrack-over-datagrams",
    severity: "note",
    summary: "NOTRACK over UDP or multicast",
    reason:
      "Nothing repeats a lost datagram: its flows are missing on the peer until they change again or `conntrackd -n` asks for all.",
    fix: "Use `TCP`, or `Mode FTFW`.",
    example: `${mode("NOTRACK").slice(0, -2)}    UDP {\n        Port 3780\n    }\n}\n`,
    better: `${mode("NOTRACK").slice(0, -2)}    TCP {\n        Port 3780\n    }\n}\n`,
    run: (subject, report) => {
      if (modeOf(subject) !== "notrack") return;
      const found = subject.links.find(({ link }) => link.kind !== "tcp");
      if (found === undefined) return;
      report({ at: head(found.clause), message: "what is lost on the way stays lost" });
    },
  },
  {
    id: "tcp-checksum",
    severity: "note",
    summary: "`Checksum` in a `TCP` link",
    reason: "It is about UDP; TCP always has checksums.",
    fix: "Remove it.",
    example: `${mode("NOTRACK").slice(0, -2)}    TCP {\n        Checksum off\n    }\n}\n`,
    better: `${mode("NOTRACK").slice(0, -2)}    TCP {\n        Port 3780\n    }\n}\n`,
    run: ({ links }, report) => {
      for (const { link, clause } of links) {
        if (link.kind !== "tcp") continue;
        for (const written of itemsOf(clause, "checksum")) {
          report({ at: head(written), message: "`Checksum` has no effect on TCP" });
        }
      }
    },
  },
  {
    id: "tcp-link-local",
    severity: "note",
    isReferences: true,
    summary: "a `TCP` link to an IPv6 link-local address",
    reason:
      'The C daemon connects without naming the interface: it does not start ("Invalid argument").',
    fix: "Use addresses of fd00::/8 on the link.",
    example: `${mode("NOTRACK").slice(0, -2)}    TCP {\n        IPv6_Destination_Address fe80::2\n    }\n}\n`,
    better: `${mode("NOTRACK").slice(0, -2)}    TCP {\n        IPv6_Destination_Address fd00:100::2\n    }\n}\n`,
    run: ({ links }, report) => {
      for (const { link, clause } of links) {
        if (link.kind !== "tcp" || link.peerAddress === null) continue;
        if (!isLinkLocalV6(link.peerAddress)) continue;
        const at = headOf(lastItem(clause, "peerIpv6"), clause);
        report({ at, message: "the C daemon cannot connect to a link-local address" });
      }
    },
  },
];
