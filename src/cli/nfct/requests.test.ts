/** Requests of `nfct`, byte by byte as recorded from the reference, and what is said of answers and of bad words. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { protocolTable } from "../../config/protocols.ts";
import { MessageWriter, readI32 } from "../../netlink/message.ts";
import {
  readTimeoutPolicy,
  type TimeoutPolicy,
  timeoutPolicyText,
  timeoutStates,
  writeTimeoutRequest,
} from "../../netlink/timeout-policy.ts";
import { helperText, readHelper, writeHelperRequest } from "../../netlink/userspace-helper.ts";
import { helperRequest } from "./helper-commands.ts";
import { Mistake, USAGE } from "./mistake.ts";
import { timeoutRequest } from "./timeout-commands.ts";
import { type Line, readWords } from "./words.ts";

const fixture = join(import.meta.dirname, "../../../test/fixtures/nfct/requests.txt");
const recorded = [...readFileSync(fixture, "utf8").matchAll(/^([^\s#].*)\n {4}(.*)$/gm)];
const protocols = protocolTable();
const HEADERS = 20;

function split(line: string): string[] {
  return [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? "");
}

function written(fill: (w: MessageWriter) => void): Uint8Array {
  const w = new MessageWriter(512);
  fill(w);
  return w.bytes.slice(0, w.length);
}

function request(line: string): Uint8Array {
  const { command, subsystem, parameters, second } = readWords(split(line)) as Extract<
    Line,
    { kind: "run" }
  >;
  return written((w) => {
    if (subsystem === "timeout") {
      const find = (name: string) => protocols.get(name);
      writeTimeoutRequest(w, timeoutRequest(command, parameters, find), 0);
    } else writeHelperRequest(w, helperRequest(command, parameters, second), 0);
  });
}

const hex = (bytes: Uint8Array) =>
  Buffer.from(bytes)
    .toString("hex")
    .replace(/.{8}(?=.)/g, "$& ");

describe("a request", () => {
  it("was recorded for every command", () => expect(recorded.length).toBeGreaterThan(35));
  it.each(recorded.map(([, line = "", bytes = ""]) => [line, bytes]))("%s", (line, bytes) => {
    expect(hex(request(line))).toBe(bytes);
  });
});

describe("an answer", () => {
  const policies: fc.Arbitrary<TimeoutPolicy> = fc
    .record({
      name: fc.string({ minLength: 1, maxLength: 31, unit: "grapheme-ascii" }),
      l3proto: fc.constantFrom(2, 10),
      l4proto: fc.constantFrom(1, 6, 17, 33, 47, 58, 132, 136, 255),
      values: fc.array(fc.nat({ max: 0xffffffff }), { minLength: 1, maxLength: 11 }),
    })
    .map(({ name, l3proto, l4proto, values }) => {
      const states = values.slice(0, timeoutStates(l4proto).length);
      return { name, l3proto, l4proto, seconds: new Map(states.map((v, i) => [i + 1, v])) };
    });

  it("tells the policy that was sent", () => {
    fc.assert(
      fc.property(policies, (policy) => {
        const bytes = written((w) => writeTimeoutRequest(w, { kind: "add", policy }, 1));
        expect(readI32(bytes, 0)).toBe(bytes.length);
        expect(readTimeoutPolicy(bytes, HEADERS, bytes.length)).toEqual(policy);
      }),
    );
  });

  it("tells the helper that was sent", () => {
    const bytes = request("disable helper ftp inet6 tcp");
    const helper = readHelper(bytes, HEADERS, bytes.length);
    expect(helper).toMatchObject({ name: "ftp", l3proto: 10, l4proto: 6, isEnabled: false });
    expect(helperText({ ...helper, queue: 7, isEnabled: true })).toBe(
      "{\n\t.name = ftp,\n\t.queuenum = 7,\n\t.l3protonum = 10,\n\t.l4protonum = 6,\n" +
        "\t.priv_data_len = 0,\n\t.status = enabled,\n};\n",
    );
  });

  it("of any bytes harms nobody", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const policy = readTimeoutPolicy(bytes, 0, bytes.length);
        if (policy !== undefined) expect(timeoutPolicyText(policy)).toContain(".l4proto");
        expect(helperText(readHelper(bytes, 0, bytes.length))).toContain(".name");
      }),
    );
  });
});

describe("words", () => {
  it.each([
    ["d t", "delete", "timeout"],
    ["di h", "disable", "helper"],
    ["def t", "default-set", "timeout"],
    ["default-g t", "default-get", "timeout"],
    ["t l", "list", "timeout"],
    ["'' ''", "list", "timeout"],
    ["list help", "list", "helper"],
    ["ver add", "add", "version"],
  ])("%s is %s %s", (line, command, subsystem) => {
    expect(readWords(split(line))).toMatchObject({ kind: "run", command, subsystem });
  });

  it.each([
    ["list foo", "Unknown subsystem: list"],
    ["foo timeout", "Unknown subsystem: foo"],
    ["timeout foo", "Unknown command: timeout"],
  ])("%s: %s", (line, message) => {
    expect(() => readWords(split(line))).toThrow(new Mistake(message, USAGE));
  });

  it.each(["help", "-h", "--help"])("%s alone asks for help", (word) => {
    expect(readWords([word])).toEqual({ kind: "help" });
  });
});
