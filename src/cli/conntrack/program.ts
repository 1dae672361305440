/**
 * The program `conntrack`: words to a command, its checks, and whoever carries it out.
 *
 * Described in: doc/conntrack.md.
 */
import { writeErrText, writeOutText } from "../../runtime/standard-output.ts";
import { wantsColor } from "./color.ts";
import type { Command } from "./command.ts";
import { Context } from "./context.ts";
import { Failure } from "./failure.ts";
import { needsLabels, readLabelMap, resolveLabels } from "./labels.ts";
import { checkLegality } from "./legality.ts";
import { systemProtocol } from "./protocol-database.ts";
import { CommandReader } from "./reading.ts";
import { usageText, versionText } from "./usage.ts";

export const PROGRAM_NAME = "conntrack";

/** Runs the command line and gives the exit status; undefined while events are followed. */
export async function conntrack(args: readonly string[], version: string): Promise<number> {
  try {
    if ((args[0] === "-R" || args[0] === "--load-file") && args[1] !== undefined) {
      const { loadFile } = await import("./load-file.ts");
      return await loadFile(args[1]);
    }
    const reader = new CommandReader({
      warn: (line) => writeErrText(`${line}\n`),
      protocolNumber: systemProtocol,
    });
    const command = reader.read([PROGRAM_NAME, ...args]);
    const map = needsLabels(command) ? readLabelMap(command.labelMapFile) : undefined;
    resolveLabels(command, map);
    checkLegality(command);
    if (command.verb === "version") {
      writeOutText(
        versionText(
          version,
          args.some((word) => word.startsWith("--v")),
        ),
      );
      return 0;
    }
    if (command.verb === undefined || command.verb === "help") {
      writeOutText(usageText(command));
      return 0;
    }
    if (command.color !== "never") command.isColored = wantsColor(command);
    return await execute(command, new Context(map));
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    writeErrText(error.lines);
    return error.exit;
  }
}

/** Each verb's part is loaded by whoever says it: most of the program is for other verbs. */
async function execute(command: Command, context: Context): Promise<number> {
  if (command.isOnExpectations) return executeOnExpectations(command, context);
  switch (command.verb) {
    case "list":
      return (await import("./list.ts")).listFlows(command, context);
    case "get":
      return (await import("./list.ts")).getFlow(command, context);
    case "delete":
      return (await import("./delete.ts")).deleteFlows(command, context);
    case "create":
    case "add":
      return (await import("./create.ts")).createFlow(command, context);
    case "update":
      return (await import("./update.ts")).updateFlows(command, context);
    case "events":
      return (await import("./events.ts")).followFlows(command, context);
    case "flush":
      return (await import("./flush.ts")).flushTable(command, context);
    case "count":
      return (await import("./statistics.ts")).countFlows(command, context);
    case "statistics":
      return (await import("./statistics.ts")).printStatistics(command, context);
    default:
      return 0;
  }
}

async function executeOnExpectations(command: Command, context: Context): Promise<number> {
  switch (command.verb) {
    case "flush":
      return (await import("./flush.ts")).flushTable(command, context);
    case "statistics":
      return (await import("./statistics.ts")).printStatistics(command, context);
    case "events":
      return (await import("./events.ts")).followExpectations(command);
  }
  const expectations = await import("./expectations.ts");
  switch (command.verb) {
    case "list":
      return expectations.listExpectations(command, context);
    case "get":
      return expectations.getExpectationOf(command, context);
    case "delete":
      return expectations.deleteExpectationOf(command, context);
    case "create":
      return expectations.createExpectationOf(command, context);
    case "count":
      return expectations.countExpectations(command, context);
    default:
      return 0;
  }
}
