/**
 * keepalived on the firewalls of a lab cluster: VRRP over the client's network moves the virtual addresses and calls the
 * fail-over script. Advertisements ten times a second, so that a test notices a dead firewall within half a second.
 */
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { addresses, type Cluster, type Firewall } from "./cluster.ts";
import { findProgram } from "./netns.ts";

/** The program, or undefined where it is not installed. */
export function findKeepalived(): string | undefined {
  return findProgram("keepalived");
}

/**
 * Starts keepalived on one firewall, in the foreground: it ends with the lab. In a shared cluster each firewall is the
 * first choice for one pair of addresses, and takes it back when it returns.
 */
export function startKeepalived(
  { lab }: Cluster,
  firewall: Firewall,
  { isShared = false } = {},
): void {
  const program = findKeepalived();
  if (program === undefined) throw new Error("keepalived is missing");
  const base = join(lab.dir, `${firewall.name}-keepalived`);
  writeFileSync(`${base}.conf`, keepalivedText(firewall, isShared), { mode: 0o600 });
  const pids = [`${base}.pid`, `${base}-vrrp.pid`];
  // A machine that died and starts again has no such files.
  for (const file of pids) rmSync(file, { force: true });
  const files = [`--pid=${pids[0]}`, `--vrrp_pid=${pids[1]}`, `--use-file=${base}.conf`];
  const child = firewall.namespace.spawn(
    [program, "--vrrp", "--dont-fork", "--log-console", ...files],
    {
      stdio: "ignore",
    },
  );
  child.on("error", () => undefined); // The test waits for the addresses and fails for want of them.
}

/** True when a firewall has the virtual address of the client's network, the first or the second. */
export async function isActive(
  { namespace }: Firewall,
  gateway: string = addresses.clientGateway,
): Promise<boolean> {
  const text = await namespace.runOk(["ip", "-oneline", "address", "show", "dev", "lan0"]);
  return text.includes(` ${gateway}/`);
}

function keepalivedText({ name, script }: Firewall, isShared: boolean): string {
  const { second } = addresses;
  const first = instance({
    name: "gateway",
    id: 77,
    priority: name === "fw-a" ? 150 : 100,
    preemption: isShared ? PREEMPT : "nopreempt",
    gateways: addresses,
    script,
  });
  const other = instance({
    name: "second",
    id: 78,
    priority: name === "fw-b" ? 150 : 100,
    preemption: PREEMPT,
    gateways: second,
    script,
  });
  return `global_defs {
  router_id ${name}
  vrrp_version 3
  script_user root
  vrrp_garp_master_repeat 2
}
${first}${isShared ? other : ""}`;
}

/** A node that returns has the table of the other before it takes over again. */
const PREEMPT = "preempt_delay 4";

interface Instance {
  readonly name: string;
  readonly id: number;
  readonly priority: number;
  readonly preemption: string;
  readonly gateways: { readonly clientGateway: string; readonly serverGateway: string };
  readonly script: string;
}

function instance({ name, id, priority, preemption, gateways, script }: Instance): string {
  return `vrrp_instance ${name} {
  state BACKUP
  ${preemption}
  interface lan0
  virtual_router_id ${id}
  priority ${priority}
  advert_int 0.1
  virtual_ipaddress {
    ${gateways.clientGateway}/24 dev lan0
    ${gateways.serverGateway}/24 dev wan0
  }
  notify_master "${script} primary"
  notify_backup "${script} backup"
  notify_fault "${script} fault"
}
`;
}
