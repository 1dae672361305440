/** What the clauses of `Helper` mean. Items belong to the next `Type` that closes. */

import { apply, type Clauses, type Reading, toNumber } from "./reading.ts";

/** Helpers by layer-4 protocol; each has one policy, of its own name. */
const known = {
  tcp: ["ftp", "rpc", "sane", "ssdp", "tns"],
  udp: ["amanda", "dhcpv6", "mdns", "rpc", "slp", "ssdp", "tftp"],
} as const;
const maxPolicyName = 16;

function closeType(reading: Reading, [name = "", l3 = "", l4 = ""]: readonly string[]): void {
  const { queueNum = 0, queueLen = 0, policies } = reading.pending;
  reading.pending = { policies: [] };
  if (l3 !== "inet" && l3 !== "inet6") {
    reading.fail("helper-type", "unknown layer 3 protocol");
    return;
  }
  if (l4 !== "tcp" && l4 !== "udp") {
    reading.fail("helper-type", "unknown layer 4 protocol");
    return;
  }
  const names: readonly string[] = known[l4];
  if (!names.includes(name)) {
    reading.fail("helper-type", `Unknown \`${name}' helper`);
    return;
  }
  const stranger = policies.find((policy) => policy.name !== name);
  if (stranger !== undefined) {
    reading.fail("helper-policy", `Unknown policy \`${stranger.name}' in helper configuration`);
    return;
  }
  reading.draft.instances.push({ name, l3, l4, queueNum, queueLen, policies });
  reading.mark(`helper.instances.${reading.draft.instances.length - 1}`);
}

export const helperClauses: Clauses = {
  helper: { leave: ({ draft }) => void (draft.hasHelper = true) },
  setup: apply(({ draft }, { name }) => void (draft.setup = name === "On")),
  helperType: {
    leave: (reading, values) =>
      closeType(
        reading,
        values.map(({ text }) => text),
      ),
  },
  queueNum: apply((reading, value) => void (reading.pending.queueNum ??= toNumber(reading, value))),
  queueLen: apply((reading, value) => void (reading.pending.queueLen ??= toNumber(reading, value))),
  policy: {
    enter: ({ pending }) => void (pending.policy = {}),
    leave: (reading, [value]) => {
      const { pending } = reading;
      const name = value?.text ?? "";
      const limits = pending.policy ?? {};
      if (Object.keys(limits).length === 0) {
        return reading.fail(
          "helper-policy",
          "Helper policy configuration empty, fix your configuration file, please",
        );
      }
      if (name.length > maxPolicyName) {
        return reading.fail(
          "helper-policy",
          `Helper Policy is longer than ${maxPolicyName} characters`,
        );
      }
      pending.policies.push({ name, ...limits });
    },
  },
  expectMax: apply((reading, value) => {
    if (reading.pending.policy) reading.pending.policy.expectMax = toNumber(reading, value);
  }),
  expectTimeout: apply((reading, value) => {
    if (reading.pending.policy) reading.pending.policy.expectTimeout = toNumber(reading, value);
  }),
};
