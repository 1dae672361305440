/** Parts of the manual and the shell completion, made from the tables of commands, options and protocols. */
import {
  COLOR,
  COLUMNS,
  COMMANDS,
  type CommandRow,
  type Legality,
  NAT_RANGE,
  OPTIONS,
  type OptionRow,
} from "./options.ts";
import { PROTOCOLS } from "./protocols.ts";

/** How a cell of the legality tables is shown. */
const SIGNS: Readonly<Record<string, string>> = {
  ".": "",
  o: "yes",
  M: "must",
  c: "pair",
  j: "json",
};

function row(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [row(head), row(head.map(() => "---")), ...rows.map(row)].join("\n");
}

const code = (text: string) => `\`${text}\``;

function commandsTable(): string {
  return table(
    ["Command", "Tables", "Does"],
    COMMANDS.map((each) => [
      `${code(`-${each.short}`)} ${code(`--${each.long}`)}`,
      tablesOf(each),
      each.text,
    ]),
  );
}

function tablesOf({ verb, expectColumn }: CommandRow): string {
  if (verb === "version" || verb === "help") return "–";
  if (verb === "list") return "all";
  return expectColumn === undefined ? "conntrack" : "conntrack, expect";
}

function optionNames({ name, short, aliases, argument, value }: OptionRow): string {
  const said = argument === "none" ? "" : argument === "optional" ? ` [${value}]` : ` ${value}`;
  const letters = short === "" ? [] : [`-${short}`];
  const names = [...letters, `--${name}`, ...aliases.map((alias) => `--${alias}`)];
  return `${names.map(code).join(" ")}${said}`;
}

function optionsTable(): string {
  return table(
    ["Option", "Means"],
    [...OPTIONS, COLOR, NAT_RANGE].map((each) => [optionNames(each), each.text]),
  );
}

function protocolsTable(): string {
  return table(
    ["Protocol", "Option", "Means"],
    PROTOCOLS.flatMap(({ name, options }) =>
      options.map((each) => [
        name,
        `${[each.name, ...each.aliases].map((alias) => code(`--${alias}`)).join(" ")} ${each.value}`,
        each.text,
      ]),
    ),
  );
}

/** The columns as the manual names them. */
const HEADS: readonly string[] = COLUMNS.map((column) => column.replace(/^x(?=.)/, "expect: "));

function legalityTable(): string {
  const cells = (legality: Legality) => [...legality].map((sign) => SIGNS[sign]!);
  return table(
    ["Option", ...HEADS],
    OPTIONS.map(({ name, legality }) => [code(`--${name}`), ...cells(legality)]),
  );
}

/** Each part by the name of its marker in the page. */
export const manualParts: Readonly<Record<string, () => string>> = {
  "conntrack-commands": commandsTable,
  "conntrack-options": optionsTable,
  "conntrack-protocols": protocolsTable,
  "conntrack-legality": legalityTable,
};

/** Completion for bash: commands, tables, options, the options of a protocol, and words of lists. */
export function bashCompletion(): string {
  const longs = (rows: readonly { name: string; aliases: readonly string[] }[]) =>
    rows.flatMap(({ name, aliases }) => [name, ...aliases]).map((name) => `--${name}`);
  const words = [
    ...COMMANDS.map(({ short }) => `-${short}`),
    ...COMMANDS.map(({ long }) => `--${long}`),
    "-R",
    "--load-file",
    ...OPTIONS.filter(({ short }) => /[a-z]/i.test(short)).map(({ short }) => `-${short}`),
    ...longs([...OPTIONS, COLOR]),
  ];
  const protocols = PROTOCOLS.map(
    ({ name, options }) => `      ${name}) own="${longs(options).join(" ")}" ;;`,
  );
  return `# bash completion for conntrack; made from the tables of the program.
_conntrack() {
  local word="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" own="" i
  for ((i = 1; i < COMP_CWORD; i++)); do
    [[ "\${COMP_WORDS[i]}" == -p || "\${COMP_WORDS[i]}" == --protonum ]] || continue
    case "\${COMP_WORDS[i+1]}" in
${protocols.join("\n")}
    esac
  done
  local choices
  case "$before" in
    ${COMMANDS.filter(({ verb }) => verb !== "version" && verb !== "help")
      .flatMap(({ short, long }) => [`-${short}`, `--${long}`])
      .join("|")}) choices="conntrack expect dying unconfirmed" ;;
    -p|--protonum) choices="${PROTOCOLS.map(({ name }) => name).join(" ")}" ;;
    -f|--family) choices="ipv4 ipv6" ;;
    -o|--output) choices="xml json save extended timestamp id ktimestamp labels" ;;
    -e|--event-mask) choices="ALL NEW UPDATES DESTROY" ;;
    -u|--status) choices="ASSURED SEEN_REPLY UNREPLIED UNSET FIXED_TIMEOUT EXPECTED OFFLOAD HW_OFFLOAD" ;;
    -R|--load-file|-M|--labelmap) COMPREPLY=($(compgen -f -- "$word")); return ;;
  esac
  [[ $COMP_CWORD == 1 ]] && choices="top"
  COMPREPLY=($(compgen -W "$choices ${words.join(" ")} $own" -- "$word"))
}
complete -F _conntrack conntrack
`;
}
