/** What the clauses of `General` and `Stats` mean. */

import type { Token } from "../../grammar/index.ts";
import { removal } from "./diagnostic.ts";
import {
  apply,
  type Clauses,
  numberClause,
  type Reading,
  switchClause,
  toNumber,
} from "./reading.ts";

const daemonFacility = 3;
const facilities = ["daemon", ...Array.from({ length: 8 }, (_, i) => `local${i}`)];

function facilityOf(word: string): number | undefined {
  if (word === "daemon") return daemonFacility;
  return /^local[0-7]$/.test(word) ? 16 + Number(word[5]) : undefined;
}

function syslog(section: "general" | "stats", ending: string) {
  return apply((reading, { name, text }) => {
    const { [section]: own, [section === "general" ? "stats" : "general"]: other } = reading.draft;
    reading.mark(`${section}.syslogFacility`);
    if (name !== "Word") {
      own.syslogFacility = name === "On" ? daemonFacility : null;
      return;
    }
    const facility = facilityOf(text);
    if (facility === undefined) {
      const words = `'${text}' is not a known syslog facility, ignoring${ending}`;
      return reading.warn("unknown-facility", words, reading.suggest(text, facilities));
    }
    own.syslogFacility = facility;
    if ((other.syslogFacility ?? facility) !== facility) {
      reading.warn(
        "conflicting-facility",
        "conflicting Syslog facility values, defaulting to General",
      );
    }
  });
}

/** Carriage returns and tabs before the line's end are no part of anyone's file name. */
function fileName(text: string): string {
  return new TextDecoder().decode(latin1(text.replace(/[\r\t]+$/, "")));
}

function latin1(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** Undefined after saying what is wrong. The limit counts bytes. */
function checkedPath(reading: Reading, { text, offset }: Token, max: number, name: string) {
  const kept = text.replace(/[\r\t]+$/, "").length;
  if (kept < text.length) {
    const edits = [{ offset: offset + kept, end: offset + text.length, text: "" }];
    reading.note("path-end", "a tab or carriage return follows the path", {
      ...{ edits, reference: "misreads" },
    });
  }
  if (kept > max) {
    reading.fail("long-path", `${name} is longer than ${max} characters`);
    return undefined;
  }
  return fileName(text);
}

function logFile(section: "general" | "stats", name: string, standard: string) {
  return apply((reading, value) => {
    reading.mark(`${section}.logFile`);
    const { [section]: own } = reading.draft;
    if (value.name === "Off") {
      if (own.logFile) reading.note("log-off", "an earlier `LogFile' is switched off", misread);
      own.logFile = null;
    } else if (value.name === "On") own.logFile = standard;
    else own.logFile = checkedPath(reading, value, 256, `${name} path`) ?? null;
  });
}

const misread = { reference: "misreads" } as const;

/** Without effect, so that it can go. */
function deprecated(words: string) {
  return apply((reading) =>
    reading.warn("deprecated-clause", words, {
      edits: removal(reading.text, reading.here),
    }),
  );
}

export const generalClauses: Clauses = {
  hashSize: numberClause("general.hashSize", (d, n) => (d.general.hashSize = n)),
  hashLimit: numberClause("general.hashLimit", (d, n) => (d.general.hashLimit = n)),
  logFile: logFile("general", "LogFile", "/var/log/conntrackd.log"),
  syslog: syslog("general", ""),
  lockFile: apply((reading, value) => {
    reading.mark("general.lockFile");
    reading.draft.general.lockFile = checkedPath(reading, value, 256, "LockFile path");
  }),
  unixPath: apply((reading, value) => {
    reading.mark("general.unixPath");
    reading.draft.general.unixPath = checkedPath(reading, value, 107, "Path");
  }),
  unixBacklog: deprecated("deprecated unix backlog configuration, ignoring."),
  netlinkBufferSize: numberClause(
    "general.netlinkBufferSize",
    (d, n) => (d.general.netlinkBufferSize = n),
  ),
  netlinkBufferSizeMaxGrowth: numberClause(
    "general.netlinkBufferSizeMaxGrowth",
    (d, n) => (d.general.netlinkBufferSizeMaxGrowth = n),
  ),
  eventIterationLimit: numberClause(
    "general.eventIterationLimit",
    (d, n) => (d.general.eventIterationLimit = n),
  ),
  pollSecs: apply((reading, value) => {
    const seconds = toNumber(reading, value);
    reading.mark("general.pollSecs");
    if (seconds === 0) return reading.fail("poll-interval", "`PollSecs' clause must be > 0");
    reading.draft.general.pollSecs = seconds;
  }),
  netlinkOverrunResync: apply((reading, value) => {
    const seconds = { On: 30, Off: -1 }[value.name] ?? toNumber(reading, value);
    reading.draft.general.netlinkOverrunResync = seconds;
    reading.mark("general.netlinkOverrunResync");
  }),
  netlinkEventsReliable: switchClause(
    "general.netlinkEventsReliable",
    (d, on) => (d.general.netlinkEventsReliable = on),
  ),
  nice: deprecated(
    "deprecated nice configuration, ignoring. The nice value can be set externally with nice(1) and renice(1).",
  ),
  schedulerType: apply((reading, { text }) => {
    const policy = text.toUpperCase();
    reading.mark("general.scheduler");
    if (policy !== "RR" && policy !== "FIFO")
      return reading.fail("scheduler", `unknown scheduler \`${text}'`);
    const priority = reading.draft.schedulerPriority ?? 0;
    reading.draft.general.scheduler = { policy, priority, explicit: true };
  }),
  schedulerPriority: apply((reading, value) => {
    const priority = toNumber(reading, value);
    if (priority > 99) return reading.fail("scheduler", "`Priority' must be [0, 99]\n");
    reading.draft.schedulerPriority = priority;
    const { scheduler } = reading.draft.general;
    if (scheduler) scheduler.priority = priority;
  }),
  systemd: switchClause("general.systemd", (d, on) => (d.general.systemd = on)),
  stats: { leave: (reading) => enterMode(reading, "stats") },
  statsLogFile: logFile("stats", "stats LogFile", "/var/log/conntrackd-stats.log"),
  statsSyslog: syslog("stats", "."),
};

/** At the closing brace of `Sync` or `Stats`. */
export function enterMode(reading: Reading, mode: "sync" | "stats"): void {
  const { runMode } = reading.draft;
  reading.mark(mode);
  reading.draft.runMode = mode;
  if (runMode !== undefined && runMode !== mode) {
    reading.fail("mixed-sections", "cannot use both `Stats' and `Sync' clauses in conntrackd.conf");
  }
}
