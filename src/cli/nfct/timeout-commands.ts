/**
 * `nfct … timeout`: what each command takes, and the request it becomes.
 *
 * Described in: doc/nfct.md, "Timeout policies".
 */
import { decimalPrefix } from "../../kit/c-number.ts";
import {
  GENERIC_PROTOCOL,
  type TimeoutPolicy,
  type TimeoutRequest,
  timeoutStates,
} from "../../netlink/timeout-policy.ts";
import { Mistake } from "./mistake.ts";
import { atMost, nameBytes, readFamily } from "./values.ts";
import type { Command } from "./words.ts";

/** Looks a protocol up by its name, in the system's database. */
export type FindProtocol = (name: string) => number | undefined;

const syntax = {
  add: "syntax: nfct add timeout name family protocol state1 timeout1 ...",
  "default-set": "syntax: nfct default-set timeout family protocol state1 timeout1...",
  "default-get": "syntax: nfct default-get timeout family protocol",
} as const;

/** The request of a command. @throws Mistake */
export function timeoutRequest(
  command: Command,
  parameters: readonly string[],
  findProtocol: FindProtocol,
): TimeoutRequest {
  const [first = "", second = "", third = "", ...rest] = parameters;
  switch (command) {
    case "list":
    case "flush":
      atMost(parameters, 0);
      return { kind: command };
    case "get":
    case "delete":
      if (parameters.length === 0) throw new Mistake("missing timeout policy name");
      atMost(parameters, 1);
      return { kind: command, name: nameBytes(first) };
    case "add": {
      need(parameters, 3, syntax.add);
      const policy = readPolicy(second, third, rest, findProtocol);
      return { kind: "add", policy: { name: nameBytes(first), ...policy } };
    }
    case "default-set":
      need(parameters, 3, syntax["default-set"]);
      return {
        kind: "default-set",
        policy: readPolicy(first, second, parameters.slice(2), findProtocol),
      };
    case "default-get":
      need(parameters, 2, syntax["default-get"]);
      return {
        kind: "default-get",
        l3proto: readFamily(first),
        l4proto: readProtocol(second, findProtocol),
      };
    case "disable":
      throw new Mistake(
        "Missing command",
        "nfct <list|add|delete|get|default-set|default-get|flush> timeout [<parameters>, ...]",
      );
  }
}

function need(parameters: readonly string[], count: number, line: string): void {
  if (parameters.length < count) throw new Mistake("missing parameters", line);
}

function readPolicy(
  family: string,
  protocol: string,
  pairs: readonly string[],
  findProtocol: FindProtocol,
): TimeoutPolicy {
  const l3proto = readFamily(family);
  const l4proto = readProtocol(protocol, findProtocol);
  const names = timeoutStates(l4proto);
  const seconds = new Map<number, number>();
  for (let i = 0; i < pairs.length; i += 2) {
    const [state = "", value] = pairs.slice(i, i + 2);
    if (value === undefined) throw new Mistake("missing value for this timeout");
    const place = names.indexOf(state.toUpperCase());
    if (place < 0) throw new Mistake(`Wrong state name: \`${state}' for protocol \`${protocol}'`);
    seconds.set(place + 1, decimalPrefix(value));
  }
  return { l3proto, l4proto, seconds };
}

/** Protocols that the system's database may lack. */
const more: Readonly<Record<string, number>> = { icmpv6: 58, generic: GENERIC_PROTOCOL };

function readProtocol(name: string, findProtocol: FindProtocol): number {
  const number = findProtocol(name) ?? (Object.hasOwn(more, name) ? more[name] : undefined);
  if (number === undefined) throw new Mistake("unknown layer 4 protocol");
  return number;
}
