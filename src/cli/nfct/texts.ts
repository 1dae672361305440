/** What `nfct` says about itself. Described in: doc/nfct.md. */
import { NAME } from "./mistake.ts";

interface Row {
  readonly words: string;
  readonly does: string;
}

const rows: readonly Row[] = [
  { words: "list timeout", does: "show all policies" },
  { words: "add timeout NAME FAMILY PROTOCOL STATE SECONDS …", does: "make a policy" },
  { words: "get timeout NAME", does: "show one policy" },
  { words: "delete timeout NAME", does: "remove a policy that no rule uses" },
  { words: "flush timeout", does: "remove all policies that no rule uses" },
  { words: "default-get timeout FAMILY PROTOCOL", does: "show the defaults of this namespace" },
  { words: "default-set timeout FAMILY PROTOCOL STATE SECONDS …", does: "change them" },
  { words: "list helper", does: "show all helpers in user space" },
  { words: "add helper NAME FAMILY PROTOCOL", does: "tell the kernel of a helper" },
  { words: "get helper NAME [FAMILY [PROTOCOL]]", does: "show one helper" },
  { words: "delete helper NAME [FAMILY [PROTOCOL]]", does: "take it back" },
  { words: "disable helper NAME FAMILY PROTOCOL", does: "let the helper rest" },
  { words: "flush helper", does: "take all helpers back" },
  { words: "list version", does: "show the version" },
];

export function helpText(): string {
  const width = Math.max(...rows.map(({ words }) => words.length)) + 2;
  const lines = rows.map(({ words, does }) => `  nfct ${words.padEnd(width)}${does}`);
  return [
    `${NAME}: timeout policies and helpers of connection tracking`,
    "Usage: nfct command subsystem [parameters]...",
    "",
    ...lines,
    "",
    "FAMILY is inet or inet6. Words may be cut short, and command and subsystem change places.",
    "",
  ].join("\n");
}

/** The first line is the reference's; scripts read the number out of it. */
export function versionText(own: string): string {
  return `${NAME}: utility for the Netfilter's Connection Tracking System
Flowkeeper ${own}, a reimplementation
`;
}
