/** Names of protocols in the system's database: `esp`, `ospf`, `ipv6-icmp`. Read when one is asked for. */
import { readFileSync } from "node:fs";
import { type ProtocolTable, protocolTable } from "../../config/protocols.ts";

const DATABASE = "/etc/protocols";
let table: ProtocolTable | undefined;

export function systemProtocol(name: string): number | undefined {
  table ??= protocolTable(readDatabase());
  return table.get(name);
}

function readDatabase(): string {
  try {
    return readFileSync(DATABASE, "latin1");
  } catch {
    return ""; // Small systems have none; the table brings the usual names.
  }
}
