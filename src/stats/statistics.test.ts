import { beforeEach, describe, expect, it } from "vitest";
import { FakeKernel } from "../../test/support/kernel.ts";
import { type EventKind, plainFlow } from "../../test/support/kernel-flows.ts";
import { RecordingJournal } from "../../test/support/network.ts";
import { type FlowRegister, Has1, IPPROTO_TCP, W } from "../flow/register.ts";
import { flowText } from "../flow/text.ts";
import { Statistics, type StatisticsOptions } from "./statistics.ts";

const START = 5_000;
const flow = (port: number, more = {}) => plainFlow({ sourcePort: port, ...more });

let kernel: FakeKernel;
let journal: RecordingJournal;
let ended: string[];
let now: number;
let machine: Statistics;

function build(overrides: Partial<StatisticsOptions> = {}): void {
  kernel = new FakeKernel();
  journal = new RecordingJournal();
  ended = [];
  now = START;
  machine = new Statistics(
    {
      hashLimit: 1000,
      hashSeed: 42,
      overrunResync: 30,
      pollSeconds: 0,
      filter: () => true,
      filteredByKernel: false,
      ...overrides,
    },
    kernel,
    journal,
    now,
    (each: FlowRegister) => ended.push(flowText(each, { now: 0 })),
  );
}

function work(): void {
  do {
    machine.tick(now);
    machine.step(now);
    kernel.pump((bytes) => machine.kernelEvent(bytes, 0, bytes.length, now));
  } while (machine.busy || kernel.waiting);
}

function change(kind: EventKind, what: FlowRegister): void {
  kernel.change(kind, what);
  work();
}

beforeEach(() => build());

describe("statistics mode", () => {
  it("reports a flow when it ends, once, in the words of its last announcement", () => {
    change("new", flow(1));
    change("update", flow(1, { tcpState: 3 }));
    expect(ended).toEqual([]);
    const last = flow(1, { tcpState: 7 });
    last.words[W.packetsOrigLow] = 4;
    last.words[W.bytesOrigLow] = 400;
    last.words[W.has1] = last.words[W.has1]! | Has1.countersOrig;
    change("destroy", last);
    change("destroy", last);
    expect(ended.length).toBe(1);
    expect(ended[0]).toContain("TIME_WAIT");
    expect(machine.cache.active).toBe(0);
    expect(machine.cache.counters).toMatchObject({ created: 1, updated: 1, destroyed: 1 });
  });

  it("does not report what it did not know: filtered, forgotten, or over the limit", () => {
    build({ hashLimit: 1, filter: (each) => each.words[W.protocol] === IPPROTO_TCP });
    const [udp, forgotten, second] = [flow(1, { protocol: 17 }), flow(2), flow(3)];
    change("new", udp);
    change("destroy", udp);
    change("new", forgotten);
    machine.flush();
    change("destroy", forgotten);
    change("new", flow(4));
    change("new", second);
    change("destroy", second);
    expect(ended).toEqual([]);
    expect(machine.counters.filtered).toBe(2);
    expect(machine.cache.counters.noSpace).toBe(1);
    expect(journal.lines).toEqual(["flushing caches"]);
  });

  it("finds out after an overrun what ended unheard, and reports the last it knew", () => {
    for (const port of [1, 2, 3]) change("new", flow(port, { mark: 7 }));
    kernel.change("destroy", flow(2));
    kernel.change("new", flow(4));
    kernel.overrun();
    machine.overrun(now);
    now += 29_999;
    work();
    expect(ended).toEqual([]);
    now += 1;
    work();
    expect(ended.length).toBe(1);
    expect(ended[0]).toMatch(/sport=2 .* mark=7$/);
    expect(machine.cache.active).toBe(3);
    expect(machine.counters).toMatchObject({ overruns: 1, failed: 1, resyncs: 1 });
    expect(machine.nextDeadline()).toBe(Number.POSITIVE_INFINITY);
  });

  it("tries again when the table cannot be asked for", () => {
    change("new", flow(1));
    kernel.change("destroy", flow(1));
    kernel.overrun();
    machine.overrun(now);
    const { dump } = kernel;
    kernel.dump = () => false;
    now += 30_000;
    work();
    expect(ended).toEqual([]);
    kernel.dump = dump;
    now = machine.nextDeadline();
    work();
    expect(ended.length).toBe(1);
  });

  it("lets overruns be where the repair is switched off", () => {
    build({ overrunResync: 0 });
    machine.overrun(now);
    expect(machine.nextDeadline()).toBe(Number.POSITIVE_INFINITY);
  });

  it("polls: every look at the table finds what came and what went", () => {
    build({ pollSeconds: 2 });
    kernel.change("new", flow(1, { zone: 3 }));
    kernel.overrun();
    for (let look = 1; look <= 3; look++) {
      now = START + 2000 * look;
      expect(machine.nextDeadline()).toBe(now);
      work();
      expect(machine.cache.active).toBe(1);
    }
    kernel.change("destroy", flow(1, { zone: 3 }));
    kernel.overrun();
    now += 2000;
    work();
    expect(ended.length).toBe(1);
    expect(machine.counters.resyncs).toBe(0);
  });

  it("-F deletes what passes the filter, and the announcements report it", () => {
    build({ filter: (each) => each.words[W.protocol] === IPPROTO_TCP });
    change("new", flow(1));
    change("new", flow(2, { protocol: 17 }));
    machine.flushKernel();
    work();
    expect(ended.length).toBe(1);
    expect(kernel.flows.size).toBe(1);
    expect(machine.counters.kernelFlushes).toBe(1);
  });

  it("a flow that is announced as new twice is one flow", () => {
    change("new", flow(1));
    kernel.overrun();
    const again = new FakeKernel();
    again.change("new", flow(1));
    again.pump((bytes) => machine.kernelEvent(bytes, 0, bytes.length, now));
    expect(machine.cache.active).toBe(1);
    expect(ended).toEqual([]);
  });
});
