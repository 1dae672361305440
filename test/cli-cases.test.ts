/** The format of the command lines to compare, and that each difference they name has its row. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { caseFiles, readCases, readTable, splitWords } from "./support/cli-cases.ts";

const folder = join(import.meta.dirname, "fixtures/cli");
const scratch = mkdtempSync(join(tmpdir(), "cli-cases-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

function read(text: string) {
  const path = join(scratch, "x.cases");
  writeFileSync(path, text);
  return readCases(path);
}

describe("a command line", () => {
  it("is split as by a shell", () => {
    expect(splitWords(`-L  -s '' "a\\tb c"'d' {id -p udp} -s ::1`)).toEqual([
      "-L",
      "-s",
      "",
      "a\tb cd",
      { idOf: ["-p", "udp"] },
      "-s",
      "::1",
    ]);
  });
  it("repeats text", () => expect(splitWords('"\\{3 ab}"')).toEqual(["ababab"]));
  it("with an open quote is refused", () => expect(() => splitWords("-L 'x")).toThrow(/split/));
});

describe("a file of cases", () => {
  it("takes table and program from the lines above", () => {
    const [first, second] = read("@table mixed\n-L\n# -G\n@program nfct\n.\n");
    expect(first).toMatchObject({ program: "conntrack", table: "mixed", at: "x.cases:2" });
    expect(second).toMatchObject({ program: "nfct", words: [] });
  });
  it("reads clauses", () => {
    const [one] = read("-R - :: stdin a\\nb :: file f x\\ty :: while -F ; -C :: without net_raw\n");
    expect(one).toMatchObject({ stdin: "a\nb", files: { f: "x\ty" }, meanwhile: ["-F", "-C"] });
    expect(one).toMatchObject({ without: "net_raw", end: "INT" });
  });
  it("reads what ours says", () => {
    const [one] = read("-L :: differs x\n  err| a  b\n  err| c\n  exit 2\n  after *\n  out *\n");
    expect(one?.own).toEqual({ stderr: ["a  b", "c"], status: 2, after: "*", stdout: "*" });
  });
  it("refuses own words without a reason", () => {
    expect(() => read("-L\n  exit 2\n")).toThrow(/x.cases:2: own words/);
  });
});

describe("the cases of this project", () => {
  const cases = caseFiles(folder).flatMap(readCases);
  const page = readFileSync(join(import.meta.dirname, "../doc/differences.md"), "utf8");
  const rows = [...page.matchAll(/^\| (.+?) \|/gm)].map(([, cell]) => cell);
  it("start from tables that can be read", () => {
    const tables = new Set(cases.map(({ table }) => table));
    for (const table of tables) readTable(join(folder, "tables", `${table}.table`));
    expect(tables.size).toBeGreaterThan(1);
  });
  it("name differences that doc/differences.md explains", () => {
    const named = new Set(cases.flatMap(({ differs }) => (differs === undefined ? [] : [differs])));
    expect([...named].filter((name) => !rows.includes(name))).toEqual([]);
  });
  it("say what ours says where it differs", () => {
    const silent = cases.filter((e) => e.differs !== undefined && Object.keys(e.own).length === 0);
    expect(silent.map(({ at }) => at)).toEqual([]);
  });
  it("are there once", () => {
    const seen = cases.map((e) => `${e.program} ${e.table} ${e.text}`);
    expect(seen.filter((text, i) => seen.indexOf(text) !== i)).toEqual([]);
  });
});
