/** Sockets for the tests of the addon. */
import { afterEach, expect } from "vitest";
import * as c from "../../native/constants.ts";
import * as native from "../../native/index.ts";

/** What is closed when the test ends. */
export const opened: number[] = [];
afterEach(() => {
  for (const fd of opened.splice(0)) native.close(fd);
});

export const bytes = (...values: number[]) => Uint8Array.from(values);
/** As the kernel takes an integer. */
export const word = (value: number) => new Uint8Array(Int32Array.of(value).buffer);

export function open(domain: number, type: number, protocol = 0): number {
  const fd = native.socket(domain, type, protocol);
  expect(fd).toBeGreaterThanOrEqual(0);
  opened.push(fd);
  return fd;
}

/** 127.0.0.1 and a port that the kernel chooses. */
export const loopback = () => bytes(2, 0, 0, 0, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0);

export function bound(type = c.SOCK_DGRAM): { fd: number; address: Uint8Array } {
  const fd = open(c.AF_INET, type);
  const address = loopback();
  expect(native.bind(fd, address)).toBe(0);
  expect(native.getsockname(fd, address)).toBe(16);
  return { fd, address };
}
