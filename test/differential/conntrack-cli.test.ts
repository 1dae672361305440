/**
 * The command lines of `test/fixtures/cli/`, each run by the reference and by ours on the same table: standard output,
 * standard error, exit status and what the tables hold afterwards are the same, or differ as the case says.
 *
 * `CONNTRACK=path` and `NFCT=path` name other programs of ours; `CASES=file:words` picks cases by the name of their file
 * and by their text (both are patterns). `TWICE=1` compares the reference with itself, too.
 */
import { basename, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { projectRoot } from "../../lab/conntrackd.ts";
import { type CliCase, caseFiles, readCases } from "../support/cli-cases.ts";
import { isSame, judge } from "../support/cli-outcome.ts";
import { type Both, findOurs, findReference, runCases } from "../support/cli-workbench.ts";
import { describeOnKernel } from "../support/requirements.ts";

const folder = join(projectRoot, "test/fixtures/cli");
const { CASES = "" } = process.env;
const [fileWords = "", ...textWords] = CASES.split(":");
const wantedFile = new RegExp(fileWords);
const wantedText = new RegExp(textWords.join(":"));
const isWanted = ({ text }: CliCase) => wantedText.test(text);

const files = caseFiles(folder)
  .filter((path) => wantedFile.test(basename(path)))
  .map((path) => ({ name: basename(path), cases: readCases(path).filter(isWanted) }))
  .filter(({ cases }) => cases.length > 0);

/** For one file, on a machine that is busy with something else. */
const PATIENCE_MS = 600_000;
/** What the tables are made with, and what is compared. */
const tools = ["nfct", "iptables-nft"];
const built = ["conntrack", "nfct"]
  .filter((name) => findOurs(name) === undefined)
  .map((name) => `bin/${name}`);

const tables = join(folder, "tables");
const reference = (program: string) => findReference(program) ?? "";
const ours = (program: string) => findOurs(program) ?? "";

/** Whoever adds cases runs them with the reference on both sides first: one that varies by itself compares nothing. */
const checkCases = () =>
  describeOnKernel(
    "the reference beside itself",
    [],
    () => {
      for (const { name, cases } of files) {
        it(
          `${name}: says the same twice, so that a difference is one of programs`,
          async () => {
            const results = await runCases(cases, { ours: reference, tables });
            const unstable = cases.filter(({ at }) => !isSame(results.get(at)!));
            expect(unstable.map(({ at, text }) => `${at} ${text}`)).toEqual([]);
          },
          PATIENCE_MS,
        );
      }
    },
    tools,
  );
if (process.env["TWICE"] !== undefined) checkCases();

describeOnKernel(
  "ours beside the reference",
  [],
  () => {
    const counts = { cases: 0, identical: 0, differing: 0 };
    afterAll(() => {
      const { cases, identical, differing } = counts;
      console.log(
        `command lines: ${cases} cases, ${identical} identical, ${differing} differing with reason`,
      );
    });
    for (const { name, cases } of files) {
      describe(name, () => {
        let results = new Map<string, Both>();
        beforeAll(async () => {
          results = await runCases(cases, { ours, tables });
        }, PATIENCE_MS);
        it.each(cases.map((each) => [`${each.at} ${each.text}`, each] as const))(
          "%s",
          (_, each) => {
            counts.cases += 1;
            const verdict = judge(each, results.get(each.at)!);
            expect(verdict.ours).toEqual(verdict.wanted);
            expect(verdict.remark).toBeUndefined();
            counts[each.differs === undefined ? "identical" : "differing"] += 1;
          },
        );
      });
    }
    it("has cases to run", () => expect(files.length).toBeGreaterThan(0));
  },
  [...tools, ...built],
);
