/** `-C` and `-S`: numbers that the kernel keeps about a table; from /proc where netlink does not tell. */
import { readFileSync } from "node:fs";
import {
  IPCTNL_MSG_CT_GET_STATS,
  IPCTNL_MSG_CT_GET_STATS_CPU,
  MessageWriter,
  NFNL_SUBSYS_CTNETLINK_EXP,
  NLA_TYPE_MASK,
  NLM_F_DUMP,
  NLM_F_REQUEST,
  NLMSG_HEADER_BYTES,
  readBe16,
  readBe32,
  readU16,
} from "../../netlink/message.ts";
import { writeOutText } from "../../runtime/standard-output.ts";
import { type Command, Output } from "./command.ts";
import { ATTRIBUTES, type Context, succeed } from "./context.ts";
import { Failure } from "./failure.ts";

const IPCTNL_MSG_EXP_GET_STATS_CPU = (NFNL_SUBSYS_CTNETLINK_EXP << 8) | 3;
const COUNT_FILE = "/proc/sys/net/netfilter/nf_conntrack_count";
const STATISTICS_FILE = "/proc/net/stat/nf_conntrack";

/** Names by attribute number. */
const FLOW_NAMES =
  " searched found new invalid ignore delete delete_list insert insert_failed drop early_drop error search_restart clash_resolve chaintoolong unknown1 unknown2 unknown3 unknown4".split(
    " ",
  );
const EXPECTATION_NAMES = " expect_new expect_create expect_delete".split(" ");

function request(type: number, flags = 0): MessageWriter {
  const w = new MessageWriter(64);
  w.begin(type, NLM_F_REQUEST | flags, 1, 0);
  w.end();
  return w;
}

/** Attributes that hold a number, in the order of their types. */
function numbers(bytes: Uint8Array, start: number, end: number): [type: number, value: number][] {
  const found: [number, number][] = [];
  for (let at = start; at + 4 <= end; ) {
    const size = readU16(bytes, at);
    if (size < 4 || at + size > end) break;
    const type = readU16(bytes, at + 2) & NLA_TYPE_MASK;
    if (size >= 8) found.push([type, readBe32(bytes, at + 4) >>> 0]);
    at += (size + 3) & ~3;
  }
  return found.sort(([a], [b]) => a - b);
}

export function countFlows(command: Command, { session }: Context): number {
  let count: number | undefined;
  const errno = session.request(request(IPCTNL_MSG_CT_GET_STATS), (bytes, at, end) => {
    count = numbers(bytes, at + ATTRIBUTES, end).find(([type]) => type === 1)?.[1];
  });
  // The number is told even where netlink may not tell it; so is the failure.
  writeOutText(countLine(command, count ?? readCount()));
  succeed("count", errno);
  return 0;
}

export function countLine(command: Command, count: number): string {
  return command.printsAs(Output.json)
    ? `{"table":"${command.table}","count":${count}}\n`
    : `${count}\n`;
}

function readCount(): number {
  let text: string;
  try {
    text = readFileSync(COUNT_FILE, "latin1");
  } catch {
    throw new Failure(`Can't open ${COUNT_FILE}`);
  }
  const match = /^\d+/.exec(text);
  if (match === null) throw new Failure(`Can't read ${COUNT_FILE}`);
  return Number(match[0]);
}

export function printStatistics(command: Command, { session }: Context): number {
  const { isOnExpectations } = command;
  const line = command.printsAs(Output.json) ? jsonLine : textLine;
  const type = isOnExpectations ? IPCTNL_MSG_EXP_GET_STATS_CPU : IPCTNL_MSG_CT_GET_STATS_CPU;
  const names = isOnExpectations ? EXPECTATION_NAMES : FLOW_NAMES;
  let text = "";
  const errno = session.dump(request(type, NLM_F_DUMP), (bytes, at, end) => {
    const cpu = readBe16(bytes, at + NLMSG_HEADER_BYTES + 2);
    const known = numbers(bytes, at + ATTRIBUTES, end).filter(([number]) => number < names.length);
    text += line(
      cpu,
      known.map(([number, value]) => [names[number]!, value]),
    );
  });
  writeOutText(errno === 0 ? text : statisticsFromFile(line));
  succeed(isOnExpectations ? "xstatistics" : "statistics", errno);
  return 0;
}

/** The counters of one CPU. */
type Line = (cpu: number, values: readonly (readonly [string, number])[]) => string;

const jsonLine: Line = (cpu, values) =>
  `${JSON.stringify({ cpu, ...Object.fromEntries(values) })}\n`;

const textLine: Line = (cpu, values) => {
  const pairs = values.map(([name, value]) => `${name}=${value} `).join("");
  return `cpu=${`${cpu}`.padEnd(4)}\t${pairs}\n`;
};

/** A line of names, then a line of hexadecimal numbers for each CPU. */
function statisticsFromFile(line: Line): string {
  let text: string;
  try {
    text = readFileSync(STATISTICS_FILE, "latin1");
  } catch {
    throw new Failure("Can't open /proc interface");
  }
  const [head = [], ...rows] = text
    .split("\n")
    .filter((each) => each !== "")
    .map((each) => each.trim().split(/\s+/));
  return rows
    .map((cells, cpu) =>
      line(
        cpu,
        cells.slice(0, head.length).map((cell, i) => [head[i]!, Number.parseInt(cell, 16)]),
      ),
    )
    .join("");
}
