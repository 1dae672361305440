import { describe, expect, it } from "vitest";
import * as report from "./report.ts";

const link = {
  bytesSent: 1176,
  bytesReceived: 496,
  packetsSent: 42,
  packetsReceived: 31,
  sendErrors: 0,
  receiveErrors: 0,
};
const network = {
  wrongVersion: 0,
  malformedHeader: 0,
  malformedPayload: 0,
  badType: 0,
  truncated: 0,
  badSize: 0,
  lost: 0,
  before: 0,
};
const cache = {
  active: 6023,
  entries: 6023,
  objects: 6023,
  created: 6023,
  createFailed: 0,
  noMemory: 0,
  noSpace: 0,
  updated: 11,
  destroyed: 0,
};

describe("statistics blocks are the captures of the reference", () => {
  it("cache, bypass, inject", () => {
    expect(report.cacheBlock("internal", { ...cache, active: 7, created: 7 })).toBe(
      "cache internal:\ncurrent active connections:\t           7\nconnections created:\t\t           7\tfailed:\t           0\nconnections updated:\t\t          11\tfailed:\t           0\nconnections destroyed:\t\t           0\tfailed:\t           0\n\n",
    );
    expect(report.bypassBlock({ created: 3, updated: 11, destroyed: 0 })).toBe(
      "internal bypass:\nconnections new:\t\t           3\nconnections updated:\t\t          11\nconnections destroyed:\t\t           0\n\n",
    );
    const none = {
      created: 0,
      updated: 0,
      destroyed: 0,
      createFailed: 0,
      updateFailed: 0,
      destroyFailed: 0,
    };
    expect(report.injectBlock(none)).toBe(
      "external inject:\nconnections created:\t\t           0\tfailed:\t           0\nconnections updated:\t\t           0\tfailed:\t           0\nconnections destroyed:\t\t           0\tfailed:\t           0\n\n",
    );
  });
  it("cache, extended", () => {
    expect(report.cacheExtendedBlock("internal", cache)).toBe(
      "cache:internal\tactive objects:\t\t        6023\n\tactive/total entries:\t\t        6023/        6023\n\tcreation OK/failed:\t\t        6023/           0\n\t\tno memory available:\t           0\n\t\tno space left in cache:\t           0\n\tupdate OK/failed:\t\t          11/           0\n\t\tentry not found:\t           0\n\tdeletion created/failed:\t           0/           0\n\t\tentry not found:\t           0\n\n",
    );
  });
  it("traffic, links, tracking", () => {
    expect(report.trafficBlock({ bytes: 1150, packets: 22 })).toBe(
      "traffic processed:\n                1150 Bytes                        22 Pckts\n\n",
    );
    expect(report.activeLinkBlock({ kind: "multicast", device: "eth2", counters: link })).toBe(
      "multicast traffic (active device=eth2):\n                1176 Bytes sent                  496 Bytes recv\n                  42 Pckts sent                   31 Pckts recv\n                   0 Error send                    0 Error recv\n\n",
    );
    expect(
      report.activeLinkBlock({
        kind: "TCP",
        device: "eth2",
        counters: link,
        isServerConnected: true,
        isClientConnected: false,
      }),
    ).toMatch(/^TCP traffic \(active device=eth2\) server=connected client=disconnected:\n/);
    expect(
      report.linkBlock({ kind: "UDP", device: "eth3", counters: link }, "NO-CARRIER", "BACKUP"),
    ).toMatch(/^UDP traffic device=eth3 status=NO-CARRIER role=BACKUP:\n {16}1176 Bytes sent/);
    expect(report.trackingBlock(network)).toBe(
      "message tracking:\n                   0 Malformed msgs                    0 Lost msgs\n\n",
    );
  });
  it("network", () => {
    const zero = "                   0\n";
    expect(report.networkBlock(network)).toBe(
      `network statistics:\n\trecv:\n\t\tMalformed messages:\t${zero}\t\tWrong protocol version:\t${zero}\t\tMalformed header:\t${zero}\t\tMalformed payload:\t${zero}\t\tBad message type:\t${zero}\t\tTruncated message:\t${zero}\t\tBad message size:\t${zero}\tsend:\n\t\tMalformed messages:\t${zero}\nsequence tracking statistics:\n\trecv:\n\t\tPackets lost:\t\t${zero}\t\tPackets before:\t\t${zero}\n`,
    );
    expect(report.networkBlock({ ...network, badType: 2, badSize: 2 ** 40 })).toContain(
      "Malformed messages:\t       1099511627778\n",
    );
  });
  it("runtime", () => {
    const counters = {
      uptimeSeconds: 59,
      eventsReceived: 81,
      eventsFiltered: 0,
      eventsUnknown: 0,
      eventsFailed: 3,
      dumpUnknown: 0,
      overruns: 3,
      kernelFlushes: 0,
      kernelResyncs: 2,
      bufferBytes: 40000,
      childFailed: 0,
      childSegfault: 0,
      childTermsig: 0,
      selectFailed: 0,
      waitFailed: 0,
      localReadFailed: 0,
      localUnknownRequest: 0,
    };
    expect(report.runtimeBlock(counters)).toBe(
      "daemon uptime: 0 min\n\nnetlink stats:\n\tevents received:\t                  81\n\tevents filtered:\t                   0\n\tevents unknown type:\t\t           0\n\tcatch event failed:\t\t           3\n\tdump unknown type:\t\t           0\n\tnetlink overrun:\t\t           3\n\tflush kernel table:\t\t           0\n\tresync with kernel table:\t           2\n\tcurrent buffer size (in bytes):\t       40000\n\nruntime stats:\n\tchild process failed:\t\t           0\n\t\tchild process segfault:\t           0\n\t\tchild process termsig:\t           0\n\tselect failed:\t\t\t           0\n\twait failed:\t\t\t           0\n\tlocal read failed:\t\t           0\n\tlocal unknown request:\t\t           0\n\n",
    );
  });
  it.each([
    [59, "0 min"],
    [3600, "1 h 0 min"],
    [86400, "1 day 0 min"],
    [90060, "1 day 1 h 1 min"],
    [180060, "2 days 2 h 1 min"],
  ])("uptime of %i s", (seconds, text) => expect(report.uptimeText(seconds)).toBe(text));
  it("queues and processes", () => {
    expect(report.queueBlock(1, [{ name: "errorq", elements: 0, maximum: 128, noSpace: 0 }])).toBe(
      "allocated queue nodes:\t\t           1\n\nqueue errorq:\ncurrent elements:\t\t           0\nmaximum elements:\t\t         128\nnot enough space errors:\t           0\n\n",
    );
    expect(
      report.resendQueueHead(1) +
        report.resendQueueLine({ kind: "control", seq: 1795437672, flags: 2 }) +
        report.resendQueueLine({ kind: "object", seq: 7 }),
    ).toBe("resent queue (len=1)\ncontrol -> seq:1795437672 flags:2\nobject -> seq:7\n");
    expect(report.processBlock([{ pid: 25213, type: "any" }])).toBe("PID=25213 type=any\n");
  });
});
