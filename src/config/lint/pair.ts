/**
 * Two files beside each other: do the nodes fit together? Verdicts on both, each about its own file,
 * with the place in the partner's. Knows no rule but through the table.
 */

import type { Verdict } from "./lint.ts";
import type { PairRule } from "./rule.ts";
import { pairRules } from "./rules-pair.ts";
import type { Subject } from "./subject.ts";

export function comparePair(a: Subject, b: Subject): readonly [Verdict[], Verdict[]] {
  const verdicts = (own: Subject, partner: Subject, rules: readonly PairRule[]) => {
    const found: Verdict[] = [];
    for (const rule of rules) {
      rule.run(own, partner, (each) => {
        const { related } = each;
        const there = related ? { related: { ...related, isPartners: true as const } } : {};
        found.push({ rule, found: { ...each, ...there } });
      });
    }
    return found;
  };
  return [
    verdicts(a, b, pairRules),
    verdicts(
      b,
      a,
      pairRules.filter((rule) => !rule.isMutual),
    ),
  ];
}
