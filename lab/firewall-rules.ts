/**
 * The rule-set of a lab firewall: it translates, and it lets a packet in the middle of a connection through only if it
 * knows the connection. So a connection that survives a fail-over proves that its state was replicated and committed.
 */

export interface RuleSettings {
  readonly inside: string;
  readonly outside: string;
  readonly sync: string;
  /** Addresses that the inside is translated to, one for each family in use. */
  readonly translateTo: readonly string[];
  /** Servers whose clients are translated to an address of their own. */
  readonly translateFor?: Readonly<Record<string, string>>;
}

/** Counts packets that belong to no known connection. */
export const MIDSTREAM_COUNTER = "midstream";

export function firewallRules(settings: RuleSettings): string {
  const { inside, outside, sync, translateTo, translateFor = {} } = settings;
  // Random ports: a flow keeps its translated port only if the translation itself was replicated.
  const translations = translateTo.map((address) => {
    const family = address.includes(":") ? "ip6" : "ip";
    return `    oifname "${outside}" meta nfproto ${family === "ip" ? "ipv4" : "ipv6"} meta l4proto { tcp, udp } snat ${family} to ${address} fully-random`;
  });
  const special = Object.entries(translateFor).map(
    ([server, address]) =>
      `    oifname "${outside}" ip daddr ${server} meta l4proto { tcp, udp } snat ip to ${address} fully-random`,
  );
  return `table inet lab {
  counter ${MIDSTREAM_COUNTER} { }
  chain untracked {
    type filter hook prerouting priority raw; policy accept;
    iifname "${sync}" notrack
  }
  chain untracked_out {
    type filter hook output priority raw; policy accept;
    oifname "${sync}" notrack
  }
  chain forward {
    type filter hook forward priority filter; policy drop;
    ct state established,related accept
    ct state invalid counter name ${MIDSTREAM_COUNTER} drop
    iifname "${inside}" ct state new tcp flags & (fin | syn | rst | ack) == syn accept
    iifname "${inside}" ct state new meta l4proto { udp, icmp, ipv6-icmp } accept
    counter name ${MIDSTREAM_COUNTER}
  }
  chain input {
    type filter hook input priority filter; policy drop;
    iifname { "lo", "${sync}" } accept
    meta l4proto { icmp, ipv6-icmp, vrrp } accept
    ct state established,related accept
    counter name ${MIDSTREAM_COUNTER}
  }
  chain translation {
    type nat hook postrouting priority srcnat; policy accept;
${[...special, ...translations].join("\n")}
  }
}
`;
}
