import { describe, expect, it } from "vitest";
import { addressText } from "./address-text.ts";
import { AF_INET, AF_INET6, FlowRegister, Has0, Has1, Status, W } from "./register.ts";
import { flowText } from "./text.ts";
import { flowXml } from "./xml.ts";

const options = { now: 1_795_437_442_000 };

function ipv4(text: string): number[] {
  return text.split(".").map(Number);
}

/** A flow with both tuples, mirrored. */
function flow(protocol: number, from: number, to: number): FlowRegister {
  const r = new FlowRegister();
  r.words[W.family] = AF_INET;
  r.words[W.protocol] = protocol;
  r.bytes.set(ipv4("10.79.0.2"), W.origSrc * 4);
  r.bytes.set(ipv4("10.80.0.2"), W.origDst * 4);
  r.bytes.set(ipv4("10.80.0.2"), W.replySrc * 4);
  r.bytes.set(ipv4("10.79.0.2"), W.replyDst * 4);
  r.words[W.origL4Src] = from;
  r.words[W.origL4Dst] = to;
  r.words[W.replyL4Src] = to;
  r.words[W.replyL4Dst] = from;
  r.words[W.has0] = Has0.orig | Has0.origL4 | Has0.reply | Has0.replyL4;
  return r;
}

function set(r: FlowRegister, has0: number, word: number, value: number): void {
  r.words[W.has0]! |= has0;
  r.words[word] = value;
}

function set1(r: FlowRegister, has1: number, word: number, low: number, high?: number): void {
  r.words[W.has1]! |= has1;
  r.words[word] = low;
  if (high !== undefined) r.words[word + 1] = high;
}

function tcp(): FlowRegister {
  const r = flow(6, 43648, 8080);
  set(r, Has0.tcpState, W.tcpState, 3);
  set(r, Has0.status, W.status, Status.SEEN_REPLY | Status.ASSURED);
  return r;
}

const ADDRESSES = "src=10.79.0.2 dst=10.80.0.2";
const MIRROR = "src=10.80.0.2 dst=10.79.0.2";

describe("flow text", () => {
  it("prints an established flow as the reference does", () => {
    expect(flowText(tcp(), options)).toBe(
      `tcp      6 ESTABLISHED ${ADDRESSES} sport=43648 dport=8080 ${MIRROR} sport=8080 dport=43648 [ASSURED]`,
    );
  });
  it("prints a live entry with timeout, counters, mark and use", () => {
    const r = tcp();
    set(r, Has0.timeout, W.timeout, 118);
    set(r, Has0.tcpState, W.tcpState, 7);
    set(r, Has0.mark, W.mark, 0);
    set1(r, Has1.countersOrig, W.packetsOrigLow, 6, 0);
    set1(r, Has1.countersOrig, W.bytesOrigLow, 325, 0);
    set1(r, Has1.countersReply, W.packetsReplyLow, 4, 0);
    set1(r, Has1.countersReply, W.bytesReplyLow, 0xffffffff, 0xffffffff);
    set1(r, Has1.use, W.use, 1);
    expect(flowText(r, { ...options, timeout: true })).toBe(
      `tcp      6 118 TIME_WAIT ${ADDRESSES} sport=43648 dport=8080 packets=6 bytes=325 ${MIRROR} sport=8080 dport=43648 packets=4 bytes=18446744073709551615 [ASSURED] mark=0 use=1`,
    );
    expect(flowText(r, options)).toMatch(/^tcp {6}6 TIME_WAIT /);
  });
  it("prints an external entry without its reply, and the strongest flag only", () => {
    const r = tcp();
    r.words[W.has0]! &= ~(Has0.reply | Has0.replyL4);
    set(r, Has0.status, W.status, Status.OFFLOAD | Status.ASSURED);
    set(r, Has0.mark, W.mark, 0);
    expect(flowText(r, options)).toBe(
      `tcp      6 ESTABLISHED ${ADDRESSES} sport=43648 dport=8080 [UNREPLIED] [OFFLOAD] mark=0`,
    );
  });
  it.each([
    [1, 77, 8 << 8, "icmp     1", "type=8 code=0 id=77"],
    [47, 16, 32, "gre      47", "srckey=0x10 dstkey=0x20"],
    [136, 10, 20, "udplite  136", "sport=10 dport=20"],
    [17, 5, 6, "udp      17", "sport=5 dport=6"],
  ])("prints protocol %i", (protocol, from, to, head, layer4) => {
    expect(flowText(flow(protocol, from, to), options)).toContain(
      `${head} ${ADDRESSES} ${layer4} `,
    );
  });
  it("prints an unknown protocol by its number alone", () => {
    expect(flowText(flow(50, 0, 0), options)).toBe(`unknown  50 ${ADDRESSES} ${MIRROR}`);
  });
  it("names states per protocol, and unknown numbers NONE", () => {
    const r = flow(132, 1, 2);
    set(r, Has0.sctpState, W.sctpState, 4);
    expect(flowText(r, options)).toContain("sctp     132 ESTABLISHED ");
    set(r, Has0.sctpState, W.sctpState, 10);
    expect(flowText(r, options)).toContain("sctp     132 NONE ");
    expect(flowXml(r, options)).toContain("<state>NONE</state>");
    set(r, Has0.sctpState, W.sctpState, 4);
    expect(flowXml(r, options)).toContain("<state>FIN_WAIT</state>");
  });
  it("prints zones, the age and the helper, and lets nobody write a second line", () => {
    const r = flow(17, 5, 6);
    set(r, Has0.zoneOrig, W.zoneOrig, 5);
    set(r, Has0.zoneReply, W.zoneReply, 6);
    set(r, Has0.zone, W.zone, 7);
    const start = BigInt(options.now - 5400) * 1_000_000n;
    set1(r, Has1.start, W.startLow, Number(start & 0xffffffffn), Number(start >> 32n));
    r.bytes.set(new TextEncoder().encode("f<p\n"), W.helper * 4);
    set(r, Has0.helper, W.helperLength, 4);
    expect(flowText(r, options)).toBe(
      `udp      17 ${ADDRESSES} sport=5 dport=6 zone-orig=5 ${MIRROR} sport=6 dport=5 zone-reply=6 zone=7 delta-time=6 helper=f<p?`,
    );
    expect(flowXml(r, options)).toMatch(
      /<deltatime>6<\/deltatime><\/meta><helper>f&lt;p\?<\/helper><\/flow>$/,
    );
  });
});

