import { describe, expect, it } from "vitest";
import { wordsAt } from "./index.ts";

/** The bar is where the cursor stands. */
function at(marked: string) {
  const offset = marked.indexOf("^");
  return wordsAt(marked.replace("^", ""), offset);
}
const ids = (marked: string) => at(marked).rows.map(({ id }) => id);

describe("what may stand at a place", () => {
  it.each([
    ["^", ["general", "sync", "stats", "helper"]],
    ["General {\n}\nSy^", ["general", "sync", "stats", "helper"]],
    ["General {\n UNIX {\n  P^\n }\n}\n", ["unixPath", "unixBacklog"]],
    ["Sync {\n Mode ^\n}\n", ["ftfw", "alarm", "notrack"]],
    ["General {\n HashSize ^\n}\n", []],
    ["General {\n # Ha^\n}\n", []],
  ])("%j", (marked, expected) => {
    expect(ids(marked)).toEqual(expected);
  });
  it.each([
    ["General {\n HashSize ^", ["a number"]],
    ["General {\n Systemd o^", ["on", "off"]],
    ["General {\n Filter From ^", ["Userspace", "Kernelspace"]],
    ["Sync {\n UDP ^", ["Default", "{"]],
    ["Sync {\n Options {\n  ExpectationSync ^", ["on", "off", "{"]],
  ])("words: %j", (marked, expected) => {
    expect(at(marked).expected).toEqual(expected);
  });
  it("knows no clause of older releases, and goes on behind a mistake", () => {
    expect(ids("Sync {\n Foo\n ^")).not.toContain("listenTo");
    expect(ids("Sync {\n Foo\n ^")).toContain("udp");
  });
});
