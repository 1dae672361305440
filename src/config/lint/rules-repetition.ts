/** Rules about what is written more than once, or written and not meant: the language is silent there. */

import { removal } from "../diagnostic.ts";
import type { Written } from "../index.ts";
import type { Config } from "../model.ts";
import type { FileRule, Fix } from "./rule.ts";
import { head, valueText } from "./subject.ts";

/** Blocks that may stand side by side, each with values of its own. */
const separate: ReadonlySet<string> = new Set(["multicast", "udp", "tcp", "helperType", "policy"]);
/** Clauses that add up instead of replacing each other. Bare words always do. */
const lists: ReadonlySet<string> = new Set(["filterIpv4", "filterIpv6"]);
/** Two clauses that give the same value. */
const sameValue: Readonly<Record<string, string>> = {
  localIpv6: "localIpv4",
  peerIpv6: "peerIpv4",
  multicastIpv6: "multicastIpv4",
};
/** The reader takes the first of these, and the last of all others. */
const firstWins: ReadonlySet<string> = new Set(["queueNum", "queueLen"]);

/** Clauses with one value, each under the block it belongs to. */
function* values(
  clauses: readonly Written[],
  block: string,
): Generator<readonly [string, Written]> {
  for (const clause of clauses) {
    const own = separate.has(clause.clause) ? `${block}/${clause.offset}` : block;
    if (clause.body) yield* values(clause.items, own);
    else if (clause.keyword && !lists.has(clause.clause))
      yield [`${block}/${sameValue[clause.clause] ?? clause.clause}`, clause];
  }
}

/** Rewrites that are offered: each looks for the ends of its line, which may be the whole file. */
const maxOffers = 100;

/** Zero is no value of these: what they mean then. */
const zeroes: Readonly<Record<string, (config: Config) => number>> = {
  hashSize: ({ general }) => general.hashSize,
  hashLimit: ({ general }) => general.hashLimit,
  eventIterationLimit: ({ general }) => general.eventIterationLimit,
  netlinkOverrunResync: ({ general }) => general.netlinkOverrunResync,
  refreshTime: ({ sync }) => sync.refreshTime,
  cacheTimeout: ({ sync }) => sync.cacheTimeout,
  purgeTimeout: ({ sync }) => sync.purgeTimeout,
  resendQueueSize: ({ sync }) => sync.resendQueueSize,
  ackWindowSize: ({ sync }) => sync.ackWindowSize,
  errorQueueLength: ({ sync }) => sync.errorQueueLength,
};

export const repetitionRules: readonly FileRule[] = [
  {
    id: "given-twice",
    severity: "warning",
    summary: "a value that is given twice",
    reason:
      "One of them silently loses: the last one counts (of `QueueNum` and `QueueLen` the first), wherever it stands.",
    fix: "Remove the one that does not count.",
    example: "General {\n    HashLimit 262144\n    HashSize 65536\n    HashLimit 131072\n}\n",
    better: "General {\n    HashSize 65536\n    HashLimit 131072\n}\n",
    run: ({ sections, text }, report) => {
      const seen = new Map<string, Written>();
      let offered = 0;
      for (const [key, clause] of values(sections, "")) {
        const before = seen.get(key);
        const keepsFirst = firstWins.has(clause.clause);
        if (before === undefined || !keepsFirst) seen.set(key, clause);
        if (before === undefined) continue;
        const [kept, lost] = keepsFirst ? [before, clause] : [clause, before];
        report({
          at: head(lost),
          message: `\`${words(lost)}\` does not count`,
          advice: `Remove it, or the other one: \`${words(kept)}\` counts.`,
          ...(offered++ < maxOffers ? { fix: withoutClause(text, lost) } : {}),
          related: { at: head(kept), message: `\`${words(kept)}\` counts` },
        });
      }
    },
  },
  {
    id: "section-twice",
    severity: "note",
    summary: "a section that is opened twice",
    reason: "Both count, and their values are easily overlooked when the other one is edited.",
    fix: "Put everything into one section.",
    example: "Stats {\n    LogFile on\n}\nStats {\n    Syslog on\n}\n",
    better: "Stats {\n    LogFile on\n    Syslog on\n}\n",
    run: ({ sections }, report) => {
      const first = new Map<string, Written>();
      for (const section of sections) {
        const before = first.get(section.clause);
        if (before === undefined) {
          first.set(section.clause, section);
          continue;
        }
        report({
          at: head(section),
          message: `\`${section.keyword?.text}\` was opened before; both sections count`,
          related: { at: head(before), message: "here" },
        });
      }
    },
  },
  {
    id: "zero-is-default",
    severity: "warning",
    summary: "a zero that does not mean zero",
    reason:
      "For clauses whose default is not zero, 0 means the default: neither off nor without limit.",
    fix: "Write the number you mean; `NetlinkOverrunResync off` switches the resync off.",
    example: "General {\n    NetlinkOverrunResync 0\n}\n",
    better: "General {\n    NetlinkOverrunResync 30\n}\n",
    run: ({ config, all }, report) => {
      for (const [id, valueIn] of Object.entries(zeroes)) {
        for (const clause of all(id)) {
          const text = valueText(clause);
          if (!/^0+$/.test(text)) continue;
          const message = `\`${words(clause)}\` means the default: ${valueIn(config)}`;
          report({ at: head(clause), message });
        }
      }
    },
  },
];

function withoutClause(text: string, clause: Written): Fix {
  const edits = removal(text, clause);
  return { title: `remove \`${words(clause)}\``, edits, isSafe: false };
}

function words({ keyword, values: given }: Written): string {
  return [keyword, ...given].map((token) => token?.text.slice(0, 40)).join(" ");
}
