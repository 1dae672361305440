/** The label map: read where a command needs it, and the names of a command turned into bits. */
import { readFileSync } from "node:fs";
import { errnoText } from "../../../native/index.ts";
import { LabelMap } from "../../flow/label-map.ts";
import { writeErrText } from "../../runtime/standard-output.ts";
import { type Command, Output } from "./command.ts";
import { usageFailure } from "./failure.ts";
import { optionBit } from "./legality.ts";

export const LABEL_FILE = "/etc/xtables/connlabel.conf";

const LABEL_OPTIONS = optionBit("label", "label-add", "label-del");

/** Whether labels are spoken of: only then is the file opened. */
export function needsLabels(command: Command): boolean {
  return (command.options & LABEL_OPTIONS) !== 0 || command.printsAs(Output.labels);
}

/** A file that cannot be read is no failure by itself: its names are unknown. */
export function readLabelMap(file = LABEL_FILE): LabelMap | undefined {
  const complain = (reason: string) => writeErrText(`nfct_labelmap_new: ${reason}\n`);
  let map: LabelMap;
  try {
    map = new LabelMap(readFileSync(file, "latin1"));
  } catch (error) {
    complain(errnoText((error as NodeJS.ErrnoException).errno ?? 0));
    return undefined;
  }
  if (map.size > 0) return map;
  complain("Success");
  return undefined;
}

/** @throws Failure for a name that the map lacks */
export function resolveLabels(command: Command, map: LabelMap | undefined): void {
  const bit = (name: string): number => {
    const found = map?.bit(name);
    if (found === undefined) throw usageFailure(`unknown label '${name}'`);
    return found;
  };
  for (const name of command.labels) command.template.addLabel(bit(name));
  command.addBits = command.labelsToAdd.map(bit);
  command.clearBits = command.labelsToClear.map(bit);
  if (command.verb !== "create" && command.verb !== "add") return;
  for (const each of command.addBits) command.template.addLabel(each);
}
