/**
 * What the clauses of older releases mean today. Each warns in the words of its time and names the
 * form of today; the rewrite is an edit where it can be made without judgement.
 */

import { clauseRow, type Token } from "../../grammar/index.ts";
import { filterClauses, pool } from "./clauses-filter.ts";
import { generalClauses } from "./clauses-general.ts";
import { syncClauses } from "./clauses-sync.ts";
import { type Edit, removal } from "./diagnostic.ts";
import type { Clause, Clauses, Reading } from "./reading.ts";

function say(reading: Reading, text: string, edits: readonly Edit[] = []): void {
  const { legacy = "" } = clauseRow(reading.here.clause);
  reading.warn("legacy-clause", text, {
    reference: "refuses",
    hint: `Today: ${legacy}`,
    ...(edits.length > 0 && { edits }),
  });
}

function span({ offset, text }: Token, by: string): Edit {
  return { offset, end: offset + text.length, text: by };
}

/** Without effect since long ago. */
function gone(words: string): Clause {
  return { enter: (reading) => say(reading, words, removal(reading.text, reading.here)) };
}

/** The same clause under its name of today. */
function renamed(spelling: string, today: Clause | undefined): Clause {
  return {
    enter: (reading, values) => {
      const { keyword } = reading.here;
      const old = keyword?.text ?? "";
      const edits = keyword ? [span(keyword, spelling)] : [];
      say(reading, `\`${old}' is deprecated. Use \`${spelling}' instead`, edits);
      today?.enter?.(reading, values);
    },
  };
}

/** In front of the section, so that its clauses are read before. */
function inGeneral(reading: Reading, clauses: string): Edit {
  const { offset } = reading.section;
  return { offset, end: offset, text: `General {\n    ${clauses}\n}\n` };
}

/** Header and end of a filter around an old list; none where a filter of today says otherwise. */
function wrapped({ draft, here }: Reading, header: string, isFree: boolean): Edit[] {
  const { keyword, body } = here;
  if (!isFree || keyword === undefined || body?.close === undefined) return [];
  const from = draft.filter.from === "kernelspace" ? "Kernelspace" : "Userspace";
  return [
    span(keyword, `General { Filter From ${from} { ${header}`),
    { offset: body.close, end: body.close + 1, text: "} } }" },
  ];
}

const ignoreProtocolName: Clause = {
  enter: (reading, values) => {
    const [value] = values;
    if (value?.name !== "Number")
      return filterClauses["filterProtocolName"]?.enter?.(reading, values);
    const number = Number(value.text);
    if (number > 255) {
      return reading.warn("unknown-protocol", `protocol number \`${value.text}' is freak`);
    }
    const known = reading.draft.filter.protocol?.protocols;
    if (known?.some((row) => row.number === number)) return;
    const named = [...reading.protocols].find(([, each]) => each === number);
    known?.push({ name: named?.[0] ?? String(number), number });
  },
};

const replicate: Clause = {
  enter: (reading, values) => {
    const target = values.at(-1)?.text ?? "";
    const states = values.slice(0, -2);
    if (!target.startsWith("TCP")) {
      return say(reading, `unsupported protocol \`${target}'`, removal(reading.text, reading.here));
    }
    const { state } = reading.draft.filter;
    const list = `${states.map(({ text }) => text).join(" ")} for TCP`;
    const filter = `Filter {\n        State Accept {\n            ${list}\n        }\n    }`;
    const isFree = reading.draft.filter.from === undefined;
    const edits = isFree
      ? [...removal(reading.text, reading.here), inGeneral(reading, filter)]
      : [];
    say(reading, "the clause `Replicate' is obsolete. Use `Filter' instead", edits);
    reading.draft.filter.state = { tcp: [], logic: "accept", ...state };
    filterClauses["filterStateGroup"]?.enter?.(reading, values);
  },
};

const syncChecksum: Clause = {
  enter: (reading, [value]) => {
    if (value === undefined) return;
    const words = "the use of `Checksum' outside the `Multicast' clause is ambiguous";
    say(reading, words, intoFirstLink(reading, value));
    reading.draft.firstLinkChecksum = value.name === "On";
  },
};

