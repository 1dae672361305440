import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AF_INET, FlowRegister, Has0, Has1, W } from "../../flow/register.ts";
import { FlowCounters } from "./counters.ts";
import { pressed, type ScreenState } from "./keys.ts";
import { Look, type Picture, type Question } from "./look.ts";
import { countText, cut, groupedText, rateText, sizeText } from "./words.ts";

interface Sample {
  readonly id: number;
  readonly bytes?: number;
  readonly source?: number;
  readonly port?: number;
}

const FLOOD = 50_000;

/** A TCP flow from 10.0.0.SOURCE to 192.0.2.1. */
function flowOf({ id, bytes, source = 1, port = 80 }: Sample): FlowRegister {
  const flow = new FlowRegister();
  const { words } = flow;
  words[W.has0] = Has0.orig | Has0.origL4 | Has0.tcpState;
  words[W.has1] = Has1.id;
  words[W.family] = AF_INET;
  words[W.protocol] = 6;
  words[W.tcpState] = 3;
  words[W.id] = id;
  flow.bytes.set([10, 0, 0, source], W.origSrc * 4);
  flow.bytes.set([192, 0, 2, 1], W.origDst * 4);
  words[W.origL4Src] = 1000 + id;
  words[W.origL4Dst] = port;
  if (bytes !== undefined) {
    words[W.has1]! |= Has1.countersOrig | Has1.countersReply;
    words[W.bytesOrigLow] = bytes;
    words[W.packetsReplyLow] = 1;
  }
  return flow;
}

const FLOWS: Question = { view: "flows", sort: "rate", words: [], rows: 3 };

function look(
  counters: FlowCounters,
  samples: readonly Sample[],
  question: Partial<Question> = {},
  seconds = 2,
): Picture {
  const each = new Look(counters, { ...FLOWS, ...question }, seconds);
  for (const sample of samples) each.see(flowOf(sample));
  return each.end();
}

describe("counters", () => {
  it("tell what has changed since the last look, as a map would", () => {
    const table = fc.array(fc.tuple(fc.integer({ min: 0, max: 1 << 20 }), fc.nat(1000)), {
      maxLength: 300,
    });
    fc.assert(
      fc.property(fc.array(table, { maxLength: 4 }), (looks) => {
        const counters = new FlowCounters();
        let before = new Map<number, number>();
        for (const flows of looks) {
          counters.turn();
          expect(counters.countBefore).toBe(before.size);
          const now = new Map<number, number>();
          for (const [any, bytes] of flows) {
            const id = any === 0 ? 1 : any;
            const old = before.get(id);
            const change = counters.see(any, bytes, 2 * bytes);
            expect(change.isNew).toBe(old === undefined);
            expect(change.bytes).toBe(Math.max(0, bytes - (old ?? 0)));
            now.set(id, bytes);
          }
          before = now;
        }
      }),
    );
  });

  it("grow as far as a table does", () => {
    const counters = new FlowCounters();
    for (let turn = 1; turn <= 2; turn++) {
      counters.turn();
      let right = 0;
      for (let id = 1; id <= FLOOD; id++) {
        const { bytes, isNew } = counters.see(Math.imul(id, 0x9e3779b1) >>> 0, turn * id, 0);
        if (bytes === id && isNew === (turn === 1)) right += 1;
      }
      expect(right).toBe(FLOOD);
    }
  });
});

