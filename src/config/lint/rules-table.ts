/** All rules about one file, in the order of the documentation. */

import type { FileRule } from "./rule.ts";
import { capacityRules } from "./rules-capacity.ts";
import { daemonRules } from "./rules-daemon.ts";
import { expectationRules } from "./rules-expectations.ts";
import { filterRules } from "./rules-filter.ts";
import { filterEntryRules } from "./rules-filter-entries.ts";
import { linkRules } from "./rules-links.ts";
import { modeRules } from "./rules-modes.ts";
import { repetitionRules } from "./rules-repetition.ts";
import { severalLinksRules } from "./rules-several-links.ts";

export const fileRules: readonly FileRule[] = [
  ...daemonRules,
  ...repetitionRules,
  ...capacityRules,
  ...modeRules,
  ...linkRules,
  ...severalLinksRules,
  ...filterRules,
  ...filterEntryRules,
  ...expectationRules,
];
