/**
 * Clauses of the language that this release does not run. The daemon refuses to start with them:
 * a clause that is read and then ignored would be worse than none.
 */

import type { Config } from "./model.ts";

/** One sentence for each, with file, line and column. Empty: the daemon can run. */
export function unsupported(config: Config): string[] {
  const { positions, file } = config.source;
  const found: string[] = [];
  const refuse = (applies: boolean, path: string, sentence: string) => {
    if (!applies) return;
    const at = positions.get(path);
    found.push(`${at ? `${file}:${at.line}:${at.column}` : file}: ${sentence}`);
  };
  const { sync, general, runMode, helper } = config;
  const hasMode = (name: string) => positions.has(`sync.mode.${name}`);
  refuse(hasMode("alarm"), "sync.mode.alarm", "this release does not run `Mode ALARM'.");
  refuse(hasMode("notrack"), "sync.mode.notrack", "this release does not run `Mode NOTRACK'.");
  const hasExpectations = sync.expectationSync !== false;
  const expectations = "this release does not replicate expectations (`ExpectationSync').";
  refuse(hasExpectations, "sync.expectationSync", expectations);
  const polls = general.pollSecs !== null && runMode === "sync";
  refuse(polls, "general.pollSecs", "this release does not poll the kernel (`PollSecs').");
  for (const [index, { name }] of helper.instances.entries()) {
    const sentence = `this release does not run user-space helpers (\`Type ${name}').`;
    refuse(true, `helper.instances.${index}`, sentence);
  }
  return found;
}
