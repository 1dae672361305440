import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeCreate } from "../../flow/kernel-template.ts";
import { MessageWriter } from "../../netlink/message.ts";
import { splitWords } from "./batch-words.ts";
import { Failure } from "./failure.ts";
import { checkLegality } from "./legality.ts";
import { type Creation, LineShapes } from "./line-shapes.ts";
import { CommandReader } from "./reading.ts";

/** What becomes of a line: the bytes of its request, or the failure. */
type Outcome = string;

class Reading {
  readonly #reader = new CommandReader({ warn: () => undefined, protocolNumber: () => undefined });
  readonly #shapes = new LineShapes();
  shaped = 0;

  /** As any line by itself. */
  static alone(text: string): Outcome {
    return new Reading().#read(text, () => undefined);
  }

  line(text: string): Outcome {
    const bytes = Buffer.from(text, "latin1");
    const line = { bytes: Buffer.concat([Buffer.from("xx"), bytes, bytes]), at: 2 };
    const end = line.at + bytes.length;
    const known = this.#shapes.fill({ ...line, end });
    if (known === undefined) {
      return this.#read(text, (creation) => {
        const { placed } = this.#reader;
        if (placed !== undefined) this.#shapes.learn({ ...line, end }, creation, placed);
      });
    }
    this.shaped += 1;
    return request(known);
  }

  #read(text: string, learn: (creation: Creation) => void): Outcome {
    try {
      const command = this.#reader.read(splitWords(text, "conntrack") ?? []);
      checkLegality(command);
      const { verb, template } = command;
      if (verb !== "create" && verb !== "add") return `${verb}`;
      const creation = { template, isExclusive: verb === "create" };
      learn(creation);
      return request(creation);
    } catch (error) {
      if (error instanceof Failure) return error.message;
      throw error;
    }
  }
}

function request({ template, isExclusive }: Creation): Outcome {
  const w = new MessageWriter(4096);
  encodeCreate(w, template, isExclusive, 1);
  return Buffer.from(w.bytes.subarray(0, w.length)).toString("hex");
}

const saved = (source: string, port: number, seconds = 300, state = "ESTABLISHED") =>
  `-A -s ${source} -d 192.0.2.1 -r 192.0.2.1 -q ${source} -p tcp --sport ${port} --dport 443 ` +
  `--reply-port-src 443 --reply-port-dst ${port} --state ${state} -u ASSURED -t ${seconds}\n`;

describe("lines of one shape", () => {
  it("become what each becomes alone, and all but the first are not read", () => {
    const reading = new Reading();
    for (const line of [
      saved("10.0.0.1", 1024),
      saved("10.0.0.255", 65535, 1),
      saved("9.8.7.6", 0, 999_999_999),
    ]) {
      expect(reading.line(line)).toBe(Reading.alone(line));
    }
    expect(reading.shaped).toBe(2);
  });
  it("may alternate with those of others", () => {
    const reading = new Reading();
    for (let i = 0; i < 20; i++) {
      for (const state of ["ESTABLISHED", "TIME_WAIT", "SYN_SENT"]) {
        const line = saved(`10.0.${i}.1`, 1000 + i, i, state);
        expect(reading.line(line)).toBe(Reading.alone(line));
      }
    }
    expect(reading.shaped).toBe(57);
  });
  it("may hold words that are passed over", () => {
    const reading = new Reading();
    for (const source of ["10.0.0.1", "10.0.0.77", "10.7.7.7"]) {
      const line = saved(source, 5).replace("-r", "10.0.0.1 -r").replace("-t", "10.7.7.7 -t");
      expect(reading.line(line)).toBe(Reading.alone(line));
    }
    expect(reading.shaped).toBe(2);
  });
  it("are read again when too many others have come between", () => {
    const reading = new Reading();
    const lines = Array.from({ length: 40 }, (_, i) =>
      saved("10.0.0.1", 7).replace("-u", `-m ${i} -u`),
    );
    for (const line of [...lines, ...lines]) expect(reading.line(line)).toBe(Reading.alone(line));
    expect(reading.shaped).toBe(0);
  });
});

