/**
 * The bytes on the dedicated link: ours beside those of the reference, both daemons hearing the same kernel events.
 *
 * How messages are grouped, and whether a change catches up with the message before it, depends on the moment. What the
 * last message about a flow says does not, so that is compared, after every step.
 */
import { afterAll, beforeAll, expect, it } from "vitest";
import type { ConfigSettings } from "../../lab/conntrackd.ts";
import { waitFor } from "../../lab/wait.ts";
import { type Conversation, converse, serveEcho, type Talk } from "../support/conversation.ts";
import { describeOnKernel } from "../support/requirements.ts";
import { daemonAddress, kinds, ports, Twins } from "../support/twins.ts";
import {
  ACK,
  ALIVE,
  buildMessage,
  CTL,
  HELLO,
  HELLO_BACK,
  messageText,
  NACK,
  RESYNC,
  rangeBody,
  TIMEOUT_ID,
  udpFlowBody,
  type WireMessage,
} from "../support/wire-message.ts";

const both = ["ours", "reference"] as const;
const tcp = "-p tcp -s 10.1.0.1 -d 10.2.0.1 --sport 1000 --dport 80";
const v6 = "-s fd01::1 -d fd02::1";

/** Commands in order; after each of them both daemons must have said the same. */
const flows: Readonly<Record<string, readonly string[]>> = {
  "TCP, state after state": [
    `-I ${tcp} --state SYN_SENT -t 600`,
    `-U ${tcp} --state SYN_RECV -t 601`,
    `-U ${tcp} --state ESTABLISHED -t 602 -u SEEN_REPLY,ASSURED`,
    ...["FIN_WAIT", "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT", "CLOSE"].map(
      (state, place) => `-U ${tcp} --state ${state} -t ${610 + place}`,
    ),
    `-D ${tcp}`,
  ],
  "TCP over IPv6": [
    `-I -p tcp ${v6} --sport 1 --dport 2 --state ESTABLISHED -t 600 -u SEEN_REPLY`,
    `-U -p tcp ${v6} --sport 1 --dport 2 --mark 9`,
    `-D -p tcp ${v6} --sport 1 --dport 2`,
  ],
  "UDP, IPv4 and IPv6": [
    "-I -p udp -s 10.1.0.2 -d 10.2.0.2 --sport 53 --dport 53 -t 600",
    `-I -p udp ${v6} --sport 53 --dport 53 -t 600`,
  ],
  "ICMP and ICMPv6": [
    "-I -p icmp -s 10.1.0.3 -d 10.2.0.3 --icmp-type 8 --icmp-code 0 --icmp-id 4660 -t 600",
    "-I -p icmp -s 10.1.0.4 -d 10.2.0.3 --icmp-type 8 --icmp-code 0 --icmp-id 2048 -t 600",
    "-I -p icmp -s 10.1.0.5 -d 10.2.0.3 --icmp-type 8 --icmp-code 0 --icmp-id 0 -t 600",
    "-I -p icmp -s 10.1.0.6 -d 10.2.0.3 --icmp-type 13 --icmp-code 0 --icmp-id 8 -t 600",
    `-I -p icmpv6 ${v6} --icmpv6-type 128 --icmpv6-code 0 --icmpv6-id 77 -t 600`,
    "-D -p icmp -s 10.1.0.3 -d 10.2.0.3",
  ],
  SCTP: [
    "-I -p sctp -s 10.1.0.7 -d 10.2.0.7 --sport 1 --dport 2 --state CLOSED -t 600 --orig-vtag 1 --reply-vtag 287454020",
    "-U -p sctp -s 10.1.0.7 -d 10.2.0.7 --sport 1 --dport 2 --mark 3",
    "-D -p sctp -s 10.1.0.7 -d 10.2.0.7",
  ],
  "GRE, UDP-Lite and a protocol without a name": [
    "-I -p gre -s 10.1.0.8 -d 10.2.0.8 --srckey 16 --dstkey 32 -t 600",
    "-I -p udplite -s 10.1.0.8 -d 10.2.0.8 --sport 10 --dport 20 -t 600",
    "-I -p 253 -s 10.1.0.8 -d 10.2.0.8 -t 600",
    `-I -p 253 ${v6} -t 600`,
    "-D -p gre -s 10.1.0.8 -d 10.2.0.8",
  ],
  "marks, set and cleared": [
    "-I -p udp -s 10.1.0.9 -d 10.2.0.9 --sport 1 --dport 2 -t 600 --mark 4294967295",
    "-U -p udp -s 10.1.0.9 -d 10.2.0.9 --sport 1 --dport 2 --mark 7",
    "-U -p udp -s 10.1.0.9 -d 10.2.0.9 --sport 1 --dport 2 --mark 0",
    "-D -p udp -s 10.1.0.9 -d 10.2.0.9",
  ],
  "zones, of both directions and of one": [
    "-I -p udp -s 10.1.0.10 -d 10.2.0.10 --sport 1 --dport 2 -t 600 --zone 5",
    "-I -p udp -s 10.1.0.10 -d 10.2.0.10 --sport 1 --dport 2 -t 600",
    "-I -p udp -s 10.1.0.10 -d 10.2.0.10 --sport 3 --dport 2 -t 600 --orig-zone 6",
    "-D -p udp -s 10.1.0.10 -d 10.2.0.10 --zone 5",
  ],
  "translated sources": [
    "-I -p udp -s 10.1.0.11 -d 10.2.0.11 --sport 1 --dport 2 -t 600 --src-nat 10.9.9.9:50000",
    "-I -p tcp -s 10.1.0.11 -d 10.2.0.11 --sport 1 --dport 2 -t 600 --state SYN_SENT --src-nat 10.9.9.9",
    `-I -p udp ${v6} --sport 5 --dport 6 -t 600 --src-nat fd09::9`,
    `-I -p icmp -s 10.1.0.11 -d 10.2.0.11 --icmp-type 8 --icmp-code 0 --icmp-id 5 -t 600 --src-nat 10.9.9.9`,
    "-D -p udp -s 10.1.0.11 -d 10.2.0.11",
  ],
  "translated destinations": [
    "-I -p udp -s 10.1.0.12 -d 10.2.0.12 --sport 1 --dport 2 -t 600 --dst-nat 10.9.9.9:7778",
    "-I -p sctp -s 10.1.0.12 -d 10.2.0.12 --sport 1 --dport 2 --state CLOSED --orig-vtag 1 --reply-vtag 2 -t 600 --dst-nat 10.9.9.9:7778",
    `-I -p tcp ${v6} --sport 7 --dport 8 -t 600 --state SYN_SENT --dst-nat fd09::9`,
    "-D -p udp -s 10.1.0.12 -d 10.2.0.12",
  ],
};

