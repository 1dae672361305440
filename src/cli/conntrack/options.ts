/**
 * The command line of `conntrack`, one row a command and one row an option: names, values, and with
 * which command an option may, must or must not be given. The scanner, the checks, the help, the manual
 * and the shell completion all derive from these rows; the protocols bring rows of their own
 * (protocols.ts).
 *
 * Described in: doc/conntrack.md.
 */

/**
 * What a command is to the checks, one a column of `legality`: the commands on flows, on expectations
 * (`x…`), and the counters and statistics of either table.
 */
export const COLUMNS = [
  "list",
  "create",
  "update",
  "delete",
  "get",
  "flush",
  "events",
  "version",
  "help",
  "xlist",
  "xcreate",
  "xdelete",
  "xget",
  "xflush",
  "xevents",
  "count",
] as const;
export type Column = (typeof COLUMNS)[number];

export type Verb =
  | "list"
  | "get"
  | "delete"
  | "create"
  | "add"
  | "update"
  | "events"
  | "flush"
  | "count"
  | "statistics"
  | "version"
  | "help";

export type Table = "conntrack" | "expect" | "dying" | "unconfirmed";

export interface CommandRow {
  readonly verb: Verb;
  readonly short: string;
  readonly long: string;
  /** The column of the checks, on flows and on expectations; without the latter it is refused there. */
  readonly column: Column;
  readonly expectColumn?: Column;
  /** `--dump=expect` names the table as `--dump expect` does; `--stats=expect` is no option. */
  readonly takesAttachedTable: boolean;
  /** A letter may have its table attached, too. */
  readonly shortTakesAttachedTable?: true;
  readonly text: string;
}

function command(
  verb: Verb,
  short: string,
  long: string,
  columns: readonly [Column, Column?],
  text: string,
  takesAttachedTable = true,
): CommandRow {
  const [column, expectColumn] = columns;
  const row = { verb, short, long, column, takesAttachedTable, text };
  return {
    ...row,
    ...(expectColumn === undefined ? {} : { expectColumn }),
    ...(verb === "count" ? { shortTakesAttachedTable: true as const } : {}),
  };
}

/** In the order of the help. `-R` is none of them: it is understood as the first word only. */
export const COMMANDS: readonly CommandRow[] = [
  command("list", "L", "dump", ["list", "xlist"], "list entries"),
  command("get", "G", "get", ["get", "xget"], "look one entry up"),
  command("delete", "D", "delete", ["delete", "xdelete"], "delete entries that match"),
  command("create", "I", "create", ["create", "xcreate"], "create an entry that must not exist"),
  command("add", "A", "add", ["create"], "create an entry, or update it where it exists"),
  command("update", "U", "update", ["update"], "update entries that match"),
  command("events", "E", "event", ["events", "xevents"], "follow events"),
  command("flush", "F", "flush", ["flush", "xflush"], "empty the table"),
  command("count", "C", "counter", ["count", "count"], "print the number of entries"),
  command("statistics", "S", "stats", ["count", "count"], "print statistics of each CPU", false),
  command("version", "V", "version", ["version", "version"], "print the version", false),
  command("help", "h", "help", ["help", "help"], "print this text", false),
];

/** `none`: no value. `optional`: the next word, unless it starts with `-` or `!`. */
export type Argument = "none" | "required" | "optional";

/**
 * `.` illegal, `o` optional, `M` mandatory, `c` coupled: part of a pair that must be complete, `j` optional where the
 * output is JSON and illegal otherwise.
 */
export type Legality = string;

export interface OptionRow {
  /** The name that messages say; the first long name. */
  readonly name: string;
  /** Empty where there is none. */
  readonly short: string;
  readonly aliases: readonly string[];
  readonly argument: Argument;
  /** How the manual names the value. */
  readonly value: string;
  /** A character a column, without blanks. */
  readonly legality: Legality;
  readonly group: OptionGroup;
  readonly text: string;
}

export type OptionGroup = "flow" | "expectation" | "update" | "common";

function option(
  name: string,
  short: string,
  legality: string,
  [argument, value]: readonly [Argument, string?],
  group: OptionGroup,
  text: string,
  aliases: readonly string[] = [],
): OptionRow {
  return {
    name,
    short,
    aliases,
    argument,
    value: value ?? "",
    legality: legality.replace(/\s/g, ""),
    group,
    text,
  };
}

const ADDRESS = ["required", "ADDRESS"] as const;
const NETWORK = ["required", "ADDRESS[/LENGTH]"] as const;
const TRANSLATION = ["optional", "ADDRESS[:PORT]"] as const;
const LABELS = ["required", "NAME[,NAME…]"] as const;
const ZONE = ["required", "ZONE"] as const;

