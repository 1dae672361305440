/**
 * The program `conntrack`: words to a command, its checks, and whoever carries it out.
 *
 * Described in: doc/conntrack.md.
 */
import { writeErrText, writeOutText } from "../../runtime/standard-output.ts";
import { wantsColor } from "./color.ts";
import type { Command } from "./command.ts";
import { Context } from "./context.ts";
import { createFlow } from "./create.ts";
import { deleteFlows } from "./delete.ts";
import { followExpectations, followFlows } from "./events.ts";
import {
  countExpectations,
  createExpectationOf,
  deleteExpectationOf,
  getExpectationOf,
  listExpectations,
} from "./expectations.ts";
import { Failure } from "./failure.ts";
import { flushTable } from "./flush.ts";
import { needsLabels, readLabelMap, resolveLabels } from "./labels.ts";
import { checkLegality } from "./legality.ts";
import { getFlow, listFlows } from "./list.ts";
import { loadFile } from "./load-file.ts";
import { systemProtocol } from "./protocol-database.ts";
import { CommandReader } from "./reading.ts";
import { countFlows, printStatistics } from "./statistics.ts";
import { updateFlows } from "./update.ts";
import { usageText, versionText } from "./usage.ts";

export const PROGRAM_NAME = "conntrack";

/** Runs the command line and gives the exit status; undefined while events are followed. */
export async function conntrack(args: readonly string[], version: string): Promise<number> {
  try {
    if ((args[0] === "-R" || args[0] === "--load-file") && args[1] !== undefined) {
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

function execute(command: Command, context: Context): number | Promise<number> {
  if (command.isOnExpectations) return executeOnExpectations(command, context);
  switch (command.verb) {
    case "list":
      return listFlows(command, context);
    case "get":
      return getFlow(command, context);
    case "delete":
      return deleteFlows(command, context);
    case "create":
    case "add":
      return createFlow(command, context);
    case "update":
      return updateFlows(command, context);
    case "events":
      return followFlows(command, context);
    case "flush":
      return flushTable(command, context);
    case "count":
      return countFlows(command, context);
    case "statistics":
      return printStatistics(command, context);
    default:
      return 0;
  }
}

function executeOnExpectations(command: Command, context: Context): number | Promise<number> {
  switch (command.verb) {
    case "list":
      return listExpectations(command, context);
    case "get":
      return getExpectationOf(command, context);
    case "delete":
      return deleteExpectationOf(command, context);
    case "create":
      return createExpectationOf(command, context);
    case "events":
      return followExpectations(command);
    case "count":
      return countExpectations(command, context);
    case "flush":
      return flushTable(command, context);
    case "statistics":
      return printStatistics(command, context);
    default:
      return 0;
  }
}
