/**
 * What can be said about the language of a configuration file: one row a rule.
 *
 * The rows are the text of the generated pages; whether a rule applies is decided where a file is
 * read (clauses-*.ts, read.ts). Rules about sense, not language, are lint's.
 */

export interface LanguageRule {
  readonly id: string;
  readonly severity: "error" | "warning" | "note";
  readonly summary: string;
  readonly reason: string;
  readonly fix: string;
  /** A file that breaks the rule, and one that does not. */
  readonly example: string;
  readonly better: string;
}

function rule<const Id extends string>(
  id: Id,
  severity: LanguageRule["severity"],
  words: readonly [summary: string, reason: string, fix: string],
  example: string,
  better: string,
) {
  const [summary, reason, fix] = words;
  return { id, severity, summary, reason, fix, example, better };
}

const udp = (items: string) => `Sync {\n  UDP {\n    ${items}\n  }\n}\n`;
const filter = (items: string) => `General {\n  Filter {\n    ${items}\n  }\n}\n`;

const errors = [
  rule(
    "syntax",
    "error",
    ["A word that does not fit.", "The daemon does not start.", "Write one of the expected words."],
    "General {\n  HashSize -5\n}\n",
    "General {\n  HashSize 8192\n}\n",
  ),
  rule(
    "unknown-clause",
    "error",
    [
      "A clause that does not exist.",
      "The daemon does not start.",
      "Correct its name, or remove it.",
    ],
    "General {\n  hashsize 8192\n}\n",
    "General {\n  HashSize 8192\n}\n",
  ),
  rule(
    "misplaced-clause",
    "error",
    ["A clause in the wrong place.", "The daemon does not start.", "Move it where it belongs."],
    "Sync {\n  HashSize 8192\n}\n",
    "General {\n  HashSize 8192\n}\n",
  ),
  rule(
    "limits",
    "error",
    [
      "A file beyond 1 MiB, 100,000 words or 64 open braces.",
      "No real file is.",
      "Check what it is.",
    ],
    `Helper {${" Type a b c {".repeat(70)}\n`,
    "Helper {\n}\n",
  ),
  rule(
    "long-path",
    "error",
    ["A path longer than the system takes.", "It could not be opened.", "Use a shorter path."],
    `General {\n  UNIX {\n    Path /${"run/".repeat(30)}x.ctl\n  }\n}\n`,
    "General {\n  UNIX {\n    Path /run/x.ctl\n  }\n}\n",
  ),
  rule(
    "poll-interval",
    "error",
    ["`PollSecs 0`.", "The daemon would never rest.", "Give at least 1 second."],
    "General {\n  PollSecs 0\n}\n",
    "General {\n  PollSecs 15\n}\n",
  ),
  rule(
    "scheduler",
    "error",
    [
      "An unknown scheduler, or a priority above 99.",
      "The kernel has none such.",
      "`RR` or `FIFO`, 0 to 99.",
    ],
    "General {\n  Scheduler {\n    Type batch\n  }\n}\n",
    "General {\n  Scheduler {\n    Type FIFO\n    Priority 10\n  }\n}\n",
  ),
  rule(
    "mixed-sections",
    "error",
    ["`Sync` and `Stats` in one file.", "The daemon does one or the other.", "Remove one of them."],
    "Sync {\n}\nStats {\n}\n",
    "Sync {\n}\n",
  ),
  rule(
    "mixed-links",
    "error",
    ["Links of several kinds.", "All links of a node are of one kind.", "Use one kind."],
    "Sync {\n  UDP {\n  }\n  TCP {\n  }\n}\n",
    "Sync {\n  UDP {\n  }\n  UDP {\n  }\n}\n",
  ),
  rule(
    "too-many-links",
    "error",
    ["More than four links.", "The daemon has room for four.", "Remove some."],
    `Sync {\n${"  UDP {\n    Port 1\n  }\n".repeat(5)}}\n`,
    `Sync {\n${"  UDP {\n    Port 1\n  }\n".repeat(4)}}\n`,
  ),
  rule(
    "helper-type",
    "error",
    ["A helper that does not exist.", "There is nothing to run.", "Check name and both protocols."],
    "Helper {\n  Type foo inet tcp {\n  }\n}\n",
    "Helper {\n  Type ftp inet tcp {\n  }\n}\n",
  ),
  rule(
    "helper-policy",
    "error",
    [
      "A policy that is empty, or not the helper's.",
      "It would have no effect.",
      "Name it like the helper.",
    ],
    "Helper {\n  Type ftp inet tcp {\n    Policy ftp {\n    }\n  }\n}\n",
    "Helper {\n  Type ftp inet tcp {\n    Policy ftp {\n      ExpectMax 1\n    }\n  }\n}\n",
  ),
] as const;

