/**
 * What a test on the real kernel needs: root, our daemon, and for comparisons the reference.
 *
 * Where something is missing the tests are skipped with the reason in their title; in CI they fail with it.
 */
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type DaemonKind, findDaemon, projectRoot } from "../../lab/conntrackd.ts";
import { findProgram, isExecutable } from "../../lab/netns.ts";
import { isPrivileged } from "../../lab/privileges.ts";

/** What keeps tests with these daemons and programs from running here; undefined when nothing does. */
export function obstacle(
  kinds: readonly DaemonKind[],
  tools: readonly string[] = [],
): string | undefined {
  if (!isPrivileged()) return "needs root";
  for (const name of ["ip", "nft", "nsenter", "conntrack", ...tools]) {
    const isOurs = name.startsWith("bin/");
    if (isOurs && !isExecutable(join(projectRoot, name))) return `${name} is not built`;
    if (!isOurs && findProgram(name) === undefined) return `${name} is not installed`;
  }
  const missing = kinds.find((kind) => findDaemon(kind) === undefined);
  if (missing === undefined) return undefined;
  return missing === "ours" ? "bin/conntrackd is not built" : "the reference is not installed";
}

/**
 * `describe` for tests with these daemons and more programs: those of the system by name, ours as `bin/name`. The body must do
 * nothing outside of hooks and tests.
 */
export function describeOnKernel(
  title: string,
  kinds: readonly DaemonKind[],
  body: () => void,
  tools: readonly string[] = [],
) {
  const reason = obstacle(kinds, tools);
  const { CI } = process.env;
  if (reason === undefined) {
    describe(title, body);
  } else if (CI === undefined) {
    describe.skip(`${title} [${reason}]`, body);
  } else {
    describe(title, () => {
      it("has what it needs", () => expect(reason).toBeUndefined());
    });
  }
}
