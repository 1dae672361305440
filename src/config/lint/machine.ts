/**
 * Facts about a machine that rules compare a file with. Plain data: who gathers them, and how, is
 * none of its business.
 */

export interface Interface {
  readonly name: string;
  readonly isUp: boolean;
  /** A cable is plugged in, as far as the driver tells. */
  readonly hasCarrier: boolean;
  readonly mtu: number;
  readonly hasMulticast: boolean;
  /** Empty for an interface that is down: nobody tells them. */
  readonly addresses: readonly { readonly bytes: Uint8Array; readonly prefix: number }[];
}

export interface Folder {
  readonly kind: "directory" | "other" | "missing";
  /** Permission bits. */
  readonly mode: number;
}

/** Undefined, or absent from a record: could not be looked at. */
export interface Machine {
  readonly interfaces?: readonly Interface[];
  /** Interfaces that default routes lead through. */
  readonly defaultRoutes?: readonly string[];
  /** By name: `net.netfilter.nf_conntrack_max`. */
  readonly sysctls: Readonly<Record<string, number>>;
  /** Folders of socket, lock and logs, by path. */
  readonly folders: Readonly<Record<string, Folder>>;
  /** Modules that are loaded, or built in. */
  readonly modules?: readonly string[];
  /** May use more than the limits of buffers, as root may. */
  readonly isPrivileged: boolean;
  /** What could not be looked at, and why. */
  readonly hidden: readonly string[];
}

/** The folder of a file, by its absolute path. */
export function folderOf(path: string): string {
  return path.slice(0, Math.max(1, path.lastIndexOf("/")));
}