/** A `Checksum` of the section moves into the first link; none where that link is in another section. */
function intoFirstLink(reading: Reading, value: Token): readonly Edit[] {
  const { section, here, draft } = reading;
  const links = section.items.filter(({ clause }) => ["multicast", "udp", "tcp"].includes(clause));
  const before = links.filter(({ offset }) => offset < here.offset).length;
  const [first] = links;
  if (first?.body === undefined || draft.links.length > before) return [];
  if (first.items.some(({ clause }) => clause === "checksum"))
    return removal(reading.text, reading.here);
  const at = (first.body.open ?? 0) + 1;
  return [
    ...removal(reading.text, reading.here),
    { offset: at, end: at, text: `\n        Checksum ${value.text}` },
  ];
}

const statsEventsReliable: Clause = {
  enter: (reading, values) => {
    const clause = `NetlinkEventsReliable ${values[0]?.text ?? "off"}`;
    const edits = [...removal(reading.text, reading.here), inGeneral(reading, clause)];
    say(reading, "`NetlinkEventsReliable' belongs into `General', not into `Stats'", edits);
    generalClauses["netlinkEventsReliable"]?.enter?.(reading, values);
  },
};

export const legacyClauses: Clauses = {
  stripNat: gone("`StripNAT' clause is obsolete, ignoring"),
  ignoreTrafficFor: {
    enter: (reading) => {
      const isFree = reading.draft.filter.address?.logic !== "accept";
      const edits = wrapped(reading, "Address Ignore", isFree);
      say(reading, "the clause `IgnoreTrafficFor' is obsolete. Use `Filter' instead", edits);
      pool(reading);
    },
  },
  ignoreProtocol: {
    enter: (reading) => {
      const { protocol } = reading.draft.filter;
      const hasNumbers = reading.here.items.some(({ values }) => values[0]?.name === "Number");
      const isFree = protocol?.logic !== "accept" && !hasNumbers;
      const edits = wrapped(reading, "Protocol Ignore", isFree);
      say(reading, "the clause `IgnoreProtocol' is obsolete. Use `Filter' instead", edits);
      reading.draft.filter.protocol = { protocols: [], logic: "ignore", ...protocol };
    },
  },
  ignoreProtocolName,
  replicate,
  syncChecksum,
  relaxTransitions: gone(
    "`RelaxTransitions' clause is obsolete. Please, remove it from conntrackd.conf",
  ),
  delayDestroyMessages: gone(
    "`DelayDestroyMessages' clause is obsolete. Please, remove it from conntrackd.conf",
  ),
  listenTo: gone("the clause `ListenTo' is obsolete, ignoring"),
  cacheWriteThrough: gone("`CacheWriteThrough' clause is obsolete, ignoring"),
  destroyTimeout: gone("`DestroyTimeout' is deprecated. Remove it"),
  resendBufferSize: gone("`ResendBufferSize' is deprecated. Use `ResendQueueSize' instead"),
  multicastBacklog: gone(
    "`Backlog' option inside Multicast clause is obsolete. Please, remove it from conntrackd.conf",
  ),
  mcastSndSocketBuffer: renamed("SndSocketBuffer", syncClauses["sndSocketBuffer"]),
  mcastRcvSocketBuffer: renamed("RcvSocketBuffer", syncClauses["rcvSocketBuffer"]),
  family: gone("`Family' is deprecated, ignoring"),
  lockfile: renamed("LockFile", generalClauses["lockFile"]),
  logFileBufferSize: gone("`LogFileBufferSize' is deprecated"),
  statsEventsReliable,
  persistent: {
    enter: (reading) => {
      const { keyword } = reading.here;
      const words =
        "Now `persistent' mode is called `alarm'. Please, update your conntrackd.conf file.";
      say(reading, words, keyword ? [span(keyword, "ALARM")] : []);
      syncClauses["alarm"]?.enter?.(reading, []);
    },
  },
};
