/**
 * A file beside the machine it shall run on. What the machine is like comes in as facts
 * (src/runtime/live-facts.ts); a fact that could not be looked at is no finding but a note.
 */

import type { Verdict } from "./lint.ts";
import { folderOf, type Machine } from "./machine.ts";
import type { RuleText } from "./rule.ts";
import { liveRules } from "./rules-live.ts";
import type { Subject } from "./subject.ts";

/** About looking itself. */
export const hiddenRule: RuleText = {
  id: "live-not-visible",
  severity: "note",
  summary: "something of the machine could not be looked at",
  reason: "Rules that need it were not checked.",
  fix: "Run `config-lint --live` as root, in the network namespace of the daemon.",
};

export function compareWithMachine(subject: Subject, machine: Machine): Verdict[] {
  const verdicts = machine.hidden.map(
    (message): Verdict => ({ rule: hiddenRule, found: { at: undefined, message } }),
  );
  for (const rule of liveRules) {
    rule.run(subject, machine, (found) => void verdicts.push({ rule, found }));
  }
  return verdicts;
}

/** Folders that a file's paths lie in: what the facts have to tell about. */
export function foldersOf({ config }: Subject): string[] {
  const { general, stats } = config;
  const paths = [general.unixPath, general.lockFile, general.logFile, stats.logFile];
  const found = paths.flatMap((path) => (path?.startsWith("/") ? [folderOf(path)] : []));
  return [...new Set(found)];
}
