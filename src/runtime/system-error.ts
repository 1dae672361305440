/** A system call that the kernel refused. */
import { errnoText } from "../../native/index.ts";

export class SystemError extends Error {
  /** Positive. */
  readonly errno: number;
  /** The kernel's words, as C programs print them. */
  readonly reason: string;

  /** `errno` with either sign. */
  constructor(call: string, errno: number) {
    const reason = errnoText(errno);
    super(`${call}: ${reason}`);
    this.name = "SystemError";
    this.errno = Math.abs(errno);
    this.reason = reason;
  }
}