/** Rules that give real traffic what commands cannot: labels, a helper, translations. */
const rules = `
  ct helper ftp-standard { type "ftp" protocol tcp; }
  chain dress {
    type filter hook output priority -5; policy accept;
    udp dport 5301 ct label set 3
    udp dport 5301 ct label set 37
    udp dport 5302 ct mark set 0x11
    tcp dport 21 ct helper set "ftp-standard"
  }
  chain source {
    type nat hook postrouting priority srcnat; policy accept;
    meta nfproto ipv4 udp dport 5303 snat ip to 10.77.9.9:44444
    meta nfproto ipv6 udp dport 5303 snat ip6 to [fd77:9::9]:44444
  }
  chain destination {
    type nat hook output priority -100; policy accept;
    ip daddr 10.77.0.200 dnat ip to 10.77.0.2
    ip6 daddr fd77::200 dnat ip6 to fd77::2
    tcp dport 5305 dnat ip to 10.77.0.2:5304
  }
`;
const host = "10.77.0.2";
const talks: Readonly<Record<string, Talk>> = {
  "a TCP connection": { protocol: "tcp", address: host, port: 5300, localPort: 41000 },
  "a TCP connection over IPv6": {
    protocol: "tcp",
    address: "fd77::2",
    port: 5300,
    localPort: 41000,
  },
  "a UDP flow": { protocol: "udp", address: host, port: 5300, localPort: 41001 },
  "a UDP flow over IPv6": { protocol: "udp", address: "fd77::2", port: 5300, localPort: 41001 },
  "a flow with labels": { protocol: "udp", address: host, port: 5301, localPort: 41002 },
  "a flow with a mark": { protocol: "udp", address: host, port: 5302, localPort: 41003 },
  "a translated source": { protocol: "udp", address: host, port: 5303, localPort: 41004 },
  "a translated source, IPv6": {
    protocol: "udp",
    address: "fd77::2",
    port: 5303,
    localPort: 41004,
  },
  "a translated destination": {
    protocol: "tcp",
    address: "10.77.0.200",
    port: 5300,
    localPort: 41005,
  },
  "a translated destination, IPv6": {
    protocol: "tcp",
    address: "fd77::200",
    port: 5300,
    localPort: 41006,
  },
  "a translated port": { protocol: "tcp", address: host, port: 5305, localPort: 41007 },
};

const variants: Readonly<Record<string, Partial<ConfigSettings>>> = {
  "with the defaults": {},
  "with CommitTimeout": { modeLines: ["CommitTimeout 100"] },
  "with TCPWindowTracking": { optionLines: ["TCPWindowTracking On"] },
};

