/** Rules about connection helpers: those of the kernel whose expectations travel, and our own. */

import type { Written } from "../index.ts";
import { nearest } from "../suggest.ts";
import type { FileRule } from "./rule.ts";
import {
  head,
  headOf,
  itemsOf,
  lastItem,
  replaceToken,
  replaceValue,
  type Subject,
  valueText,
} from "./subject.ts";

/** Names under which expectations come from the kernel (net/netfilter), and from user space. */
const helperNames = [
  ...["ftp", "tftp", "irc", "sip", "amanda", "sane", "pptp", "netbios-ns", "snmp"],
  ...["RAS", "Q.931", "H.245", "rpc", "tns", "dhcpv6", "ssdp", "mdns", "slp"],
] as const;
/** What people call them. */
const otherNames: Readonly<Record<string, string>> = {
  h323: "RAS Q.931 H.245",
  "h.323": "RAS Q.931 H.245",
  nf_conntrack_ftp: "ftp",
  nf_conntrack_sip: "sip",
  gre: "pptp",
  netbios: "netbios-ns",
  netbios_ns: "netbios-ns",
  sqlnet: "tns",
  oracle: "tns",
};
const maxNameLength = 16;

function expectations(list: string): string {
  return `Sync {\n    Mode FTFW {\n    }\n    Options {\n        ExpectationSync ${list}\n    }\n}\n`;
}

function helper(...types: readonly string[]): string {
  return `Helper {\n${types.map((type) => `    ${type}\n`).join("")}}\n`;
}

/** A listed word is the beginning of a helper's name, in any letter case. */
function isKnown(word: string): boolean {
  return helperNames.some((name) => name.toLowerCase().startsWith(word.toLowerCase()));
}

