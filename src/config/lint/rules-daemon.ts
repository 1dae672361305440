/** Rules about the daemon itself: its task, its files, its scheduling. */

import { unsupported } from "../check.ts";
import type { FileRule } from "./rule.ts";
import { head, headOf, valueText } from "./subject.ts";

const scratchFolders = /^\/(?:tmp|var\/tmp|dev\/shm)\//;
/** Clauses whose value is a path the daemon writes to. */
const pathClauses = ["unixPath", "lockFile", "logFile", "statsLogFile"] as const;

export const daemonRules: readonly FileRule[] = [
  {
    id: "not-in-this-release",
    severity: "error",
    isOurs: true,
    summary: "a clause that this release reads and does not run",
    reason:
      "The daemon refuses to start with it: a clause that is read and ignored would be worse.",
    fix: "Remove it, or run this node with the C daemon for now.",
    example: "Helper {\n    Type ftp inet tcp {\n        QueueNum 1\n    }\n}\n",
    better: "Helper {\n}\n",
    run: ({ config }, report) => {
      const { file, positions } = config.source;
      for (const sentence of unsupported(config)) {
        const [, line, column, words] =
          /:(\d+):(\d+): (.*)$/.exec(sentence.slice(file.length)) ?? [];
        const message = words ?? sentence;
        const place = [...positions.values()].find(
          (each) => each.line === Number(line) && each.column === Number(column),
        );
        const at = place && { offset: place.offset, end: place.offset };
        report({ at, message: message.replace(/\.$/, "") });
      }
    },
  },
  {
    id: "no-task",
    severity: "warning",
    fromAbsence: true,
    summary: "neither `Sync` nor `Stats` nor `Helper`",
    reason: "The daemon starts, answers requests and does nothing: no flow reaches the other node.",
    fix: "Add a `Sync` section with a `Mode` and a link, or a `Stats` section.",
    example: "General {\n    LogFile on\n}\n",
    better: "General {\n    LogFile on\n}\nStats {\n    LogFile on\n}\n",
    run: ({ config, last }, report) => {
      if (config.runMode !== "none" || config.hasHelper) return;
      const message = "the file gives the daemon nothing to do";
      report({ at: headOf(last("general")), message });
    },
  },
  {
    id: "no-control-socket",
    severity: "warning",
    fromAbsence: true,
    summary: "no path for the control socket",
    reason:
      "Nobody can reach the daemon: `conntrackd -c` of a fail-over script fails, and so do `-s`, `-f` and `-k`.",
    fix: "Write `UNIX { Path /var/run/conntrackd.ctl }` into `General`.",
    example: "General {\n    LogFile on\n}\n",
    better: "General {\n    UNIX {\n        Path /var/run/conntrackd.ctl\n    }\n}\n",
    run: ({ config, last }, report) => {
      if (config.general.unixPath !== "") return;
      const at = headOf(last("unix"), last("general"));
      report({ at, message: "no `Path` for the control socket is given" });
    },
  },
  {
    id: "no-log",
    severity: "warning",
    fromAbsence: true,
    summary: "neither a log file nor syslog",
    reason:
      "After `conntrackd -d` every message is lost, the reason of a failed fail-over included.",
    fix: "Write `LogFile on`, or `Syslog on`, into `General`.",
    example: "General {\n    LogFile off\n    Syslog no\n}\n",
    better: "General {\n    LogFile off\n    Syslog on\n}\n",
    run: ({ config: { general }, last }, report) => {
      if (general.logFile !== null || general.syslogFacility !== null) return;
      report({
        at: headOf(last("logFile", "syslog"), last("general")),
        message: "the daemon's messages go nowhere",
      });
    },
  },
  {
    id: "scratch-folder",
    severity: "warning",
    summary: "socket, lock or log in a folder where everybody may write",
    reason:
      "Any user can put a link or a socket of that name there first: root then writes to a file of theirs, or its commands go to their program.",
    fix: "Use /var/run or /var/lock for socket and lock, and /var/log for logs.",
    example: "General {\n    LockFile /tmp/conntrackd.lock\n}\n",
    better: "General {\n    LockFile /var/lock/conntrackd.lock\n}\n",
    run: ({ all }, report) => {
      for (const clause of all(...pathClauses)) {
        const text = valueText(clause);
        if (!scratchFolders.test(text)) continue;
        report({ at: head(clause), message: `everybody may write where \`${text}\` lies` });
      }
    },
  },
  {
    id: "path-used-twice",
    severity: "error",
    summary: "one path for two purposes",
    reason: "The daemon finds its own file in its way, or mixes flows and messages in one log.",
    fix: "Give lock, control socket and each log a path of its own.",
    example:
      "General {\n    LockFile /var/run/conntrackd\n    UNIX {\n        Path /var/run/conntrackd\n    }\n}\n",
    better:
      "General {\n    LockFile /var/run/conntrackd.lock\n    UNIX {\n        Path /var/run/conntrackd.ctl\n    }\n}\n",
    run: ({ last }, report) => {
      const clauses = pathClauses.flatMap((id) => last(id) ?? []);
      for (const [index, clause] of clauses.entries()) {
        const text = valueText(clause);
        const other = clauses.slice(0, index).find((before) => valueText(before) === text);
        if (other === undefined || !text.startsWith("/")) continue;
        report({
          at: head(clause),
          message: `\`${text}\` is already the value of \`${other.keyword?.text}\``,
          related: { at: head(other), message: "here" },
        });
      }
    },
  },
  {
    id: "odd-path",
    severity: "warning",
    summary: "a path that ends in a brace, or holds a comment",
    reason:
      "A path reaches to the next blank: braces, `#` and `;` become part of the file`s name, and a swallowed brace is missed at the end of the file.",
    fix: "Leave a blank behind the path.",
    example: "General {\n    LockFile /var/lock/conntrackd.lock#old\n}\n",
    better: "General {\n    LockFile /var/lock/conntrackd.lock #old\n}\n",
    run: ({ all }, report) => {
      for (const clause of all(...pathClauses)) {
        const text = valueText(clause);
        const at = text.search(/[{}#;'\t]/);
        if (!text.startsWith("/") || at < 0) continue;
        const offset = (clause.values[0]?.offset ?? clause.offset) + at;
        const edits = [{ offset, end: offset, text: " " }];
        const isMeant = /[{}#]/.test(text.charAt(at));
        report({
          at: head(clause),
          message: `\`${text.slice(at)}\` is part of the file's name`,
          ...(isMeant ? { fix: { title: "put a blank there", edits, isSafe: false } } : {}),
        });
      }
    },
  },
  {
    id: "scheduler-without-priority",
    severity: "warning",
    summary: "a `Scheduler` with a `Type` and no `Priority`",
    reason:
      "The priority is then 0, which the kernel refuses: the daemon runs without real-time scheduling and may lose events when the machine is busy.",
    fix: "Add `Priority` from 1 to 99; 1 is enough to come before every normal process.",
    example: "General {\n    Scheduler {\n        Type RR\n    }\n}\n",
    better: "General {\n    Scheduler {\n        Type RR\n        Priority 1\n    }\n}\n",
    run: ({ config, last }, report) => {
      const { explicit, priority, policy } = config.general.scheduler;
      if (!explicit || priority > 0) return;
      const at = headOf(last("schedulerPriority"), last("schedulerType"));
      report({ at, message: `\`Type ${policy}\` stands there with the priority 0` });
    },
  },
  {
    id: "scheduler-without-type",
    severity: "warning",
    summary: "a `Scheduler` with a `Priority` and no `Type`",
    reason: "The priority is ignored.",
    fix: "Add `Type RR` or `Type FIFO`, or remove the section.",
    example: "General {\n    Scheduler {\n        Priority 20\n    }\n}\n",
    better: "General {\n    Scheduler {\n        Type FIFO\n        Priority 20\n    }\n}\n",
    run: ({ config, last }, report) => {
      const clause = last("schedulerPriority");
      if (clause === undefined || config.general.scheduler.explicit) return;
      report({ at: head(clause), message: "this `Priority` has no `Type` and is ignored" });
    },
  },
  {
    id: "scheduler-highest",
    severity: "note",
    summary: "the highest real-time priority",
    reason:
      "At 99 the daemon comes before the kernel's own watchdog and migration threads: should it ever loop, the node freezes instead of failing over.",
    fix: "Use a low priority; 1 already comes before every normal process.",
    example: "General {\n    Scheduler {\n        Type FIFO\n        Priority 99\n    }\n}\n",
    better: "General {\n    Scheduler {\n        Type FIFO\n        Priority 1\n    }\n}\n",
    run: ({ config, last }, report) => {
      const { explicit, priority } = config.general.scheduler;
      if (!explicit || priority < 99) return;
      const message = "the daemon comes before the kernel's own threads";
      report({ at: headOf(last("schedulerPriority")), message });
    },
  },
  {
    id: "stats-without-output",
    severity: "warning",
    fromAbsence: true,
    summary: "`Stats` without a log file and without syslog",
    reason: "Flows are gathered and never written anywhere.",
    fix: "Write `LogFile on`, or `Syslog on`, into `Stats`.",
    example: "Stats {\n}\n",
    better: "Stats {\n    LogFile on\n}\n",
    run: ({ config, last }, report) => {
      const { logFile, syslogFacility } = config.stats;
      if (config.runMode !== "stats" || logFile !== null || syslogFacility !== null) return;
      report({ at: headOf(last("stats")), message: "ended flows are logged nowhere" });
    },
  },
];
