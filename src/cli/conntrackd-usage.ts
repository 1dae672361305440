/**
 * What `conntrackd -v` and `conntrackd -h` print. The first lines say the level of compatibility,
 * because scripts read the number out of them; our own version never looks like that number.
 */

/** The reference that we answer like. */
export const COMPATIBILITY_VERSION = "1.4.9";

const NAME = `Connection tracking userspace daemon v${COMPATIBILITY_VERSION}`;

interface UsageRow {
  readonly option: string;
  readonly words?: string;
  readonly text: string;
}

const generalRows: readonly UsageRow[] = [
  { option: "-d", text: "start the daemon and leave the terminal" },
  { option: "-C", words: "configfile", text: "read this configuration file" },
  { option: "-v", text: "print the version" },
  { option: "-h", text: "print this text" },
];

const clientRows: readonly UsageRow[] = [
  { option: "-c", words: "ct|expect", text: "write the external cache into the kernel" },
  { option: "-f", words: "internal|external", text: "empty the caches" },
  { option: "-F", words: "ct|expect", text: "empty the kernel's table" },
  { option: "-i", words: "ct|expect", text: "print the internal cache" },
  { option: "-e", words: "ct|expect", text: "print the external cache" },
  { option: "-k", text: "stop the daemon" },
  {
    option: "-s",
    words: "network|cache|runtime|link|rsqueue|process|queue|ct|expect",
    text: "print statistics",
  },
  { option: "-R", words: "ct|expect", text: "read the kernel's table again" },
  { option: "-n", text: "ask the other nodes for their states (FT-FW, NOTRACK)" },
  { option: "-B", text: "send all states to the other nodes" },
  { option: "-x", text: "print XML (behind -i or -e)" },
  { option: "-t", text: "empty the kernel's table after PurgeTimeout" },
];

/** `-v`; with our own version in a line of its own for `--version`. */
export function versionText(ownVersion: string, isLong: boolean): string {
  const text = `${NAME}. Flowkeeper, licensed under Apache-2.0.\n(C) The Flowkeeper contributors\n`;
  return isLong ? `${text}flowkeeper ${ownVersion}\n` : text;
}

/** `-h`. `program` is how the program was called. */
export function usageText(program: string): string {
  return (
    `${NAME}\nUsage: ${program} [commands] [options]\n\n` +
    `General commands:\n${generalRows.map(line).join("")}\n` +
    `Client mode commands:\n${clientRows.map(line).join("")}\n`
  );
}

function line(row: UsageRow): string {
  const words = row.words === undefined ? "" : ` [${row.words}]`;
  return `  ${row.option}${words}, ${row.text}\n`;
}