const warnings = [
  rule(
    "legacy-clause",
    "warning",
    ["A clause of an older release.", "Newer C daemons refuse it.", "Use the form of today."],
    "StripNAT\n",
    "General {\n}\n",
  ),
  rule(
    "deprecated-clause",
    "warning",
    ["A clause without effect.", "It promises what does not happen.", "Remove it."],
    "General {\n  Nice -20\n}\n",
    "General {\n}\n",
  ),
  rule(
    "renamed-mode",
    "warning",
    ["The old name of a mode.", "Other releases do not know it.", "Write `FTFW` or `ALARM`."],
    "Sync {\n  Mode NACK {\n  }\n}\n",
    "Sync {\n  Mode FTFW {\n  }\n}\n",
  ),
  rule(
    "number-range",
    "warning",
    [
      "A number beyond 2147483647.",
      "The C daemon wraps it, often to 0.",
      "Write the number you mean.",
    ],
    "General {\n  HashLimit 4294967296\n}\n",
    "General {\n  HashLimit 262144\n}\n",
  ),
  rule(
    "unknown-facility",
    "warning",
    ["An unknown syslog facility.", "The clause is ignored.", "`daemon` or `local0` to `local7`."],
    "General {\n  Syslog LOCAL0\n}\n",
    "General {\n  Syslog local0\n}\n",
  ),
  rule(
    "conflicting-facility",
    "warning",
    ["Two syslog facilities.", "Only one of them is used.", "Name one facility."],
    "General {\n  Syslog local0\n}\nStats {\n  Syslog local1\n}\n",
    "General {\n  Syslog local0\n}\nStats {\n  Syslog local0\n}\n",
  ),
  rule(
    "unknown-interface",
    "warning",
    [
      "An interface that this machine does not have.",
      "The link cannot start.",
      "Name one that exists.",
    ],
    udp("Interface nodev0"),
    udp("Interface lo"),
  ),
  rule(
    "invalid-address",
    "warning",
    ["An address that is none.", "The clause is ignored.", "Correct it; links take no prefix."],
    udp("IPv4_address 10.0.0.1/24"),
    udp("IPv4_address 10.0.0.1"),
  ),
  rule(
    "mixed-families",
    "warning",
    ["IPv4 and IPv6 in one multicast link.", "The later one is ignored.", "Use one family."],
    "Sync {\n  Multicast {\n    IPv4_address 225.0.0.50\n    IPv6_address ff05::50\n  }\n}\n",
    "Sync {\n  Multicast {\n    IPv4_address 225.0.0.50\n  }\n}\n",
  ),
  rule(
    "unneeded-clause",
    "warning",
    ["`IPv6_interface`.", "`Interface` says it.", "Remove it."],
    "Sync {\n  Multicast {\n    IPv6_interface fe80::1\n  }\n}\n",
    "Sync {\n  Multicast {\n    Interface lo\n  }\n}\n",
  ),
  rule(
    "invalid-network",
    "warning",
    [
      "A prefix length that no address has.",
      "The clause is ignored.",
      "At most 32, or 128 for IPv6.",
    ],
    filter("Address Ignore { IPv4_address 10.0.0.0/33 }"),
    filter("Address Ignore { IPv4_address 10.0.0.0/24 }"),
  ),
  rule(
    "repeated-network",
    "warning",
    ["A network that is listed twice.", "One of them was meant to be another.", "Remove one."],
    filter("Address Ignore { IPv4_address 10.0.0.0/8 IPv4_address 10.0.0.0/8 }"),
    filter("Address Ignore { IPv4_address 10.0.0.0/8 }"),
  ),
  rule(
    "unknown-protocol",
    "warning",
    ["A protocol that is not in /etc/protocols.", "It is ignored.", "Correct its name."],
    filter("Protocol Accept { TCP foo }"),
    filter("Protocol Accept { TCP }"),
  ),
  rule(
    "useless-combination",
    "warning",
    [
      "`CommitTimeout` with `DisableExternalCache`.",
      "Nothing is committed.",
      "Remove one of them.",
    ],
    "Sync {\n  Mode FTFW {\n    CommitTimeout 180\n    DisableExternalCache yes\n  }\n}\n",
    "Sync {\n  Mode FTFW {\n    DisableExternalCache yes\n  }\n}\n",
  ),
] as const;

const notes = [
  rule(
    "final-comment",
    "note",
    [
      "A comment in the last line, without a newline.",
      "The C daemon refuses the file.",
      "Add a newline.",
    ],
    "General {\n}\n# end",
    "General {\n}\n# end\n",
  ),
  rule(
    "byte-order-mark",
    "note",
    ["A byte-order mark.", "The C daemon then ignores the whole file.", "Remove it."],
    "\u00ef\u00bb\u00bfGeneral {\n}\n",
    "General {\n}\n",
  ),
  rule(
    "path-end",
    "note",
    [
      "A tab or carriage return behind a path.",
      "The C daemon takes it for a part of the name.",
      "Remove it.",
    ],
    "General {\n  LockFile /run/x.lock\r\n}\n",
    "General {\n  LockFile /run/x.lock\n}\n",
  ),
  rule(
    "expectation-off",
    "note",
    ["`ExpectationSync off` behind `on`.", "The C daemon aborts at start.", "Remove one of them."],
    "Sync {\n  Options {\n    ExpectationSync on\n    ExpectationSync off\n  }\n}\n",
    "Sync {\n  Options {\n    ExpectationSync off\n  }\n}\n",
  ),
  rule(
    "log-off",
    "note",
    [
      "`LogFile off` behind `LogFile <path>`.",
      "The C daemon logs to the path all the same.",
      "Remove one.",
    ],
    "General {\n  LogFile on\n  LogFile off\n}\n",
    "General {\n  LogFile off\n}\n",
  ),
] as const;

export const languageRules = [...errors, ...warnings, ...notes] as const;

export type RuleId = (typeof languageRules)[number]["id"];