describe("flow XML", () => {
  it("prints an internal entry as the reference does", () => {
    const r = tcp();
    set1(r, Has1.id, W.id, 2536819966);
    expect(flowXml(r, options)).toBe(
      '<flow><meta direction="original"><layer3 protonum="2" protoname="ipv4"><src>10.79.0.2</src><dst>10.80.0.2</dst></layer3><layer4 protonum="6" protoname="tcp"><sport>43648</sport><dport>8080</dport></layer4></meta><meta direction="reply"><layer3 protonum="2" protoname="ipv4"><src>10.80.0.2</src><dst>10.79.0.2</dst></layer3><layer4 protonum="6" protoname="tcp"><sport>8080</sport><dport>43648</dport></layer4></meta><meta direction="independent"><state>ESTABLISHED</state><id>2536819966</id><assured/></meta></flow>',
    );
  });
  it("prints an external entry with an empty reply", () => {
    const r = flow(17, 5, 6);
    r.words[W.has0]! &= ~(Has0.reply | Has0.replyL4);
    set(r, Has0.status, W.status, 0);
    set(r, Has0.mark, W.mark, 0);
    set(r, Has0.zone, W.zone, 5);
    expect(flowXml(r, options)).toBe(
      '<flow><meta direction="original"><layer3 protonum="2" protoname="ipv4"><src>10.79.0.2</src><dst>10.80.0.2</dst></layer3><layer4 protonum="17" protoname="udp"><sport>5</sport><dport>6</dport></layer4></meta><meta direction="reply"><layer3 protonum="0" protoname="unknown"><src></src><dst></dst></layer3><layer4 protonum="0" protoname="unknown"></layer4></meta><meta direction="independent"><mark>0</mark><zone>5</zone><unreplied/></meta></flow>',
    );
  });
});

describe("address text", () => {
  it.each([
    ["20010db8000000000000000000000001", "2001:db8::1"],
    ["00000000000000000000000000000000", "::"],
    ["00000000000000000000000000000001", "::1"],
    ["00010000000000000000000000000000", "1::"],
    ["00000000000000000000ffff01020304", "::ffff:1.2.3.4"],
    ["00000000000000000000000001020304", "::1.2.3.4"],
    ["20010db8000000010001000100010001", "2001:db8:0:1:1:1:1:1"],
    ["20010000000000010000000000000001", "2001:0:0:1::1"],
    ["20010db8000000000001000000000001", "2001:db8::1:0:0:1"],
  ])("prints %s as %s", (hex, text) => {
    expect(addressText(AF_INET6, Buffer.from(hex, "hex"), 0)).toBe(text);
  });
});
