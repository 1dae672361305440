/**
 * `conntrackd-lint --live` by somebody without rights: the program as a process of its own, as nobody and as root. It says what
 * it was not allowed to look at, and all that it could find out the same.
 */
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { projectRoot } from "../../lab/conntrackd.ts";
import { isInUserNamespace } from "../../lab/privileges.ts";
import { describeOnKernel } from "../support/requirements.ts";

/** The user and the group that own nothing. */
const nobody = { uid: 65534, gid: 65534 };
const parts = /^(conntrackd-lint|config-lint)\b/;

interface Found {
  readonly rule: string;
  readonly severity: string;
  readonly message: string;
  readonly advice: string;
}

function body(): void {
  let scratch: string;
  let config: string;
  beforeAll(() => {
    scratch = mkdtempSync(join(tmpdir(), "lint-live-"));
    // Nobody may not be allowed to read the project's folder.
    chmodSync(scratch, 0o755);
    const dist = join(projectRoot, "dist");
    for (const name of readdirSync(dist)) {
      if (parts.test(name)) cpSync(join(dist, name), join(scratch, name));
    }
    mkdirSync(join(scratch, "secret/inside"), { recursive: true });
    chmodSync(join(scratch, "secret"), 0o700);
    config = join(scratch, "live.conf");
    writeFileSync(
      config,
      [
        "General {",
        `    LockFile ${scratch}/secret/inside/conntrackd.lock`,
        "    NetlinkBufferSize 1073741824",
        "}",
        "Sync {",
        "    UDP {",
        "        Interface nodev0",
        "    }",
        "}",
        "",
      ].join("\n"),
    );
  });
  afterAll(() => rmSync(scratch, { recursive: true, force: true }));

  function lint(as: object, file = config) {
    const words = [join(scratch, "conntrackd-lint.cjs"), "--live", "--format", "json", file];
    const { status, stdout, stderr } = spawnSync(process.execPath, words, {
      ...{ encoding: "utf8", cwd: "/", ...as },
    });
    const findings: readonly Found[] = stdout === "" ? [] : JSON.parse(stdout).findings;
    return { status, stderr, findings };
  }
  const hidden = (findings: readonly Found[]) =>
    findings.filter(({ rule }) => rule === "live-not-visible").map(({ message }) => message);
  const rules = (findings: readonly Found[]) => new Set(findings.map(({ rule }) => rule));

  it("says which folder it may not look into, and how it may", () => {
    const { status, stderr, findings } = lint(nobody);
    expect({ status, stderr }).toEqual({ status: 2, stderr: "" });
    expect(hidden(findings)).toContain(
      `\`${scratch}/secret/inside' could not be looked at: EACCES`,
    );
    const note = findings.find(({ rule }) => rule === "live-not-visible");
    expect(note).toMatchObject({ severity: "note", advice: expect.stringContaining("as root") });
  });
  it("finds what everybody can see", () => {
    expect(lint(nobody).findings.map(({ message }) => message)).toContainEqual(
      expect.stringContaining("there is no interface `nodev0`"),
    );
  });
  it("knows that a limit binds who has no rights, and nobody else", () => {
    expect(rules(lint(nobody).findings)).toContain("live-buffer-limit");
    expect(rules(lint({}).findings)).not.toContain("live-buffer-limit");
  });
  it("hides nothing more from nobody than that folder, beside what root sees", () => {
    const ofRoot = hidden(lint({}).findings);
    const ofNobody = hidden(lint(nobody).findings);
    expect(ofRoot.join()).not.toContain("secret");
    expect(ofNobody.filter((message) => !ofRoot.includes(message))).toHaveLength(1);
  });
  it("says in one line that a file itself may not be read", () => {
    const secret = join(scratch, "secret/conntrackd.conf");
    writeFileSync(secret, "General {\n}\n");
    const { status, stderr, findings } = lint(nobody, secret);
    expect({ status, findings }).toEqual({ status: 2, findings: [] });
    expect(stderr).toMatch(/^can't open config file `.+': EACCES.*\n$/);
  });
}

// A user namespace of the lab has root, and nobody else.
describe.skipIf(isInUserNamespace())("--live", () => {
  describeOnKernel("without rights", [], body, ["bin/conntrackd-lint"]);
});