export const expectationRules: readonly FileRule[] = [
  {
    id: "unknown-expectation-helper",
    severity: "warning",
    summary: "a helper in `ExpectationSync` that does not exist",
    reason:
      "Names are not checked: no expectation ever carries this one, so data connections of that protocol are cut in a fail-over.",
    fix: "Write the name the kernel uses: `ftp`, `sip`, `RAS Q.931 H.245`, `pptp`.",
    example: expectations("{ ftp h323 }"),
    better: expectations("{ ftp RAS Q.931 H.245 }"),
    run: ({ all }, report) => {
      for (const clause of all("expectationHelper")) {
        const word = valueText(clause);
        if (isKnown(word)) continue;
        const meant = otherNames[word.toLowerCase()] ?? nearest(word, helperNames)[0];
        report({
          at: head(clause),
          message: `no helper is called \`${word}\``,
          ...(meant === undefined
            ? {}
            : {
                advice: `Write \`${meant}\`.`,
                fix: { title: `write ${meant}`, edits: replaceValue(clause, meant), isSafe: false },
              }),
        });
      }
    },
  },
  {
    id: "expectation-helper-cut",
    severity: "warning",
    summary: "a helper's name of more than 16 characters",
    reason: "Only the first 16 are compared.",
    fix: "Write the kernel's name, or its beginning.",
    example: expectations("{ nf_conntrack_netbios_ns }"),
    better: expectations("{ netbios-ns }"),
    run: ({ all }, report) => {
      for (const clause of all("expectationHelper")) {
        const word = valueText(clause);
        if (word.length <= maxNameLength) continue;
        const message = `\`${word.slice(0, 60)}\` counts as \`${word.slice(0, maxNameLength)}\``;
        report({ at: head(clause), message });
      }
    },
  },
  {
    id: "expectations-without-masters",
    severity: "warning",
    summary: "expectations are replicated, and their TCP connections are filtered out",
    reason:
      "An expectation is passed on only when its master flow is in the cache: with TCP filtered out, that of FTP never is.",
    fix: "Add `TCP` to the protocols of the filter.",
    example: `General {\n    Filter {\n        Protocol Accept { UDP }\n    }\n}\n${expectations("{ ftp }")}`,
    better: `General {\n    Filter {\n        Protocol Accept { UDP TCP }\n    }\n}\n${expectations("{ ftp }")}`,
    run: ({ config, last }, report) => {
      const { protocol } = config.general.filter;
      if (config.sync.expectationSync === false || protocol === null) return;
      const hasTcp = protocol.protocols.some((row) => row.number === 6);
      if (hasTcp === (protocol.logic === "accept")) return;
      const filter = last("filterProtocol");
      const related = filter && { at: head(filter), message: "TCP does not pass" };
      const message = "the masters of most expectations are TCP flows";
      report({ at: headOf(last("expectationSync")), message, ...(related ? { related } : {}) });
    },
  },
  {
    id: "helper-queue-shared",
    severity: "error",
    summary: "two helpers with the same `QueueNum`",
    reason:
      "A packet queue has one reader: packets of the one protocol reach the helper of the other, or the daemon does not start.",
    fix: "Give each `Type` a `QueueNum` of its own, and the same number to its rule.",
    example: helper("Type ftp inet tcp { QueueNum 1 }", "Type tftp inet udp { QueueNum 1 }"),
    better: helper("Type ftp inet tcp { QueueNum 1 }", "Type tftp inet udp { QueueNum 2 }"),
    run: ({ all }, report) => {
      const first = new Map<number, Written>();
      for (const clause of all("helperType")) {
        const number = Number(valueText(itemsOf(clause, "queueNum")[0] ?? clause));
        if (Number.isNaN(number)) continue;
        const before = first.get(number & 0xffff);
        if (before === undefined) {
          first.set(number & 0xffff, clause);
          continue;
        }
        report({
          at: headOf(itemsOf(clause, "queueNum")[0], clause),
          message: `queue ${number & 0xffff} belongs to \`${valueText(before)}\``,
          related: { at: head(before), message: "here" },
        });
      }
    },
  },
  {
    id: "helper-without-queue",
    severity: "warning",
    fromAbsence: true,
    summary: "a helper without `QueueNum`",
    reason:
      "It reads queue 0, which is the first choice of every other program that reads packets.",
    fix: "Write the number that the rule sends packets to: `QueueNum 1`.",
    example: helper("Type ftp inet tcp { }"),
    better: helper("Type ftp inet tcp { QueueNum 1 }"),
    run: ({ all }, report) => {
      for (const clause of all("helperType")) {
        if (itemsOf(clause, "queueNum", "helperType").length > 0) continue;
        report({ at: head(clause), message: "no `QueueNum` is given: queue 0 is read" });
      }
    },
  },
  {
    id: "helper-queue-range",
    severity: "error",
    summary: "a `QueueNum` above 65535",
    reason: "Only 16 bits of the number count: the helper reads another queue.",
    fix: "Write a number from 0 to 65535.",
    example: helper("Type ftp inet tcp { QueueNum 65537 }"),
    better: helper("Type ftp inet tcp { QueueNum 1 }"),
    run: ({ all }, report) => {
      for (const clause of all("queueNum")) {
        const number = Number(valueText(clause));
        if (number <= 0xffff) continue;
        const message = `\`QueueNum ${valueText(clause)}\` is queue ${Number(BigInt.asUintN(16, BigInt(number)))}`;
        report({ at: head(clause), message });
      }
    },
  },
  {
    id: "helper-policy-half",
    severity: "warning",
    summary: "a `Policy` with one of its two limits",
    reason:
      "What is not given becomes 0, it does not keep the built-in value: with `ExpectMax` 0 or `ExpectTimeout` 0 no data connection is expected for long.",
    fix: "Write both `ExpectMax` and `ExpectTimeout`.",
    example: helper("Type ftp inet tcp { QueueNum 1 Policy ftp { ExpectMax 4 } }"),
    better: helper("Type ftp inet tcp { QueueNum 1 Policy ftp { ExpectMax 4 ExpectTimeout 300 } }"),
    run: ({ all }, report) => {
      for (const clause of all("policy")) {
        const missing = { expectMax: "ExpectMax", expectTimeout: "ExpectTimeout" };
        const absent = Object.entries(missing).filter(([id]) => !lastItem(clause, id));
        const [row] = absent;
        if (absent.length !== 1 || row === undefined) continue;
        report({ at: head(clause), message: `\`${row[1]}\` is not given and becomes 0` });
      }
    },
  },
  {
    id: "helper-policy-shared",
    severity: "warning",
    summary: "two blocks of one helper with a `Policy` each",
    reason:
      "A policy belongs to the helper, not to the family: the later block counts for `inet` and `inet6`.",
    fix: "Write the `Policy` once.",
    example: helper(
      "Type ftp inet tcp { QueueNum 1 Policy ftp { ExpectMax 4 ExpectTimeout 300 } }",
      "Type ftp inet6 tcp { QueueNum 2 Policy ftp { ExpectMax 1 ExpectTimeout 60 } }",
    ),
    better: helper(
      "Type ftp inet tcp { QueueNum 1 Policy ftp { ExpectMax 4 ExpectTimeout 300 } }",
      "Type ftp inet6 tcp { QueueNum 2 }",
    ),
    run: (subject, report) => {
      const first = new Map<string, Written>();
      for (const { key, policy } of policies(subject)) {
        const before = first.get(key);
        if (before === undefined) {
          first.set(key, policy);
          continue;
        }
        const related = { at: head(policy), message: "this one counts for both" };
        report({ at: head(before), message: "this policy does not count", related });
      }
    },
  },
  {
    id: "helper-loose",
    severity: "warning",
    summary: "helper items outside of a `Type`",
    reason: "The next `Type` that closes takes them; without one they are ignored.",
    fix: "Move them into the braces of their `Type`.",
    example: helper("QueueNum 3", "Type ftp inet tcp { }"),
    better: helper("Type ftp inet tcp { QueueNum 3 }"),
    run: ({ all }, report) => {
      for (const section of all("helper")) {
        for (const clause of itemsOf(section, "queueNum", "queueLen", "policy")) {
          const word = clause.keyword?.text;
          report({ at: head(clause), message: `\`${word}\` stands outside of any \`Type\`` });
        }
      }
    },
  },
  {
    id: "helper-nested",
    severity: "warning",
    summary: "a `Type` inside a `Type`",
    reason: "The inner one takes all items written so far, the outer one gets none.",
    fix: "Close the first `Type` before the second.",
    example: helper("Type ftp inet tcp { QueueNum 1 Type tftp inet udp { QueueNum 2 } }"),
    better: helper("Type ftp inet tcp { QueueNum 1 }", "Type tftp inet udp { QueueNum 2 }"),
    run: ({ all }, report) => {
      for (const outer of all("helperType")) {
        for (const inner of itemsOf(outer, "helperType")) {
          const message = `\`Type ${valueText(inner)}\` takes the items of \`Type ${valueText(outer)}\``;
          report({
            at: head(inner),
            message,
            related: { at: head(outer), message: "of this one" },
          });
        }
      }
    },
  },
  {
    id: "dhcpv6-over-ipv4",
    severity: "warning",
    summary: "the helper `dhcpv6` for `inet`",
    reason: "DHCPv6 runs over IPv6 only: the helper never sees a packet.",
    fix: "Write `Type dhcpv6 inet6 udp`.",
    example: helper("Type dhcpv6 inet udp { QueueNum 3 }"),
    better: helper("Type dhcpv6 inet6 udp { QueueNum 3 }"),
    run: ({ all }, report) => {
      for (const clause of all("helperType")) {
        const [name, family] = clause.values;
        if (name?.text !== "dhcpv6" || family?.text !== "inet") continue;
        const edits = replaceToken(family, "inet6");
        const fix = { title: "write inet6", edits, isSafe: false };
        report({ at: head(clause), message: "DHCPv6 has no packets over IPv4", fix });
      }
    },
  },
];

/** Policies with the helper they belong to, in file order. */
function policies({ all }: Subject) {
  return all("helperType").flatMap((type) => {
    const [name, , l4] = type.values.map(({ text }) => text);
    return itemsOf(type, "policy").map((policy) => ({
      key: `${name}/${l4}/${valueText(policy)}`,
      policy,
    }));
  });
}
