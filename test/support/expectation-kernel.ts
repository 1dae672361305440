/** The kernel in a Map, with a table of expectations beside that of flows. */
import { EXPECTED_TUPLE, ExpectationRegister } from "../../src/flow/expectation.ts";
import { decodeKernelExpectation } from "../../src/flow/expectation-kernel.ts";
import { EEXIST, ENOENT, type KernelHandle } from "../../src/netlink/kernel-port.ts";
import {
  IPCTNL_MSG_EXP_NEW,
  NFGEN_BYTES,
  NFNL_SUBSYS_CTNETLINK_EXP,
  NLMSG_HEADER_BYTES,
  readI32,
  readU16,
} from "../../src/netlink/message.ts";
import { FakeKernel } from "./kernel.ts";

const HEADERS = NLMSG_HEADER_BYTES + NFGEN_BYTES;

export class ExpectationKernel extends FakeKernel {
  /** Expected ports, and what was asked for last. */
  readonly expected = new Map<number, ExpectationRegister>();
  /** `create 4000`, `delete 4000` or `flush`, each with the errno where there was one. */
  readonly asked: string[] = [];
  /** Answers instead of the rules, where it returns a number. */
  refuseExpectation: (request: string) => number | undefined = () => undefined;

  override transact(
    handle: KernelHandle,
    bytes: Uint8Array,
    length: number,
    onError: (sequence: number, errno: number) => void,
  ): number {
    if (bytes[5] !== NFNL_SUBSYS_CTNETLINK_EXP) {
      return super.transact(handle, bytes, length, onError);
    }
    for (let at = 0; at < length; at += readI32(bytes, at)) {
      const errno = this.#obey(bytes, at);
      if (errno !== 0) onError(readI32(bytes, at + 8), errno);
    }
    return 0;
  }

  #obey(bytes: Uint8Array, at: number): number {
    const end = at + readI32(bytes, at);
    const isNew = readU16(bytes, at + 4) === IPCTNL_MSG_EXP_NEW;
    if (!isNew && end - at === HEADERS) {
      this.asked.push("flush");
      this.expected.clear();
      return 0;
    }
    const r = new ExpectationRegister();
    decodeKernelExpectation(r, bytes, at + HEADERS, end);
    const port = r.words[EXPECTED_TUPLE.l4Dst]!;
    const request = `${isNew ? "create" : "delete"} ${port}`;
    const errno = this.refuseExpectation(request) ?? this.#errnoOf(isNew, port);
    this.asked.push(errno === 0 ? request : `${request}: ${errno}`);
    if (errno !== 0) return errno;
    if (isNew) this.expected.set(port, r);
    else this.expected.delete(port);
    return 0;
  }

  #errnoOf(isNew: boolean, port: number): number {
    if (isNew) return this.expected.has(port) ? EEXIST : 0;
    return this.expected.has(port) ? 0 : ENOENT;
  }
}
