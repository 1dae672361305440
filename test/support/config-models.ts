/** Configurations, as models, with every field; such as a file can say. */
import fc from "fast-check";
import { tcpStates } from "../../src/config/draft.ts";
import { type Model, modelSchema } from "../../src/config/index.ts";

const number = fc.integer({ min: 1, max: 0x7fffffff });
const flag = fc.boolean();
const path = fc.stringMatching(/^\/[a-z0-9.#{};-]{1,40}$/);
const logFile = fc.option(path);
const facility = fc.option(fc.constantFrom(3, 16, 17, 23));
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const logic = fc.constantFrom("accept" as const, "ignore" as const);
const v4 = fc.nat(0xffffffff);
const someOf = <T>(values: readonly T[]) => fc.subarray([...values]);

const filter = fc.record({
  from: fc.constantFrom("userspace" as const, "kernelspace" as const),
  protocol: fc.option(
    fc.record({
      logic,
      protocols: someOf([
        { name: "tcp", number: 6 },
        { name: "udp", number: 17 },
        { name: "icmp", number: 1 },
        { name: "ipv6-icmp", number: 58 },
        { name: "gre", number: 47 },
      ]),
    }),
  ),
  address: fc.option(
    fc.record({
      logic,
      v4Hosts: fc.uniqueArray(v4, { maxLength: 4 }),
      v6Hosts: fc.uniqueArray(bytes(16), { maxLength: 4, selector: String }),
      v4Nets: networks(v4, 31),
      v6Nets: networks(bytes(16), 127),
    }),
  ),
  state: fc.option(fc.record({ logic, tcp: someOf(tcpStates) })),
});

function networks<T>(address: fc.Arbitrary<T>, max: number) {
  const network = fc.record({ address, prefix: fc.integer({ min: 0, max }) });
  const selector = (each: { address: T; prefix: number }) => `${each.address}/${each.prefix}`;
  return fc.uniqueArray(network, { maxLength: 4, selector });
}

const general = fc.record({
  ...{ hashSize: number, hashLimit: number, logFile, syslogFacility: facility, lockFile: path },
  unixPath: fc.oneof(fc.constant(""), path),
  ...{ netlinkBufferSize: number, netlinkBufferSizeMaxGrowth: number },
  netlinkOverrunResync: fc.oneof(fc.constant(-1), number),
  ...{ netlinkEventsReliable: flag, pollSecs: fc.option(number), eventIterationLimit: number },
  systemd: flag,
  scheduler: fc.oneof(
    fc.constant({ policy: "RR" as const, priority: 99, explicit: false }),
    fc.record({
      policy: fc.constantFrom("RR" as const, "FIFO" as const),
      priority: fc.nat(99),
      explicit: fc.constant(true),
    }),
  ),
  filter,
});

function link(kind: "multicast" | "udp" | "tcp", family: 4 | 6) {
  const address = fc.option(bytes(family === 4 ? 4 : 16));
  const isMulticast = kind === "multicast";
  return fc
    .record({
      ...{ kind: fc.constant(kind), isDefault: flag, ifindex: fc.constant(1) },
      ifname: fc.constantFrom("lo", "eth0.100", "br-lan"),
      ...{ localAddress: address, peerAddress: isMulticast ? fc.constant(null) : address },
      mcastInterfaceAddress: isMulticast && family === 4 ? address : fc.constant(null),
      ...{ port: fc.nat(0xffff), sndBuf: number, rcvBuf: number, checksum: flag },
    })
    .map((each) => {
      const addresses = [each.localAddress, each.peerAddress, each.mcastInterfaceAddress];
      return { ...each, family: addresses.some((one) => one !== null) ? family : null };
    });
}

const links = fc
  .tuple(
    fc.constantFrom("multicast" as const, "udp" as const, "tcp" as const),
    fc.constantFrom(4 as const, 6 as const),
  )
  .chain(([kind, family]) => fc.array(link(kind, family), { maxLength: 4 }));

const withoutMode = {
  ...{ disableInternalCache: false, disableExternalCache: false, startupResync: false },
};

/** What no clause of the mode or of the links can say keeps its default. */
const sync = fc
  .record({
    mode: fc.constantFrom("ftfw" as const, "alarm" as const, "notrack" as const, null),
    links,
    ...{ errorQueueLength: number, refreshTime: number, cacheTimeout: number },
    ...{ commitTimeout: number, purgeTimeout: number, resendQueueSize: number },
    ...{ ackWindowSize: number, disableInternalCache: flag, disableExternalCache: flag },
    ...{ startupResync: flag, tcpWindowTracking: flag },
    expectationSync: fc.oneof(
      fc.constant(false as const),
      fc.record({ helpers: someOf(["ftp", "sip", "h.245", "q.931"]) }),
    ),
  })
  .map(({ errorQueueLength, resendQueueSize, ackWindowSize, ...each }) => ({
    ...each,
    ...(each.links[0]?.kind === "tcp" && { errorQueueLength }),
    ...(each.mode === "ftfw" && { resendQueueSize, ackWindowSize }),
    ...(each.mode === null && withoutMode),
    defaultLink: Math.max(
      each.links.findLastIndex(({ isDefault }) => isDefault),
      0,
    ),
    // Neither is committed with the other.
    commitTimeout: each.disableExternalCache && each.mode !== null ? 0 : each.commitTimeout,
  }));

const limits = fc.record({ expectMax: number, expectTimeout: number });
const instance = fc
  .tuple(
    fc.constantFrom(...(["ftp tcp", "rpc udp", "tftp udp", "tns tcp"] as const)),
    fc.constantFrom("inet" as const, "inet6" as const),
    fc.record({ queueNum: number, queueLen: number }),
    fc.option(limits),
  )
  .map(([which, l3, queue, policy]) => {
    const [name = "", l4 = "tcp"] = which.split(" ");
    const policies = policy === null ? [] : [{ name, ...policy }];
    return { name, l3, l4: l4 === "udp" ? ("udp" as const) : ("tcp" as const), ...queue, policies };
  });

/** A file that has the section says all of it; one that has not leaves the defaults. */
export const models: fc.Arbitrary<Model> = fc
  .record({
    runMode: fc.constantFrom("sync" as const, "stats" as const, "none" as const),
    hasHelper: flag,
    general,
    sync,
    stats: fc.record({ logFile, syslogFacility: facility }),
    helper: fc.record({ setup: flag, instances: fc.array(instance, { maxLength: 3 }) }),
  })
  .map(({ runMode, hasHelper, general: g, sync: s, stats, helper }) =>
    modelSchema.parse({
      ...{ runMode, hasHelper, general: g },
      ...(runMode === "sync" && { sync: s }),
      // Two facilities that differ would warn.
      ...(runMode === "stats" && { stats: { ...stats, syslogFacility: g.syslogFacility } }),
      ...(hasHelper && { helper }),
    }),
  );
