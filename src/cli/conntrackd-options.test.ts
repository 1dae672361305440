import { describe, expect, it } from "vitest";
import { parseCommandLine } from "./conntrackd-options.ts";
import { usageText, versionText } from "./conntrackd-usage.ts";

function code(line: string): number | string {
  const outcome = parseCommandLine(line === "" ? [] : line.split(" "));
  if (outcome.kind === "request") return outcome.code;
  return outcome.kind === "error" ? outcome.message : outcome.kind;
}

describe("conntrackd command line", () => {
  it.each<[string, number | string]>([
    ["-c", 46],
    ["-c ct", 18],
    ["-c e", 42],
    ["-f", 45],
    ["-f int", 33],
    ["-f external", 34],
    ["-F", 43],
    ["-F ct", 0],
    ["-F expect", 38],
    ["-R", 44],
    ["-R ct", 1],
    ["-R expect", 39],
    ["-i", 16],
    ["-i expect", 40],
    ["-e", 17],
    ["-e exp", 41],
    ["-i -x", 24],
    ["-e -x", 25],
    ["-i expect -x", 47],
    ["-e expect -x", 48],
    ["-s", 21],
    ["-s network", 28],
    ["-s c", 29],
    ["-s r", 30],
    ["-s link", 31],
    ["-s rs", 32],
    ["-s process", 35],
    ["-s q", 36],
    ["-s ct", 21],
    ["-s e", 37],
    ["-B", 22],
    ["-n", 23],
    ["-t", 26],
    ["-k", 20],
    ["-i -x -s link", 31],
    ["-daemon", "daemon"],
    ["", "daemon"],
    ["-i -x -v", "version"],
    ["--help", "help"],
    ["-d -s", "Invalid parameters"],
    ["-s -d -v", "Invalid parameters"],
    ["-x -i", "Invalid parameters"],
    ["-s -x", "Invalid parameters"],
    ["-Q", "Unknown option: -Q"],
    ["xd", "Unknown option: xd"],
    ["-", "Unknown option: -"],
    ["--version2", "Unknown option: --version2"],
    ["-i -x ct", "Unknown option: ct"],
    ["-c foo", "Unknown option: foo"],
    ["-s foo", "unknown parameter `foo' for option `-s'"],
    ["-C", "Missing config filename"],
  ])("conntrackd %s", (line, expected) => {
    expect(code(line)).toBe(expected);
  });
  it("takes the last configuration file, whatever it looks like", () => {
    expect(parseCommandLine(["-C", "/a", "-d", "-C", "-d"])).toEqual({
      kind: "daemon",
      configFile: "-d",
      background: true,
      warnings: [],
    });
    expect(parseCommandLine([])).toMatchObject({
      configFile: "/etc/conntrackd/conntrackd.conf",
      background: false,
    });
    const long = parseCommandLine(["-C", "x".repeat(5000)]);
    expect(long).toMatchObject({
      configFile: "x".repeat(4096),
      warnings: [expect.stringContaining("4096")],
    });
  });
  it("warns of the old word for links, and matches an empty word first", () => {
    expect(parseCommandLine(["-s", "multicast"])).toMatchObject({
      code: 31,
      warnings: ["use `link' instead of `multicast' as parameter."],
    });
    expect(parseCommandLine(["-s", ""])).toMatchObject({ code: 28, warnings: [] });
    expect(parseCommandLine(["-s", "foo"])).toMatchObject({ usage: false });
    expect(parseCommandLine(["-Q"])).toMatchObject({ usage: true });
  });
  it("prints a version that scripts can read", () => {
    expect(versionText("0.1.0", false)).toMatch(
      /^Connection tracking userspace daemon v1\.4\.9\. .*\n.*\n$/,
    );
    expect(versionText("0.1.0", true)).toMatch(/\nflowkeeper 0\.1\.0\n$/);
    expect(usageText("conntrackd")).toMatch(
      /^Connection tracking userspace daemon v1\.4\.9\nUsage: conntrackd \[commands\] \[options\]\n\nGeneral commands:\n {2}-d, /,
    );
  });
});
