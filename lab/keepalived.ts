/**
 * keepalived on the firewalls of a lab cluster: VRRP over the client's network moves the virtual addresses and calls the
 * fail-over script. Advertisements ten times a second, so that a test notices a dead firewall within half a second.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { addresses, type Cluster, type Firewall } from "./cluster.ts";
import { findProgram } from "./netns.ts";

/** The program, or undefined where it is not installed. */
export function findKeepalived(): string | undefined {
  return findProgram("keepalived");
}

/** Starts keepalived on one firewall, in the foreground: it ends with the lab. */
export function startKeepalived({ lab }: Cluster, firewall: Firewall): void {
  const program = findKeepalived();
  if (program === undefined) throw new Error("keepalived is missing");
  const base = join(lab.dir, `${firewall.name}-keepalived`);
  writeFileSync(`${base}.conf`, keepalivedText(firewall), { mode: 0o600 });
  const files = [`--pid=${base}.pid`, `--vrrp_pid=${base}-vrrp.pid`, `--use-file=${base}.conf`];
  const child = firewall.namespace.spawn(
    [program, "--vrrp", "--dont-fork", "--log-console", ...files],
    {
      stdio: "ignore",
    },
  );
  child.on("error", () => undefined); // The test waits for the addresses and fails for want of them.
}

/** True when a firewall has the virtual address of the client's network. */
export async function isActive({ namespace }: Firewall): Promise<boolean> {
  const text = await namespace.runOk(["ip", "-oneline", "address", "show", "dev", "lan0"]);
  return text.includes(` ${addresses.clientGateway}/`);
}

function keepalivedText({ name, script }: Firewall): string {
  const priority = name === "fw-a" ? 150 : 100;
  return `global_defs {
  router_id ${name}
  vrrp_version 3
  script_user root
  vrrp_garp_master_repeat 2
}
vrrp_instance gateway {
  state BACKUP
  nopreempt
  interface lan0
  virtual_router_id 77
  priority ${priority}
  advert_int 0.1
  virtual_ipaddress {
    ${addresses.clientGateway}/24 dev lan0
    ${addresses.serverGateway}/24 dev wan0
  }
  notify_master "${script} primary"
  notify_backup "${script} backup"
  notify_fault "${script} fault"
}
`;
}
