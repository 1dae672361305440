/** Addresses of local sockets, as the kernel takes them: `struct sockaddr_un`, unix(7). */

import { AF_UNIX } from "../../native/constants.ts";

/** `sun_path`, with its NUL for a path in the file system. */
const PATH_MAX_BYTES = 108;

/** `@name` is an abstract socket, all else a path in the file system. Undefined: empty or too long. */
export function unixAddress(path: string): Uint8Array | undefined {
  if (!path.startsWith("@")) return unixFileAddress(path);
  const address = addressOf(path, 0);
  if (address !== undefined) address[2] = 0;
  return address;
}

/** A path in the file system, whatever it begins with. Undefined: empty or too long. */
export function unixFileAddress(path: string): Uint8Array | undefined {
  return path === "" ? undefined : addressOf(path, 1);
}

function addressOf(path: string, endBytes: number): Uint8Array | undefined {
  const name = new TextEncoder().encode(path);
  if (name.length + endBytes > PATH_MAX_BYTES) return undefined;
  const address = new Uint8Array(2 + name.length + endBytes);
  address[0] = AF_UNIX;
  address.set(name, 2);
  return address;
}
