import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { anyExpectationSeed, buildExpectation } from "../../test/support/expectations.ts";
import { anyFlowSeed, buildFlow } from "../../test/support/flows.ts";
import { readJsonLines } from "../../test/support/json-lines.ts";
import { LineWriter } from "../kit/line-writer.ts";
import { writeExpectationJson } from "./expectation-json.ts";
import { type FlowJsonOptions, writeFlowJson } from "./json.ts";
import { quoted } from "./json-words.ts";
import { LabelMap } from "./label-map.ts";
import { AF_INET, FlowRegister, Has0, Has1, W } from "./register.ts";

function line(flow: FlowRegister, options: FlowJsonOptions = {}): string {
  const w = new LineWriter(64);
  writeFlowJson(w, flow, options);
  return `${w.string()}\n`;
}

function udp(): FlowRegister {
  const r = new FlowRegister();
  r.words[W.family] = AF_INET;
  r.words[W.protocol] = 17;
  r.words[W.has0] = Has0.orig | Has0.origL4;
  r.bytes.set([10, 0, 0, 1], W.origSrc * 4);
  r.bytes.set([10, 0, 0, 2], W.origDst * 4);
  r.words[W.origL4Src] = 5555;
  r.words[W.origL4Dst] = 53;
  return r;
}

describe("flow JSON", () => {
  it("is what the schema says, for every flow", () => {
    fc.assert(
      fc.property(anyFlowSeed, (seed) => {
        const flow = buildFlow(seed);
        const [object] = readJsonLines(line(flow));
        expect(object?.["protocol"]).toBe(flow.words[W.protocol]);
        expect("reply" in object!).toBe(flow.has0(Has0.reply));
        expect(object?.["mark"]).toBe(flow.has0(Has0.mark) ? flow.words[W.mark] : undefined);
      }),
    );
  });

  it("says what happened, when, and who caused it", () => {
    const origin = { port: 4294967295, program: 'a"b\\\xff' };
    const text = line(udp(), { event: "new", time: 1795437442479.369, origin });
    expect(text).toBe(
      '{"event":"new","time":1795437442.479369,"family":"ipv4","protocol":17,"protocol_name":"udp",' +
        '"original":{"src":"10.0.0.1","dst":"10.0.0.2","sport":5555,"dport":53},' +
        '"origin":{"portid":4294967295,"program":"a\\"b\\\\\\ufffd"}}\n',
    );
    expect(readJsonLines(text)).toHaveLength(1);
  });

  it("keeps every digit of 64 bits", () => {
    const r = udp();
    r.words[W.has1] = Has1.countersOrig | Has1.start;
    r.words.fill(0xffffffff, W.packetsOrigLow, W.packetsOrigLow + 2);
    r.words.set([1, 0x200000], W.bytesOrigLow);
    r.words.set([0x2b64ee7f, 0x18ea9b3e], W.startLow);
    const text = line(r);
    expect(text).toContain('"packets":18446744073709551615,"bytes":9007199254740993}');
    const start = (0x18ea9b3en << 32n) | 0x2b64ee7fn;
    expect(text).toContain(`"start":${start / 1_000_000_000n}.${start % 1_000_000_000n}`);
  });

  it("gives labels by number, and by name where names are known", () => {
    const r = udp();
    r.words[W.has0]! |= Has0.labels;
    expect(line(r)).toContain('"labels":[]}');
    r.words[W.labelWords] = 4;
    r.words.set([0b101, 0, 0, 0x80000000], W.labels);
    expect(line(r)).toContain('"labels":[0,2,127]}');
    const labels = new LabelMap("2 red\n127 b\n");
    expect(line(r, { labels })).toContain('"labels":[0,2,127],"label_names":["red","b"]}');
  });
});

describe("expectation JSON", () => {
  it("is what the schema says, for every expectation", () => {
    fc.assert(
      fc.property(anyExpectationSeed, (seed) => {
        const w = new LineWriter(64);
        writeExpectationJson(w, buildExpectation(seed), { event: "update", time: 1e12 });
        const [object] = readJsonLines(`${w.string()}\n`);
        expect(object).toMatchObject({ event: "update", time: 1e9 });
      }),
    );
  });
});

it("quotes bytes as ASCII whatever they are", () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      const text = quoted(String.fromCharCode(...bytes));
      expect(text).toMatch(/^[\x20-\x7e]*$/);
      expect(JSON.parse(text)).toBe(new TextDecoder().decode(bytes));
    }),
  );
});
