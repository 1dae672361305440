/**
 * What a test on the real kernel needs: root, our daemon, and for comparisons the reference.
 *
 * Where something is missing the tests are skipped with the reason in their title; in CI they fail with it.
 */
import { describe, expect, it } from "vitest";
import { type DaemonKind, findDaemon } from "../../lab/conntrackd.ts";
import { findProgram } from "../../lab/netns.ts";
import { isPrivileged } from "../../lab/privileges.ts";

/** What keeps tests with these daemons from running here; undefined when nothing does. */
export function obstacle(kinds: readonly DaemonKind[]): string | undefined {
  if (!isPrivileged()) return "needs root";
  const tool = ["ip", "nft", "nsenter", "conntrack"].find(
    (name) => findProgram(name) === undefined,
  );
  if (tool !== undefined) return `${tool} is not installed`;
  const missing = kinds.find((kind) => findDaemon(kind) === undefined);
  if (missing === undefined) return undefined;
  return missing === "ours" ? "bin/conntrackd is not built" : "the reference is not installed";
}

/** `describe` for tests with these daemons. The body must do nothing outside of hooks and tests. */
export function describeOnKernel(title: string, kinds: readonly DaemonKind[], body: () => void) {
  const reason = obstacle(kinds);
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
