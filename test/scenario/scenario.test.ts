/** Each script beside this file happens as it is written down. `UPDATE=1` writes down what happens. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { runScript } from "../support/dialogue-script.ts";

const directory = import.meta.dirname;
const files = readdirSync(directory).filter((name) => name.endsWith(".txt"));
const { UPDATE } = process.env;

describe("dialogues", () => {
  it.each(files)("%s", (name) => {
    const path = join(directory, name);
    const stored = readFileSync(path, "utf8");
    const happened = runScript(stored);
    if (UPDATE === "1") writeFileSync(path, happened);
    else expect(happened).toBe(stored);
  });

  it("are there", () => expect(files.length).toBeGreaterThanOrEqual(8));

  it("differ where something else happens", () => {
    const text = "start A first=5\nwait 1000\n----\n1.000 A: ALIVE,HELLO 6\n";
    expect(runScript(text)).toBe(text.replace("HELLO 6", "HELLO 5"));
  });
});