for (const [title, config] of Object.entries(variants)) {
  describeOnKernel(`messages of both daemons, ${title}`, both, () => {
    let twins: Twins;
    let open: Conversation[] = [];

    beforeAll(async () => {
      twins = await Twins.start({ config, rules });
      await serveEcho(twins.host, [21, 5120, 5300, 5301, 5302, 5303, 5304]);
    });
    afterAll(() => twins?.destroy());

    const expectSame = async (
      since = { ours: 0, reference: 0 },
      without: readonly number[] = [],
    ) => {
      await twins.settle();
      const ours = twins.lastWords("ours", since.ours, without);
      expect(ours).toEqual(twins.lastWords("reference", since.reference, without));
      return ours;
    };

    for (const [name, commands] of Object.entries(flows)) {
      it(name, async () => {
        for (const words of commands) {
          const since = twins.sent();
          await twins.conntrack(words);
          expect(await expectSame(since), words).not.toEqual({});
        }
      });
    }

    for (const [name, talk] of Object.entries(talks)) {
      it(`real traffic: ${name}`, async () => {
        const since = twins.sent();
        open.push(await converse(twins.fw, talk));
        expect(await expectSame(since)).not.toEqual({});
      });
    }

    it("real traffic: FTP, with its data connection and shifted sequence numbers", async () => {
      const since = twins.sent();
      const lines = ["220 Hello.", "227 Entering Passive Mode (10,77,0,2,20,0)."];
      const control = { protocol: "tcp", port: 21, lines } as const;
      open.push(await converse(twins.fw, { ...control, address: host, localPort: 41010 }));
      const data = { protocol: "tcp", port: 5120, localPort: 41011 } as const;
      open.push(await converse(twins.fw, { ...data, address: host }));
      open.push(await converse(twins.fw, { ...control, address: "10.77.0.200", localPort: 41012 }));
      const texts = Object.values(await expectSame(since)).join("\n");
      for (const id of [8, 10, 11, 27]) expect(texts).toContain(`\n  ${id}: `);
    });

    it("a bulk, of all flows", async () => {
      const since = twins.sent();
      await Promise.all(kinds.map((kind) => twins.daemons[kind].commandOk("-B")));
      expect(Object.keys(await expectSame(since)).length).toBeGreaterThan(30);
    });

    it("a bulk after the table was read anew", async () => {
      const since = twins.sent();
      await Promise.all(kinds.map((kind) => twins.daemons[kind].commandOk("-R")));
      await Promise.all(kinds.map((kind) => twins.daemons[kind].commandOk("-B")));
      // The two dumps were taken at two moments.
      const texts = Object.values(await expectSame(since, [TIMEOUT_ID])).join("\n");
      for (const id of [7, 12, 13, 14, 15, 16, 28, 29, 30, 31, 32]) {
        expect(texts).toContain(`\n  ${id}: `);
      }
    });

    it("the ends of the conversations", async () => {
      const since = twins.sent();
      await Promise.all(open.map((each) => each.end()));
      open = [];
      await expectSame(since);
    });

    it("the deletion of all flows", async () => {
      const since = twins.sent();
      await twins.conntrack("-F");
      // The timeouts are still those of the two dumps.
      const last = await expectSame(since, [TIMEOUT_ID]);
      const deleted = Object.values(last).filter((text) => text.startsWith("CT_DEL"));
      expect(deleted.length).toBe(Object.keys(last).length);
      expect(deleted.length).toBeGreaterThan(25);
    });
  });
}

