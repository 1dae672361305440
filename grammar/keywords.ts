/**
 * The words of conntrackd.conf: those that open a clause (clauses.ts), and those within one.
 *
 * A keyword is case-sensitive and is a keyword wherever it stands: an interface called `Port`
 * cannot be written. Synonyms are the same token under an older spelling; nothing warns about them.
 */

import { clauseRows } from "./clauses.ts";

export interface Keyword {
  readonly spelling: string;
  readonly synonyms: readonly string[];
  /** One line for people: what it is for. */
  readonly help: string;
}

function row(spelling: string, help: string, ...synonyms: string[]): Keyword {
  return { spelling, help, synonyms };
}

/** Keywords that stand within a clause. */
export const innerKeywords: readonly Keyword[] = [
  row("From", "Where a filter runs: `Userspace` or `Kernelspace`."),
  row("Userspace", "Filter in the daemon."),
  row("Kernelspace", "Filter in the kernel, before events reach the daemon."),
  row("Accept", "Only flows in the list pass."),
  row("Ignore", "Flows in the list are ignored."),
  row("Default", "The link to start with."),
  row("for", "Ends a group of states: `ESTABLISHED for TCP`."),
  row("SYN_SENT", "TCP state: the first SYN was seen."),
  row("SYN_RECV", "TCP state: SYN and ACK were seen."),
  row("ESTABLISHED", "TCP state: the handshake is complete."),
  row("FIN_WAIT", "TCP state: the first FIN was seen."),
  row("CLOSE_WAIT", "TCP state: the first FIN was acknowledged."),
  row("LAST_ACK", "TCP state: the second FIN was seen."),
  row("TIME_WAIT", "TCP state: the last ACK was seen."),
  row("CLOSE", "TCP state: closed by RST.", "CLOSED"),
  row("LISTEN", "TCP state: SYN from both sides."),
];

/** Words that are tokens in any letter case. */
export const modeWords: ReadonlySet<string> = new Set(["FTFW", "ALARM", "NOTRACK"]);

const opening = new Map<string, Keyword>();
const legacy = new Set<string>();
for (const { keyword, synonyms, help, legacy: isLegacy } of clauseRows) {
  if (keyword === undefined || modeWords.has(keyword) || opening.has(keyword)) continue;
  if (isLegacy) legacy.add(keyword);
  else opening.set(keyword, { spelling: keyword, synonyms, help });
}

/** Each spelling once. */
export const keywords: readonly Keyword[] = [...opening.values(), ...innerKeywords];

const words = new Set(keywords.map(({ spelling }) => spelling));

/** Spellings that open a clause of an older release only, and are plain words elsewhere. */
export const legacyWords: readonly string[] = [...legacy].filter((word) => !words.has(word));
