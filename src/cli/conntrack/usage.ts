/** `-h` and `-V`: made from the tables of commands, options and protocols. */
import type { Command } from "./command.ts";
import { BANNER } from "./failure.ts";
import { COLOR, COMMANDS, OPTIONS, type OptionGroup, type OptionRow } from "./options.ts";

const VERSION = /v([\d.]+)/.exec(BANNER)![1]!;

const GROUPS: readonly (readonly [OptionGroup, string])[] = [
  ["flow", "Parameters of flows"],
  ["expectation", "Parameters of expectations"],
  ["update", "Parameters of updates"],
  ["common", "Common parameters"],
];

const WIDTH = 44;

/** `-V`, and with our own version in a line of its own for `--version`. */
export function versionText(own: string, isLong: boolean): string {
  return `${BANNER}\n${isLong ? `flowkeeper ${own}\n` : ""}`;
}

export function usageText({ protocol }: Command): string {
  const commands = COMMANDS.map(({ short, long, verb, text }) => {
    const table = verb === "version" || verb === "help" ? "" : " [table]";
    return line(`-${short}, --${long}${table}`, text);
  });
  const groups = GROUPS.map(
    ([group, title]) =>
      `${title}:\n${[...OPTIONS, COLOR]
        .filter((row) => row.group === group)
        .map(optionLine)
        .join("")}`,
  );
  const own =
    protocol === undefined || protocol.options.length === 0
      ? ""
      : `\nParameters of ${protocol.name}:\n${protocol.options
          .map(({ name, value, text }) => line(`--${name} ${value}`, text))
          .join("")}`;
  return (
    `Command line interface for the connection tracking system. Version ${VERSION}\n` +
    "Usage: conntrack [commands] [options]\n" +
    "       conntrack top [options] [words]\n\n" +
    "Tables: conntrack, expect, dying, unconfirmed\n\n" +
    `Commands:\n${commands.join("")}${line("-R, --load-file FILE", "run the commands of a file; as the first word only")}\n` +
    `${groups.join("\n")}${own}`
  );
}

function optionLine({ short, name, argument, value, text }: OptionRow): string {
  const said = argument === "none" ? "" : argument === "optional" ? ` [${value}]` : ` ${value}`;
  const letter = /[a-z]/i.test(short) ? `-${short}, ` : "    ";
  return line(`${letter}--${name}${said}`, text);
}

function line(what: string, text: string): string {
  const start = `  ${what}`;
  return start.length < WIDTH
    ? `${start.padEnd(WIDTH)}${text}\n`
    : `${start}\n${" ".repeat(WIDTH)}${text}\n`;
}