describe("a look", () => {
  it("has no rates at first, then the flows that moved most", () => {
    const counters = new FlowCounters();
    const first = look(counters, [{ id: 1, bytes: 5000 }], {}, 0);
    expect(first).toMatchObject({ flows: 1, begun: undefined, ended: undefined, freshBytes: 0 });
    look(
      counters,
      [1, 2, 3, 4, 5].map((id) => ({ id, bytes: 100 })),
    );
    const moved = look(
      counters,
      [2, 3, 4, 5, 6].map((id) => ({ id, bytes: 100 + 10 * id })),
    );
    expect(moved.rows.map(({ fresh }) => fresh)).toEqual([160, 50, 40]);
    expect(moved.rows[0]).toMatchObject({
      name: "10.0.0.1:1006 → 192.0.2.1:80",
      kind: "tcp ESTABLISHED",
      packets: 1,
    });
    expect(moved).toMatchObject({ begun: 1, ended: 1, freshBytes: 300, hasCounters: true });
    expect(moved.kinds).toEqual([["tcp ESTABLISHED", 5]]);
  });

  it("adds up hosts", () => {
    const samples = [1, 2, 3, 4].map((id) => ({ id, bytes: 100 * id, source: id % 2 }));
    const { rows } = look(new FlowCounters(), samples, { view: "sources", sort: "bytes" });
    expect(rows).toMatchObject([
      { name: "10.0.0.0", flows: 2, bytes: 600 },
      { name: "10.0.0.1", flows: 2, bytes: 400 },
    ]);
    const all = look(new FlowCounters(), samples, { view: "destinations", sort: "flows" });
    expect(all.rows).toMatchObject([{ name: "192.0.2.1", flows: 4 }]);
  });

  it("shows flows whose line holds every word, in any case", () => {
    const samples = [80, 443, 443].map((port, i) => ({ id: i + 1, port, source: i }));
    const words = (...of: string[]) => look(new FlowCounters(), samples, { words: of });
    expect(words("dport=443")).toMatchObject({ flows: 3, shown: 2, hasCounters: false });
    expect(words("established", "10.0.0.2 ").shown).toBe(1);
    expect(words("udp")).toMatchObject({ flows: 3, shown: 0, rows: [] });
  });

  it("keeps no more than the screen has room for", () => {
    const samples = Array.from({ length: 500 }, (_, i) => ({ id: i + 1, bytes: (i * 37) % 500 }));
    const { rows } = look(new FlowCounters(), samples, { sort: "bytes" });
    expect(rows.map(({ bytes }) => bytes)).toEqual([499, 498, 497]);
    expect(look(new FlowCounters(), samples, { rows: 0 }).rows).toEqual([]);
  });
});

describe("keys", () => {
  const start: ScreenState = {
    view: "flows",
    sort: "rate",
    filter: "",
    isTyping: false,
    isPaused: false,
    isOver: false,
  };
  const press = (state: ScreenState, ...inputs: string[]) =>
    inputs.reduce((before, input) => pressed(before, input, {}), state);

  it("end the program", () => {
    expect(press(start, "q").isOver).toBe(true);
    expect(pressed({ ...start, isTyping: true }, "c", { ctrl: true }).isOver).toBe(true);
  });

  it("type a filter, letter by letter or pasted", () => {
    const typed = press(start, "/", "q", "udp\x1b\x07 s");
    expect(typed).toMatchObject({ filter: "qudp s", isTyping: true, isOver: false });
    expect(pressed(typed, "", { backspace: true }).filter).toBe("qudp ");
    expect(pressed(typed, "", { return: true })).toMatchObject({
      filter: "qudp s",
      isTyping: false,
    });
    expect(pressed(typed, "", { escape: true })).toMatchObject({ filter: "", isTyping: false });
    expect(press(start, "/udp").filter).toBe("udp");
  });

  it("walk through views and orders; flows are not sorted by their number", () => {
    const sources = pressed(start, "", { tab: true });
    expect(sources.view).toBe("sources");
    const byFlows = press(sources, "s", "s", "s");
    expect(byFlows.sort).toBe("flows");
    const back = pressed(pressed(byFlows, "", { tab: true }), "", { tab: true });
    expect(back).toMatchObject({ view: "flows", sort: "rate" });
    expect(press(start, "p").isPaused).toBe(true);
  });
});

it("says numbers in a few letters", () => {
  expect([sizeText(0), sizeText(1023), sizeText(1536), sizeText(2 ** 70)]).toEqual([
    "0 B",
    "1023 B",
    "1.50 KiB",
    "1048576 PiB",
  ]);
  expect([rateText(0), rateText(125), rateText(1.5e9)]).toEqual([
    "0 bit/s",
    "1.00 kbit/s",
    "12.0 Gbit/s",
  ]);
  expect([countText(999), countText(12_345)]).toEqual(["999", "12.3 k"]);
  expect(groupedText(1_234_567)).toBe("1,234,567");
  expect([cut("abc", 5), cut("abcdef", 4), cut("abc", 1)]).toEqual(["abc  ", "abc…", "a"]);
});
