/**
 * Configuration files for properties: trees that the rows allow, as text, and texts with a few
 * mistakes in them. Values are such that the reference has something to say about some of them.
 */
import fc from "fast-check";
import { type ClauseRow, clausesIn } from "../../grammar/index.ts";
import type { Element } from "../../grammar/shape.ts";

export interface TextOptions {
  /** With clauses of older releases. */
  readonly hasLegacy: boolean;
}

const numbers = fc.oneof(
  fc.constantFrom("0", "1", "15", "60", "99", "100", "8192", "65535", "70000", "2147483647"),
  fc.nat(100_000).map(String),
);
const ipv4 = fc.constantFrom("127.0.0.1", "10.0.0.1", "225.0.0.50", "010.0.0.1", "300.1.1.1");
const ipv6 = fc.constantFrom("::1", "fe80::1", "ff05::50", "2001:db8::2:1", "dead", "1::2:");

/** Words by the clause they stand in. */
const words: Readonly<Record<string, fc.Arbitrary<string>>> = {
  syslog: fc.constantFrom("daemon", "local0", "local7", "LOCAL0"),
  statsSyslog: fc.constantFrom("daemon", "local0", "local7", "mail"),
  schedulerType: fc.constantFrom("RR", "fifo", "FIFO", "batch"),
  filterProtocolName: fc.constantFrom("tcp", "icmp", "ICMP", "sctp", "IPv6-ICMP", "foo"),
  expectationHelper: fc.constantFrom("ftp", "sip", "h.245", "q.931", "nosuchhelper-of-20-letters"),
  linkInterface: fc.constantFrom("lo", "lo", "nodev0", "br-lan", "eth0.100"),
  policy: fc.constantFrom("ftp", "rpc", "a-name-of-more-than-16"),
  replicate: fc.constantFrom("TCPish", "SCTP"),
  ignoreProtocolName: fc.constantFrom("tcp", "icmp", "foo"),
};
const helperWords: readonly fc.Arbitrary<string>[] = [
  fc.constantFrom("ftp", "rpc", "tftp", "foo"),
  fc.constantFrom("inet", "inet6", "ipx"),
  fc.constantFrom("tcp", "udp", "sctp"),
];

const suffixes = fc.constantFrom("", "", "", "/8", "/24", "/32", "/33", "/128", "/255");

function value(kind: string, row: ClauseRow, place: number): fc.Arbitrary<string> {
  switch (kind) {
    case "Number":
      return numbers;
    case "Signed":
      return fc.constantFrom("-20", "+5");
    case "On":
      return fc.constantFrom("on", "yes", "On", "YES");
    case "Off":
      return fc.constantFrom("off", "no", "oFf", "NO");
    case "PathName":
      return fc.constantFrom("/nonexistent/a.ctl", "/nonexistent/b#{}.log", `/${"p/".repeat(60)}`);
    case "Ip": {
      const address = (row.keyword ?? "").includes("6") ? ipv6 : ipv4;
      return fc.tuple(address, suffixes).map((parts) => parts.join(""));
    }
    case "Word":
      if (row.id === "helperType") return helperWords[place] ?? fc.constant("x");
      return words[row.id] ?? fc.constantFrom("word", "x-1", "eth0");
    default:
      return fc.constant(kind);
  }
}

type Words = readonly string[];
const nothing: fc.Arbitrary<Words> = fc.constant([]);

function oneOf(kinds: readonly string[], row: ClauseRow, place: number): fc.Arbitrary<Words> {
  return fc.oneof(...kinds.map((kind) => value(kind, row, place).map((word) => [word])));
}

function join(parts: readonly fc.Arbitrary<Words>[]): fc.Arbitrary<Words> {
  return parts.length === 0 ? nothing : fc.tuple(...parts).map((lists) => lists.flat());
}

interface Around extends TextOptions {
  /** Clauses that a file does not mix with others. */
  readonly without: ReadonlySet<string>;
  readonly depth: number;
}

