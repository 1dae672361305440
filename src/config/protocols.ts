/**
 * Names of layer-4 protocols: the text of a protocols database, and a table for when there is none.
 * Names are case-sensitive, aliases count as names.
 */

/** Numbers assigned by IANA; the names are those a filter usually says. */
const builtIn: readonly (readonly [number, ...string[]])[] = [
  [1, "icmp", "ICMP"],
  [2, "igmp", "IGMP"],
  [4, "ipencap", "IP-ENCAP"],
  [6, "tcp", "TCP"],
  [17, "udp", "UDP"],
  [33, "dccp", "DCCP"],
  [41, "ipv6", "IPv6"],
  [47, "gre", "GRE"],
  [50, "esp", "IPSEC-ESP"],
  [51, "ah", "IPSEC-AH"],
  [58, "ipv6-icmp", "IPv6-ICMP"],
  [94, "ipip", "IPIP"],
  [112, "vrrp", "VRRP"],
  [132, "sctp", "SCTP"],
  [136, "udplite", "UDPLite"],
];

export type ProtocolTable = ReadonlyMap<string, number>;

/**
 * @param database Content of a protocols file: name, number, aliases; `#` starts a comment.
 *   Names it lacks are taken from the built-in table.
 */
export function protocolTable(database = ""): ProtocolTable {
  const table = new Map<string, number>();
  const add = (name: string, number: number) => table.has(name) || table.set(name, number);
  for (const line of database.split("\n")) {
    const [name, number, ...aliases] = line.replace(/#.*/, "").trim().split(/\s+/);
    if (name === undefined || number === undefined || !/^\d{1,3}$/.test(number)) continue;
    if (Number(number) > 255) continue;
    for (const word of [name, ...aliases]) add(word, Number(number));
  }
  for (const [number, ...names] of builtIn) for (const name of names) add(name, number);
  return table;
}