/** In the order in which problems are looked for. */
// biome-ignore format: a table
export const OPTIONS: readonly OptionRow[] = [
  //                          L I U D G F E V h  x:L I D G F E  C
  option("src", "s", "        o c o o c . o . .     . M M M . .  .", NETWORK, "flow", "original source address or network", ["orig-src"]),
  option("dst", "d", "        o c o o c . o . .     . M M M . .  .", NETWORK, "flow", "original destination address or network", ["orig-dst"]),
  option("reply-src", "r", "  o c o o c . o . .     . o o o . .  .", ADDRESS, "flow", "source address of the reply"),
  option("reply-dst", "q", "  o c o o c . o . .     . o o o . .  .", ADDRESS, "flow", "destination address of the reply"),
  option("protonum", "p", "   o M o o M . o . o     . M M M . .  .", ["required", "PROTOCOL"], "flow", "layer-4 protocol, by name or number"),
  option("timeout", "t", "    . M o o . . . . .     . M . . . .  .", ["required", "SECONDS"], "flow", "seconds left"),
  option("status", "u", "     o o o o . . . . .     . o . . . .  .", ["required", "[!]STATUS[,…]"], "flow", "status bits; `!' for bits that are clear"),
  option("zero", "z", "       o . . . . . . . .     . . . . . .  .", ["none"], "common", "set the counters to zero while they are listed"),
  option("event-mask", "e", " . . . . . . o . .     . . . . . .  .", ["required", "EVENT[,…]"], "common", "which events: ALL, NEW, UPDATES, DESTROY"),
  option("tuple-src", "[", "  . . . . . . . . .     . M . . . .  .", NETWORK, "expectation", "source address of the expected flow"),
  option("tuple-dst", "]", "  . . . . . . . . .     . M . . . .  .", NETWORK, "expectation", "destination address of the expected flow"),
  option("mask-src", "{", "   o . o o . . o . .     . M . . . .  .", ADDRESS, "expectation", "mask of the source address"),
  option("mask-dst", "}", "   o . o o . . o . .     . M . . . .  .", ADDRESS, "expectation", "mask of the destination address"),
  option("mark", "m", "       o o o o . . o . .     . . . . . .  .", ["required", "MARK[/MASK]"], "flow", "connection mark"),
  option("id", "i", "         . . o o o . . . .     . . . . . .  .", ["required", "ID"], "flow", "the kernel's number of the entry, as `-o id' prints it"),
  option("family", "f", "     o . o o . o o . .     o . . . . .  .", ["required", "ipv4|ipv6"], "common", "address family"),
  option("src-nat", "n", "    o o o o . . o . .     . . . . . .  .", TRANSLATION, "flow", "translated source"),
  option("dst-nat", "g", "    o o o o . . o . .     . . . . . .  .", TRANSLATION, "flow", "translated destination"),
  option("output", "o", "     o . o o o . o . .     o . . j . o  j", ["required", "FORMAT[,…]"], "common", "how to print: xml, json, save, extended, timestamp, id, ktimestamp, labels"),
  option("secmark", "c", "    o . . . . . o . .     . . . . . .  .", ["required", "MARK"], "flow", "security mark; selects nothing"),
  option("buffer-size", "b", ". . . . . . o . .     . . . . . .  .", ["required", "BYTES"], "common", "size of the buffer for events"),
  option("any-nat", "j", "    o . . . . . o . .     . . . . . .  .", TRANSLATION, "flow", "translated source or destination"),
  option("zone", "w", "       o o . o . . o . .     . . . . . .  .", ZONE, "flow", "zone"),
  option("label", "l", "      o . o o o . o . .     . . . . . .  .", LABELS, "flow", "labels that are set"),
  option("label-add", "<", "  . o o . . . . . .     . . . . . .  .", LABELS, "update", "set labels"),
  option("label-del", ">", "  . . o . . . . . .     . . . . . .  .", ["optional", "NAME[,NAME…]"], "update", "clear labels; all of them without a name"),
  option("orig-zone", "(", "  o o . o . . o . .     . . . . . .  .", ZONE, "flow", "zone of the original direction"),
  option("reply-zone", ")", " o o . o . . o . .     . . . . . .  .", ZONE, "flow", "zone of the reply direction"),
  option("labelmap", "M", "   o . o o . . o . .     . . . . . .  .", ["required", "FILE"], "common", "names of the labels, instead of /etc/xtables/connlabel.conf"),
];

/** Ours, with every command. It is known by its whole name alone, so that `--co` still means `--counter`. */
export const COLOR: OptionRow = option(
  "color",
  "",
  "o".repeat(COLUMNS.length),
  ["optional", "=auto|always|never"],
  "common",
  "paint the text: on a terminal, always, or never; never if not given",
);

/** Accepted with every command, and passed over with a warning. */
export const NAT_RANGE: OptionRow = option(
  "nat-range",
  "a",
  ".".repeat(COLUMNS.length),
  ["required", "RANGE"],
  "common",
  "accepted and passed over",
);