describeOnKernel("the dialogue with a peer", both, () => {
  let twins: Twins;
  let sequence = 1000;

  beforeAll(async () => {
    twins = await Twins.start({ config: { modeLines: ["ACKWindowSize 10", "StartupResync On"] } });
  });
  afterAll(() => twins?.destroy());

  /** Sends the same bytes to both. */
  const send = (...messages: readonly Buffer[]) => {
    for (const kind of kinds) {
      twins.sink.send(ports[kind], daemonAddress, Buffer.concat(messages));
    }
  };
  const flow = (seq: number, flags = 0) =>
    buildMessage({ type: 0, flags, sequence: seq }, udpFlowBody(seq & 0xff));
  const control = (flags: number, seq: number, body?: Buffer) =>
    buildMessage({ type: CTL, flags, sequence: seq }, body);
  const all = (kind: (typeof kinds)[number]) => twins.sink.messages(ports[kind]);
  const ranges = (kind: (typeof kinds)[number], since: number) =>
    all(kind)
      .slice(since)
      .filter((message) => message.type === CTL && (message.flags & ALIVE) === 0)
      .map((message) => messageText(message));
  const isHello = (message: WireMessage) => (message.flags & HELLO) !== 0;

  /** Waits until both have sent as much control as is expected, and compares it. */
  const expectControl = async (since: Record<(typeof kinds)[number], number>, wanted: string[]) => {
    await waitFor(() => kinds.every((kind) => ranges(kind, since[kind]).length >= wanted.length), {
      what: `control messages ${wanted.join(", ")}`,
    }).catch(() => undefined); // The comparison says more.
    expect(ranges("reference", since.reference)).toEqual(wanted);
    expect(ranges("ours", since.ours)).toEqual(wanted);
  };
  const text = (flags: number, from: number, to: number) =>
    `CTL flags ${flags} ${rangeBody(from, to).toString("hex")}`;

  it("begins with a hello and, when asked to, a request for the table", async () => {
    await waitFor(() => kinds.every((kind) => all(kind).length > 1), { what: "messages of both" });
    for (const kind of kinds) {
      expect(all(kind).every(isHello)).toBe(true);
      expect(messageText(all(kind)[0] as WireMessage)).toBe(text(RESYNC, 0, 0));
      expect(messageText(all(kind)[1] as WireMessage)).toBe(`CTL flags ${ALIVE}`);
    }
  });

  it("answers a hello with one hello back, and then says hello no more", async () => {
    const since = twins.sent();
    send(control(ALIVE | HELLO | HELLO_BACK, sequence));
    await expectControl(since, [text(ACK, sequence, sequence)]);
    for (const kind of kinds) {
      const later = all(kind)
        .slice(since[kind])
        .map((message) => message.flags);
      const first = later.findIndex((flags) => (flags & HELLO_BACK) !== 0);
      expect(first).toBeGreaterThanOrEqual(0);
      expect(later.filter((flags) => (flags & HELLO_BACK) !== 0).length).toBe(1);
      expect(later.slice(first + 1).filter((flags) => (flags & HELLO) !== 0)).toEqual([]);
    }
  });

  it("acknowledges a full window at once, and the rest a second later", async () => {
    const since = twins.sent();
    const first = sequence + 1;
    for (let i = 0; i < 25; i += 1) send(flow((sequence += 1)));
    // The hello took one place of the first window: the acknowledgement of the timer does not reset it.
    await expectControl(since, [
      text(ACK, first, first + 8),
      text(ACK, first + 9, first + 18),
      text(ACK, first + 19, first + 24),
    ]);
  });

  it("asks for what is missing, and drops what comes late", async () => {
    const since = twins.sent();
    const first = sequence + 1;
    send(flow(first), flow(first + 1), flow(first + 4), flow(first + 2));
    sequence = first + 4;
    await expectControl(since, [
      text(ACK, first, first + 1),
      text(NACK, first + 2, first + 3),
      text(ACK, first + 4, first + 4),
    ]);
  });

  it("sends again what the peer misses", async () => {
    await twins.conntrack("-I -p udp -s 10.1.0.1 -d 10.2.0.1 --sport 1 --dport 2 -t 600");
    await twins.conntrack(
      "-I -p tcp -s 10.1.0.1 -d 10.2.0.1 --sport 1 --dport 2 -t 600 --state CLOSE",
    );
    await twins.settle();
    const since = twins.sent();
    sequence += 1;
    for (const kind of kinds) {
      const sequences = twins.flowMessages(kind).map((message) => message.sequence);
      const body = rangeBody(Math.min(...sequences), Math.max(...sequences));
      twins.sink.send(ports[kind], daemonAddress, control(NACK, sequence, body));
    }
    await waitFor(() => kinds.every((kind) => twins.flowMessages(kind, since[kind]).length >= 2), {
      what: "the flows to be sent again",
    });
    const again = (kind: (typeof kinds)[number]) =>
      twins.flowMessages(kind, since[kind]).map((message) => messageText(message));
    expect(again("ours")).toEqual(again("reference"));
  });

  it("answers a request for the table with every flow", async () => {
    const since = twins.sent();
    sequence += 1;
    send(control(RESYNC, sequence, rangeBody(0, 0)));
    await waitFor(() => kinds.every((kind) => twins.flowMessages(kind, since[kind]).length >= 2), {
      what: "the table",
    });
    expect(twins.lastWords("ours", since.ours)).toEqual(
      twins.lastWords("reference", since.reference),
    );
  });

  it("releases what the peer acknowledges", async () => {
    sequence += 1;
    for (const kind of kinds) {
      const sequences = all(kind).map((message) => message.sequence);
      const body = rangeBody(Math.min(...sequences), Math.max(...sequences));
      twins.sink.send(ports[kind], daemonAddress, control(ACK, sequence, body));
    }
    for (const kind of kinds) {
      await waitFor(
        async () => !(await twins.daemons[kind].commandOk("-s", "rsqueue")).includes("object"),
        { what: `${kind} to release its flows` },
      );
    }
  });
});
