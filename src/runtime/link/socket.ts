/** Sockets of dedicated links: addresses as the kernel wants them, buffers, and the limits of an interface. */
import {
  AF_INET,
  AF_INET6,
  EADDRNOTAVAIL,
  ENODEV,
  ENOPROTOOPT,
  EPERM,
  SO_NO_CHECK,
  SO_RCVBUF,
  SO_RCVBUFFORCE,
  SO_REUSEADDR,
  SO_SNDBUF,
  SO_SNDBUFFORCE,
  SOL_SOCKET,
} from "../../../native/constants.ts";
import * as native from "../../../native/index.ts";
import { setIntOption } from "../netlink-socket.ts";
import { SystemError } from "../system-error.ts";
import type { LinkEvents, LinkOptions } from "./link.ts";

/** A system call that must succeed. @throws SystemError */
export function check(call: string, result: number): number {
  if (result < 0) throw new SystemError(call, result);
  return result;
}

/** @throws SystemError */
export function interfaceIndex(name: string): number {
  const index = native.interfaceIndex(name);
  if (index <= 0) throw new SystemError("interface", ENODEV);
  return index;
}

/** @throws SystemError */
export function interfaceMtu(name: string): number {
  return check("interface", native.interfaceMtu(name));
}

/**
 * `struct sockaddr_in` or `sockaddr_in6`; an empty address is the wildcard. The kernel looks at the scope
 * of addresses that need one, which is the index of the interface, and at no other's.
 */
export function socketAddress(options: LinkOptions, address: Uint8Array): Uint8Array {
  const v6 = options.family === 6;
  // The last address of the clause decides its family; one of the other family has no place.
  if (address.length !== 0 && address.length !== (v6 ? 16 : 4)) {
    throw new SystemError("address", EADDRNOTAVAIL);
  }
  const out = new Uint8Array(v6 ? 28 : 16);
  const view = new DataView(out.buffer);
  view.setUint16(0, v6 ? AF_INET6 : AF_INET, true);
  view.setUint16(2, options.port);
  out.set(address, v6 ? 8 : 4);
  if (v6) view.setUint32(24, interfaceIndex(options.interfaceName), true);
  return out;
}

/** Makes a socket and prepares it; one that cannot be prepared is closed. @throws SystemError */
export function openSocket(
  options: LinkOptions,
  type: number,
  prepare: (fd: number) => void,
): number {
  const fd = check("socket", native.socket(options.family === 6 ? AF_INET6 : AF_INET, type, 0));
  try {
    prepare(fd);
    return fd;
  } catch (error) {
    native.close(fd);
    throw error;
  }
}

export function option(fd: number, level: number, name: number, value: number): void {
  check("option", setIntOption(fd, level, name, value));
}

/** What every receiving socket has. */
export function prepareReceiver(fd: number, options: LinkOptions, events: LinkEvents): void {
  option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  if (options.receiveBuffer === 0) return;
  const wanted = { force: SO_RCVBUFFORCE, plain: SO_RCVBUF, bytes: options.receiveBuffer };
  setBuffer(fd, "RcvSocketBuffer", wanted, events);
}

/** What every sending socket has. */
export function prepareSender(fd: number, options: LinkOptions, events: LinkEvents): void {
  option(fd, SOL_SOCKET, SO_NO_CHECK, options.checksum ? 0 : 1);
  if (options.sendBuffer === 0) return;
  const wanted = { force: SO_SNDBUFFORCE, plain: SO_SNDBUF, bytes: options.sendBuffer };
  setBuffer(fd, "SndSocketBuffer", wanted, events);
}

function setBuffer(
  fd: number,
  clause: string,
  { force, plain, bytes }: { force: number; plain: number; bytes: number },
  events: LinkEvents,
): void {
  const forced = setIntOption(fd, SOL_SOCKET, force, bytes);
  if (forced === -ENOPROTOOPT) return;
  if (forced !== -EPERM) {
    check("option", forced);
    return;
  }
  option(fd, SOL_SOCKET, plain, bytes);
  events.onLimitedBuffer(clause, intOption(fd, SOL_SOCKET, plain));
}

/** The value of an integer option; 0 where there is none. */
export function intOption(fd: number, level: number, name: number): number {
  const value = new Uint8Array(4);
  native.getOption(fd, level, name, value);
  return new DataView(value.buffer).getInt32(0, true);
}
