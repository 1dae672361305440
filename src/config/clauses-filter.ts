/** What the clauses of `Filter` mean. Blocks add up; the last word of each criterion decides. */

import type { Token } from "../../grammar/index.ts";
import { ipv4Number, parseIpv4, parseIpv6, partAtPrefix } from "./address.ts";
import { type TcpState, tcpStates } from "./draft.ts";
import type { Logic } from "./model.ts";
import { apply, type Clauses, type Reading, wrapped } from "./reading.ts";

function logicOf([value]: readonly Token[]): Logic {
  return value?.name === "Accept" ? "accept" : "ignore";
}

/** Address and prefix; the prefix is a signed 32-bit number, as the reference prints it. */
function network(reading: Reading, text: string, version: 4 | 6): Network | undefined {
  const { address, digits } = partAtPrefix(text);
  const bits = version === 4 ? 32 : 128;
  const prefix = digits === undefined ? bits : wrapped(digits);
  if (prefix < 0 || prefix > bits) {
    reading.warn("invalid-network", `${address}/${prefix} is not a valid network, ignoring`);
    return undefined;
  }
  const bytes = version === 4 ? parseIpv4(address) : parseIpv6(address);
  if (bytes === undefined) {
    reading.warn("invalid-address", `${address} is not a valid IPv${version}, ignoring`);
    return undefined;
  }
  return { address, bytes, prefix };
}

interface Network {
  readonly address: string;
  readonly bytes: Uint8Array;
  readonly prefix: number;
}

/** Hosts may be repeated in silence, networks may not. */
function isRepeated(reading: Reading, { address, bytes, prefix }: Network): boolean {
  const key = `${bytes.join(".")}/${prefix}`;
  if (!reading.filtered.has(key)) {
    reading.filtered.add(key);
    return false;
  }
  if (prefix < bytes.length * 8) {
    reading.warn("repeated-network", `netmask ${address} is repeated in the ignore pool`);
  }
  return true;
}

/** The addresses so far; the list counts from its first mention. */
export function pool(reading: Reading) {
  return (reading.draft.filter.address ??= {
    ...{ logic: "ignore", v4Hosts: [], v6Hosts: [], v4Nets: [], v6Nets: [] },
  });
}

export const filterClauses: Clauses = {
  filter: {
    enter: ({ draft, mark }, [, where]) => {
      draft.filter.from = where?.name === "Kernelspace" ? "kernelspace" : "userspace";
      mark("general.filter");
    },
  },
  filterProtocol: {
    enter: ({ draft }, values) => {
      draft.filter.protocol = { protocols: [], ...draft.filter.protocol, logic: logicOf(values) };
    },
  },
  filterProtocolName: apply((reading, { name, text }) => {
    const word = name === "Word" ? text : text.toLowerCase();
    const number = reading.protocols.get(word);
    if (number === undefined) {
      const said = `getprotobyname() cannot find protocol \`${text}' in /etc/protocols`;
      return reading.warn(
        "unknown-protocol",
        said,
        reading.suggest(word, reading.protocols.keys()),
      );
    }
    const known = reading.draft.filter.protocol?.protocols;
    if (!known?.some((row) => row.number === number)) known?.push({ name: word, number });
  }),
  filterAddress: { enter: (reading, values) => void (pool(reading).logic = logicOf(values)) },
  filterIpv4: apply((reading, { text }) => {
    const found = network(reading, text, 4);
    if (!found) return;
    const { v4Hosts, v4Nets } = pool(reading);
    const address = ipv4Number(found.bytes);
    if (isRepeated(reading, found)) return;
    if (found.prefix === 32) v4Hosts.push(address);
    else v4Nets.push({ address, prefix: found.prefix });
  }),
  filterIpv6: apply((reading, { text }) => {
    const found = network(reading, text, 6);
    if (!found) return;
    const { v6Hosts, v6Nets } = pool(reading);
    if (isRepeated(reading, found)) return;
    if (found.prefix === 128) v6Hosts.push(found.bytes);
    else v6Nets.push({ address: found.bytes, prefix: found.prefix });
  }),
  filterState: {
    enter: ({ draft }, values) => {
      draft.filter.state = { tcp: [], ...draft.filter.state, logic: logicOf(values) };
    },
  },
  filterStateGroup: apply(({ draft }, _first, values) => {
    const known = draft.filter.state?.tcp;
    const isState = (name: string): name is TcpState =>
      (tcpStates as readonly string[]).includes(name);
    for (const { name } of values) if (isState(name) && !known?.includes(name)) known?.push(name);
  }),
};
