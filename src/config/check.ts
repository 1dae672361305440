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
  const { helper } = config;
  for (const [index, { name }] of helper.instances.entries()) {
    const sentence = `this release does not run user-space helpers (\`Type ${name}').`;
    refuse(true, `helper.instances.${index}`, sentence);
  }
  return found;
}
