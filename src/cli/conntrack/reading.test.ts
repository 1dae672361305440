import { describe, expect, it } from "vitest";
import { Has0, W } from "../../flow/register.ts";
import { Given, Nat } from "../../flow/template.ts";
import type { Command } from "./command.ts";
import { Failure } from "./failure.ts";
import { checkLegality } from "./legality.ts";
import { CommandReader } from "./reading.ts";

function read(line: string, warnings: string[] = []): Command {
  const reader = new CommandReader({
    warn: (text) => warnings.push(text),
    protocolNumber: (name) => (name === "esp" ? 50 : undefined),
  });
  const command = reader.read(["conntrack", ...line.split(" ").filter((word) => word !== "")]);
  checkLegality(command);
  return command;
}

function failure(line: string): string {
  try {
    read(line);
  } catch (error) {
    if (error instanceof Failure) return `${error.exit} ${error.message}`;
    throw error;
  }
  return "read";
}

describe("the scanner", () => {
  it.each([
    ["foo -L conntrack bar baz", "read"],
    ["-L --so 5", "2 unknown option `--so'"],
    ["-L --orig-s 1.2.3.4", "read"],
    ["-L --src=1.2.3.4", "read"],
    ["-L --zero=1", "2 unknown option `--zero=1'"],
    ["-Lz", "read"],
    ["-L -Yz", "2 unknown option `-L'"],
    ["-L -zY", "2 unknown option `-zY'"],
    ["-Yz", "2 unknown option `conntrack'"],
    ["x -L -Yz", "2 unknown option `x'"],
    ["-L -s", "2 option `-s' requires an argument"],
    ["-Ls", "2 option `-Ls' requires an argument"],
    ["-L --src -d", "2 Invalid IP address `-d'"],
    ["-L -- -Y", "read"],
    ["-L --sport 80 -p tcp", "2 unknown option `--sport'"],
    ["-L -p tcp --spo 80", "read"],
    ["-L -[ 1.2.3.4", "2 Illegal option `--tuple-src' with this command"],
  ])("%s: %s", (line, outcome) => expect(failure(line)).toBe(outcome));
});

describe("commands and tables", () => {
  it.each([
    ["-L", "conntrack"],
    ["-L e", "expect"],
    ["-L c", "conntrack"],
    ["--dump unc", "unconfirmed"],
    ["--dump=expect", "expect"],
    ["-Cexp", "expect"],
  ])("%s: %s", (line, table) => expect(read(line).table).toBe(table));
  it.each([
    ["-L bogus", "2 unknown type `bogus'"],
    ["-L -L bogus", "2 unknown type `bogus'"],
    ["-L -h", "2 Invalid commands combination"],
    ["-I dying", "2 Can't do that command with tables `dying' and `unconfirmed'"],
    ["-U expect", "2 Can't do --update on expectations"],
    ["--stats=x", "2 unknown option `--stats=x'"],
    ["-o xml", "2 Illegal option `--output' with this command"],
  ])("%s: %s", (line, outcome) => expect(failure(line)).toBe(outcome));
});

describe("what options may stand together", () => {
  it.each([
    ["-I", "2 You need to supply the `--protonum' option for this command"],
    ["-I -p tcp", "2 You need to supply the `--timeout' option for this command"],
    ["-I -p tcp -t 1", "2 you have to specify `--src' and `--dst'"],
    ["-I -p tcp -t 1 -r 1.1.1.1", "2 you have to specify `--reply-src' and `--reply-dst'"],
    ["-G -p udp -s 1.1.1.1 -d 2.2.2.2 --sport 1", "2 you have to specify `--sport' and `--dport'"],
    ["-I -p udp -t 1 -s 1.1.1.1/24 -d 2.2.2.2", "2 Illegal option `--mask-src' with this command"],
    ["-L -j -n", "2 cannot specify `--src-nat' or `--dst-nat' with `--any-nat'"],
    ["-L -o xml,save", "1 cannot combine save output with any other output type, use -o save only"],
    ["-U --label-add a --label-del b", "1 cannot use --label-add and --label-del at the same time"],
    ["-L -M a -M b", "2 option `--labelmap' can only be specified once"],
  ])("%s: %s", (line, outcome) => expect(failure(line)).toBe(outcome));
});

