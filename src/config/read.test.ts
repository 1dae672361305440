import { describe, expect, it } from "vitest";
import { maxFileBytes, maxNesting } from "../../grammar/index.ts";
import { modelSchema, printConfig, readConfig, unsupported } from "./index.ts";

const read = (text: string) => readConfig(new TextEncoder().encode(text), { file: "c.conf" });

describe("reading a configuration", () => {
  it("takes defaults for what is not given, and for zero", () => {
    const result = read("General { HashSize 0 }");
    expect(result).toMatchObject({ ok: true, config: { general: { hashSize: 65536 } } });
  });
  it("says where a mistake stands and what would have been right", () => {
    const result = read("General {\n  HashSize -5\n}");
    expect(result).toMatchObject({
      ok: false,
      error: { line: 2, column: 12, offset: 21, expected: ["a number"] },
    });
  });
  it("lets the last word win", () => {
    const text =
      "General { LogFile /x LogFile off } Sync { Options { ExpectationSync on ExpectationSync off } }";
    expect(read(text)).toMatchObject({
      ok: true,
      config: { general: { logFile: null }, sync: { expectationSync: false } },
    });
  });
  it("strips carriage returns from paths", () => {
    const result = read("General { LockFile /run/x\r\n}\r\n");
    expect(result).toMatchObject({ ok: true, config: { general: { lockFile: "/run/x" } } });
  });
  it("names what this release does not run", () => {
    const result = read("Helper {\n Type ftp inet tcp { QueueNum 0 }\n}\n");
    if (!result.ok) throw new Error(result.error.text);
    expect(unsupported(result.config)).toEqual([
      expect.stringContaining("this release does not run user-space helpers (`Type ftp')."),
    ]);
  });
  it("prints what it reads again", () => {
    const result = read(
      "Sync { Mode FTFW { } UDP Default { IPv6_address fe80::1 Port 7 Interface lo } } General { Filter { Address Accept { IPv4_address 10.0.0.0/8 } Protocol Ignore { TCP } State Accept { LISTEN for TCP } } }",
    );
    if (!result.ok) throw new Error(result.error.text);
    const again = read(printConfig(result.config));
    if (!again.ok) throw new Error(again.error.text);
    expect(modelSchema.parse(again.config)).toEqual(modelSchema.parse(result.config));
  });
});

describe("hostile files", () => {
  const hostile = {
    "an endless word": "a".repeat(maxFileBytes),
    "zero bytes": "\0".repeat(maxFileBytes),
    "open braces": `Helper ${"{".repeat(maxFileBytes - 8)}`,
    "nested helpers": `Helper { ${"Type a b c { ".repeat(maxNesting * 100)}`,
    "a mistake in each section": "General } ".repeat(maxFileBytes / 10),
    "too many bytes": " ".repeat(50_000_000),
  };
  it.each(Object.entries(hostile))("end in an error soon: %s", (_name, text) => {
    expect(read(text).ok).toBe(false);
  });
});