describe("a line is read where a value says more than its place", () => {
  const first = saved("10.0.0.1", 1024);
  it.each([
    ["a network", first.replaceAll("-s 10.0.0.1", "-s 10.0.0.0/24")],
    ["a lenient address", first.replaceAll("10.0.0.1", "10.1")],
    ["an octal part", first.replaceAll("10.0.0.1", "010.0.0.1")],
    ["a part too large", first.replaceAll("10.0.0.1", "10.0.0.256")],
    ["no address", first.replaceAll("10.0.0.1", "x")],
    ["a signed number", first.replaceAll("1024", "-1")],
    ["ten digits", first.replaceAll("-t 300", "-t 4294967297")],
    ["quotes", first.replaceAll("10.0.0.1", '"10.0.0.1"')],
    ["another family", first.replaceAll(/\d+\.\d+\.\d+\.\d+/g, "::1")],
    ["one family less", first.replace("-s 10.0.0.1", "-s ::1")],
    ["a word more", first.replace("\n", " more\n")],
    ["an option more", first.replace("\n", " -m 5\n")],
    ["a word less", first.replace(" -t 300", " -t")],
    ["a word that is passed over", first.replace("-A ", "-A 10.0.0.7 ")],
    ["no newline", first.slice(0, -1)],
    ["other blanks", first.replace("-d ", "-d\t")],
    ["its end cut off", first.slice(0, 40)],
  ])("%s", (_, line) => {
    const reading = new Reading();
    expect(reading.line(first)).toBe(Reading.alone(first));
    expect(reading.line(line)).toBe(Reading.alone(line));
    expect(reading.line(first)).toBe(Reading.alone(first));
    expect(reading.shaped).toBe(1);
  });
});

describe("a line is no model for others where its words do not say which value counts", () => {
  const twice = (a: string, b: string) => [
    `-A -s ${a} --src ${b} -d 192.0.2.1 -p udp --sport 1 --dport 2 -t 5\n`,
    `-A -s ${a} --orig-src=${b} -d 192.0.2.1 -p udp --sport 1 --dport 2 -t 5\n`,
    `-A -s ${b} -d 192.0.2.1 -p tcp --sport ${a.length} -p udp --sport 1 --dport 2 -t 5\n`,
    `-A -s ${b} -d ${b} -p tcp --sport ${a.length} --dport 2 -p gre --srckey 7 --dstkey 8 -t 5\n`,
  ];
  const before = twice("10.0.0.1", "10.0.0.1");
  const after = twice("10.0.0.22", "10.0.0.1");
  it.each(before.map((line, i) => [line, after[i]!]))("%s", (one, other) => {
    const reading = new Reading();
    expect(reading.line(one)).toBe(Reading.alone(one));
    expect(reading.line(other)).toBe(Reading.alone(other));
    expect(reading.shaped).toBe(0);
  });
});

describe("whatever the lines are", () => {
  const address = fc.constantFrom(
    "10.0.0.1",
    "10.0.0.2",
    "10.2",
    "::1",
    "10.0.0.0/8",
    "-s",
    "1.2.3.4.5",
  );
  const number = fc.constantFrom("1", "70000", "0", "08", "-5", "x", "4294967296", "999999999");
  const part = fc.oneof(
    fc.tuple(fc.constantFrom("-s", "-d", "-r", "-q", "--src", "-n", "-g"), address),
    fc.tuple(fc.constantFrom("--sport", "--dport", "--reply-port-src", "-t", "-m", "-w"), number),
    fc.tuple(fc.constantFrom("-p"), fc.constantFrom("tcp", "udp", "icmp", "gre", "6")),
    fc.tuple(
      fc.constantFrom("-u", "-A", "word", "--sport=5", "-t5", '"-t" 4'),
      fc.constantFrom(""),
    ),
  );
  const whole = fc
    .record({
      parts: fc.array(part, { maxLength: 3 }),
      source: address,
      port: number,
      seconds: number,
    })
    .map(
      ({ parts, source, port, seconds }) =>
        `-A -s ${source} -d 192.0.2.1 -p udp --sport ${port} --dport 2 -t ${seconds} ` +
        `${parts.map((each) => each.join(" ")).join(" ")}\n`,
    );

  it("each becomes what it becomes alone", () => {
    fc.assert(
      fc.property(fc.array(whole, { minLength: 2, maxLength: 20 }), (lines) => {
        const reading = new Reading();
        for (const line of lines) expect(reading.line(line)).toBe(Reading.alone(line));
      }),
      { numRuns: 500 },
    );
  });
});