describe("values", () => {
  it.each([
    ["-L -s 1.2.3.4.5", "2 Invalid IP address `1.2.3.4.5'"],
    ["-L -s 1.2.3.4/33", "2 Invalid netmask"],
    ["-L -r 10.0.0.0/8", "2 CIDR notation unavailable for `--reply-src'"],
    ["-L -s ::1 -d 10.0.0.1", "2 mismatched address family"],
    ["-L -f ipx", "2 `ipx' unsupported protocol"],
    ["-L -p 300", "2 `300' unsupported protocol"],
    ["-L -m 0xfoo", "1 unexpected value '0xfoo' with -m option"],
    ["-L -w 65536", "1 unexpected value '65536' with -w option"],
    ["-L --reply-zone x", "1 unexpected value 'x' with -) option"],
    ["-L -u ASSURED,nope,x", "2 Bad parameter `nope,x'"],
    ["-L -u !nope", "2 Bad parameter `nope'"],
    ["-L -n 1.2.3.4:", "2 No port specified after `:'"],
    ["-L -n 1.2.3.4:70000", "2 Invalid port `70000'"],
    ["-L -n [::1", "2 No closing ']' around IPv6 address"],
    ["-L -n []:1", "2 No IPv6 address specified"],
    ["-L -n [::1]", "2 Invalid IP address `[::1]'"],
    ["-I -p tcp --state OPEN", "2 unknown TCP state `OPEN'"],
    ["-I -p sctp --state HEARTBEAT_SENT", "2 unknown SCTP state `HEARTBEAT_SENT'"],
    ["-I -p dccp --role x", "2 Unknown DCCP role `x'"],
  ])("%s: %s", (line, outcome) => expect(failure(line)).toBe(outcome));

  it("are written into the template", () => {
    const { template } = read(
      "-L -s 10.0.0.1/24 -m 0x10/0xf0 -u ASSURED,!SEEN -w 010 -p tcp --sport 65537 --state LISTEN",
    );
    const { words } = template.flow;
    expect([...template.flow.bytes.subarray(W.origSrc * 4, W.origSrc * 4 + 4)]).toEqual([
      10, 0, 0, 1,
    ]);
    expect(new Uint8Array(template.masks.buffer, 0, 4)).toEqual(Uint8Array.of(255, 255, 255, 0));
    expect([words[W.mark], template.markMask, words[W.status], template.statusClear]).toEqual([
      0x10, 0xf0, 4, 2,
    ]);
    expect([words[W.zone], words[W.origL4Src], words[W.tcpState]]).toEqual([8, 1, 9]);
    expect(template.has(Given.origL4Src) && !template.has(Given.origL4Dst)).toBe(true);
  });
  it("of a translation are both address and port", () => {
    const { template, family } = read("-L -g [2001:db8::1]:80");
    expect([family, template.nat, template.flow.words[W.dnatPort]]).toEqual([
      10,
      Nat.destination,
      80,
    ]);
    expect(template.flow.has0(Has0.snat)).toBe(false);
    expect(read("-L -n -g 1.2.3.4").template.nat).toBe(Nat.both);
    expect(read("-L -j").template.nat).toBe(Nat.any);
  });
  it("that mean something else are passed over with a warning", () => {
    const warnings: string[] = [];
    read("-L -u s,a -a x", warnings);
    expect(warnings).toEqual([
      "WARNING: ignoring SRC_NAT, use --src-nat instead",
      "WARNING: ignoring -a, deprecated option.",
    ]);
  });
});

describe("a flow to create", () => {
  const complete = (line: string) => {
    const { template } = read(line);
    template.complete();
    return template;
  };
  it("has the mirror as its reply", () => {
    const { flow, replyProtocol } = complete(
      "-I -p icmp -t 9 -s 1.1.1.1 -d 2.2.2.2 --icmp-type 8 --icmp-code 0 --icmp-id 7",
    );
    expect([flow.words[W.replyL4Dst], flow.words[W.replyL4Src], replyProtocol]).toEqual([0, 7, 1]);
  });
  it("is the mirror of a reply, protocol included", () => {
    const { flow } = complete(
      "-I -p udp -t 9 -r 2.2.2.2 -q 1.1.1.1 --reply-port-src 53 --reply-port-dst 9",
    );
    expect([...flow.bytes.subarray(W.origSrc * 4, W.origSrc * 4 + 4)]).toEqual([1, 1, 1, 1]);
    expect([flow.words[W.protocol], flow.words[W.origL4Src], flow.words[W.origL4Dst]]).toEqual([
      17, 9, 53,
    ]);
  });
  it("keeps a reply without a protocol as it was said: the kernel shall refuse it", () => {
    const line = "-I -p udp -t 9 -s 1.1.1.1 -d 2.2.2.2 -r 2.2.2.2 -q 1.1.1.1 --sport 9 --dport 53";
    expect(complete(line).replyProtocol).toBe(0);
  });
});