function element(part: Element, row: ClauseRow, place: number, around: Around) {
  switch (part.kind) {
    case "one":
      return oneOf(part.of, row, place);
    case "many":
      return fc.array(oneOf(part.of, row, place), { maxLength: 3 }).map((lists) => lists.flat());
    case "optional":
      return fc.oneof(nothing, join(part.words.map((of) => oneOf(of, row, place))));
    case "body": {
      const braces = items(row.id, around).map((inner) => ["{", ...inner, "}"]);
      return part.instead.length > 0 ? fc.oneof(oneOf(part.instead, row, place), braces) : braces;
    }
    case "item":
      return item(row.id, around);
  }
}

function clause(row: ClauseRow, around: Around): fc.Arbitrary<Words> {
  const inner = { ...around, depth: around.depth + 1 };
  const parts = row.elements.map((part, place) => element(part, row, place, inner));
  if (row.keyword === undefined) return join(parts);
  const keyword = fc.constantFrom(row.keyword, ...row.synonyms);
  return join([keyword.map((word) => [word]), ...parts]);
}

function allowed(block: string, { hasLegacy, without, depth }: Around): ClauseRow[] {
  return clausesIn(block).filter(
    ({ id, legacy }) =>
      (hasLegacy || legacy === undefined) && !without.has(id) && (depth < 4 || id !== "helperType"),
  );
}

function item(block: string, around: Around): fc.Arbitrary<Words> {
  return fc.oneof(...allowed(block, around).map((row) => clause(row, around)));
}

function items(block: string, around: Around): fc.Arbitrary<Words> {
  if (allowed(block, around).length === 0) return nothing;
  return fc.array(item(block, around), { maxLength: 4 }).map((lists) => lists.flat());
}

const links = ["multicast", "udp", "tcp"];

function layout(list: Words, blanks: readonly string[]): string {
  return list.map((word, i) => word + (blanks[i % blanks.length] ?? " ")).join("");
}

const blanks = fc.array(fc.constantFrom(" ", "\n", "  ", "\t", " # c\n", "\n\n# {\n"), {
  minLength: 1,
  maxLength: 7,
});
/** A path goes on to a blank or the end of the line. */
const afterPath = (blank: string) => (blank.startsWith("\t") ? " " : blank);

/** A tree that the grammar allows; what it means may still be refused. */
export function configTexts(options: TextOptions): fc.Arbitrary<string> {
  const mix = fc.record({ link: fc.constantFrom(...links), isStats: fc.boolean() });
  const list = mix.chain(({ link, isStats }) => {
    const others = links.filter((other) => other !== link);
    const without = new Set([...others, isStats ? "sync" : "stats"]);
    return items("file", { ...options, without, depth: 0 });
  });
  return fc.tuple(list, blanks).map(([words, gaps]) => layout(words, gaps.map(afterPath)));
}

const strange = fc.constantFrom(
  ...["", "{", "}", ";", "x", "Foo", "bce0", "0x10", "-5", '"', "%", "Port", "General", "TCP"],
  ...["99999999999", "hashsize", "eth0:1", "1.2.3", "::ffff:10.0.0.1", "true", "/etc", "Mode"],
);

/** A text with up to three words taken out, doubled, exchanged or put in. */
export function mutated(texts: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const edit = fc.record({
    at: fc.nat(400),
    kind: fc.constantFrom("drop", "double", "replace", "insert", "swap"),
    word: strange,
  });
  return fc.tuple(texts, fc.array(edit, { maxLength: 3 })).map(([text, edits]) => {
    const parts = text.split(/(\s+)/);
    for (const { at, kind, word } of edits) {
      const i = ((at * 2) % Math.max(parts.length, 1)) & ~1;
      const now = parts[i] ?? "";
      if (kind === "drop") parts[i] = "";
      if (kind === "double") parts[i] = `${now}\n${now}`;
      if (kind === "replace") parts[i] = word;
      if (kind === "insert") parts[i] = `${now} ${word}`;
      if (kind === "swap") [parts[i], parts[i + 2]] = [parts[i + 2] ?? "", now];
    }
    return parts.join("");
  });
}
