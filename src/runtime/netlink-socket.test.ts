import { expect, it } from "vitest";
import { AF_INET, SOCK_DGRAM } from "../../native/constants.ts";
import * as native from "../../native/index.ts";
import { DumpReader, EAGAIN } from "./netlink-socket.ts";

it("a dump reader begins anew behind a part that was not full, wherever the dump broke off", () => {
  const fd = native.socket(AF_INET, SOCK_DGRAM, 0);
  const address = Uint8Array.of(AF_INET, 0, 0, 0, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0);
  native.bind(fd, address);
  native.getsockname(fd, address);
  const send = (count: number) => {
    for (let i = 0; i < count; i++) native.sendTo(fd, new Uint8Array(4), address);
  };
  const reader = new DumpReader(fd, 16, 2);
  const read = () => reader.read(() => undefined);
  send(5);
  expect([read(), read(), read()]).toEqual([2, 2, 1]);
  send(3);
  expect([read(), read()]).toEqual([2, 1]);
  send(2);
  expect([read(), read()]).toEqual([2, EAGAIN]);
  send(1);
  expect(read()).toBe(1);
  reader.close();
  native.close(fd);
});
