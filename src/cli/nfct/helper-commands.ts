/**
 * `nfct … helper`: what each command takes, and the request it becomes.
 *
 * Described in: doc/nfct.md, "Helpers".
 */
import {
  findHelper,
  type HelperKey,
  type HelperRequest,
  type KnownHelper,
} from "../../netlink/userspace-helper.ts";
import { Mistake, NAME } from "./mistake.ts";
import { atMost, nameBytes, readFamily } from "./values.ts";
import type { Command } from "./words.ts";

const protocols: Readonly<Record<string, number>> = { tcp: 6, udp: 17 };

/** The request of a command; `second` is the second word of the command line. @throws Mistake */
export function helperRequest(
  command: Command,
  parameters: readonly string[],
  second: string,
): HelperRequest {
  switch (command) {
    case "list":
    case "flush":
      atMost(parameters, 0);
      return { kind: command };
    case "get":
    case "delete":
      if (parameters.length === 0) throw new Mistake("missing helper policy name");
      atMost(parameters, 3);
      return { kind: command, key: readKey(parameters) };
    case "add":
      return { kind: "add", ...readKnown(command, parameters) };
    case "disable":
      return { kind: "disable", key: readKnown(command, parameters).key };
    case "default-set":
    case "default-get":
      throw new Mistake(
        `Unknown command: ${second}`,
        `${NAME}: Missing command`,
        "nfct helper list|add|delete|disable|get|flush [parameters...]",
      );
  }
}

/** A helper that is known, with all that identifies it. */
function readKnown(
  command: "add" | "disable",
  parameters: readonly string[],
): { key: HelperKey; helper: KnownHelper } {
  if (parameters.length < 3) {
    throw new Mistake("missing parameters", `syntax: nfct ${command} helper name family protocol`);
  }
  const key = readKey(parameters.slice(0, 3));
  const helper = findHelper(key.name, key.l4proto ?? 0);
  if (helper === undefined) throw new Mistake("that helper is not supported");
  return { key, helper };
}

function readKey([name = "", family, protocol]: readonly string[]): HelperKey {
  return {
    name: nameBytes(name),
    ...(family === undefined ? {} : { l3proto: readFamily(family) }),
    ...(protocol === undefined ? {} : { l4proto: readProtocol(protocol) }),
  };
}

function readProtocol(word: string): number {
  const number = Object.hasOwn(protocols, word) ? protocols[word] : undefined;
  if (number === undefined) throw new Mistake("unsupported layer 4 protocol");
  return number;
}
