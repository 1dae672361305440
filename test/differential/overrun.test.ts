/**
 * Bursts of new flows into both daemons at once: where the reference keeps up, ours keeps up. No times, no rates: the
 * machine may be slow, but it is the same for both.
 */
import { afterEach, expect, it } from "vitest";
import { runJob } from "../../bench/job.ts";
import type { DaemonKind } from "../../lab/conntrackd.ts";
import { waitFor } from "../../lab/wait.ts";
import { describeOnKernel } from "../support/requirements.ts";
import { kinds, Twins } from "../support/twins.ts";

const BURSTS = [100, 1000, 5000] as const;

/** Event buffers: what the daemons take unasked, and one of 2 MB that may grow. */
const buffers = [
  ["the buffer of each daemon's own", {}],
  ["NetlinkBufferSize 2097152", { bufferBytes: 2 << 20 }],
] as const;

describeOnKernel("bursts beside the reference", ["ours", "reference"], () => {
  let twins: Twins | undefined;
  afterEach(() => {
    twins?.destroy();
    twins = undefined;
  });

  for (const [name, config] of buffers) {
    it(`${name}: ours loses events nowhere where the reference loses none`, async () => {
      const at = await Twins.start({ config });
      twins = at;
      // The generator's flows go to 10.77.0.0/20: out of a device that asks for no neighbours, into nothing. No
      // address may be the broadcast address of a network.
      await at.fw.ip([
        "link set wan0 arp off",
        "addr del 10.77.0.1/24 dev wan0",
        "addr add 10.78.0.1/32 dev wan0",
        "route add 10.77.0.0/16 dev wan0",
      ]);
      const outcomes: string[] = [];
      let first = 0;
      for (const count of BURSTS) {
        const before = { ours: await lost(at, "ours"), reference: await lost(at, "reference") };
        await runJob(at.fw, "udp", { count, first, rate: 0 });
        first += count;
        await caughtUp(at);
        const ours = (await lost(at, "ours")) - before.ours;
        const reference = (await lost(at, "reference")) - before.reference;
        outcomes.push(`${count}: ours ${ours}, reference ${reference}`);
        if (reference === 0) expect(ours, outcomes.join("; ")).toBe(0);
        if (ours === 0) expect(await known(at, "ours")).toBeGreaterThanOrEqual(first);
      }
      // A burst of 100 fits any buffer: something was compared.
      expect(outcomes[0]).toBe("100: ours 0, reference 0");
      if ((await lost(at, "ours")) === 0) {
        expect(at.daemons.ours.log()).not.toMatch(/has been doubled|cannot be doubled/);
      }
    });
  }
});

async function lost(twins: Twins, kind: DaemonKind): Promise<number> {
  const text = await twins.daemons[kind].commandOk("-s", "runtime");
  return Number(/netlink overrun:\s+(\d+)/.exec(text)?.[1]);
}

/** Flows that a daemon knows of. */
async function known(twins: Twins, kind: DaemonKind): Promise<number> {
  return (await twins.daemons[kind].caches()).internal;
}

/** Both have taken everything that happened before; a mark that falls into an overrun is repeated. */
async function caughtUp(twins: Twins): Promise<void> {
  const isSettled = () =>
    twins.settle().then(
      () => true,
      () => false,
    );
  await waitFor(isSettled, { what: `${kinds.join(" and ")} to catch up`, timeoutMs: 60_000 });
}
