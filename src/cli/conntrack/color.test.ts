import { stripVTControlCharacters } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { anyFlowSeed, buildFlow } from "../../../test/support/flows.ts";
import { flowText } from "../../flow/text.ts";
import { paint, wantsColor } from "./color.ts";
import { Command } from "./command.ts";
import { CommandReader } from "./reading.ts";

const LINE =
  " [UPDATE] tcp      6 60 SYN_RECV src=10.0.0.1 dst=2001:db8::2 sport=1 dport=2 [UNREPLIED] src=10.0.0.2 dst=10.0.0.1 mark=0 [USERSPACE] portid=7 progname=x";

const read = (...words: string[]) =>
  new CommandReader({ warn: () => undefined, protocolNumber: () => undefined }).read([
    "conntrack",
    ...words,
  ]);

describe("colour", () => {
  it("leaves every line as it was, but for colours", () => {
    fc.assert(
      fc.property(anyFlowSeed, fc.constantFrom("", "    [NEW] ", "[DESTROY] "), (seed, tag) => {
        const text = tag + flowText(buildFlow(seed), { now: 0, timeout: true, id: true });
        const painted = paint(text);
        expect(stripVTControlCharacters(painted)).toBe(text);
        expect(painted).not.toBe(text);
      }),
    );
  });

  it("paints event, state, addresses, flags and origin", () => {
    const painted = paint(LINE);
    for (const [code, word] of [
      [33, " [UPDATE]"],
      [33, "SYN_RECV"],
      [36, "10.0.0.1"],
      [36, "2001:db8::2"],
      [33, "[UNREPLIED]"],
      [35, "[USERSPACE] portid=7 progname=x"],
    ]) {
      expect(painted).toContain(`\x1b[${code}m${word}\x1b[0m`);
    }
  });

  it("is asked for by its whole name, with a word of its own or none", () => {
    expect(read("-L").color).toBe("never");
    expect(read("-L", "--color").color).toBe("auto");
    expect(read("-L", "--color=always").color).toBe("always");
    expect(read("--co").verb).toBe("count");
    expect(() => read("-L", "--colo")).toThrow("unknown option `--colo'");
    expect(() => read("-L", "--color=red")).toThrow("auto, always or never");
  });

  it("is not for pipes", () => {
    const command = new Command();
    expect(wantsColor(command)).toBe(false);
    command.color = "always";
    expect(wantsColor(command)).toBe(true);
  });
});
