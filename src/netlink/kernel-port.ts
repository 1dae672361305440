/**
 * What machines ask of the kernel. The runtime answers with sockets, tests with a fake.
 */

/** Which of the daemon's sockets speaks: the kernel names it in the events that follow. */
export type KernelHandle = "commit" | "flush" | "inject" | "query";

export type DumpPurpose = "resync" | "flush" | "catch-up" | "bulk";

export interface DumpHandler {
  /** Attributes of one entry: bytes between `at` and `end`, behind the netfilter header. */
  readonly onEntry: (bytes: Uint8Array, at: number, end: number) => void;
  /** The dump ended; `errno` is positive when the kernel broke it off. */
  readonly onDone: (errno: number) => void;
}

export interface KernelPort {
  /**
   * Send a batch of requests and learn which of them the kernel refused, before it returns.
   * `onError` gets the sequence number of the request and a positive errno. Returns 0, or the errno
   * of a batch that could not be sent at all.
   */
  transact(
    handle: KernelHandle,
    bytes: Uint8Array,
    length: number,
    onError: (sequence: number, errno: number) => void,
  ): number;
  /**
   * As `transact`, while the caller goes on: errors and then `onReturn`, with 0 or the errno of the
   * batch, come in a later turn. The bytes stay untouched until then.
   */
  dispatch(
    handle: KernelHandle,
    bytes: Uint8Array,
    length: number,
    onError: (sequence: number, errno: number) => void,
    onReturn: (errno: number) => void,
  ): void;
  /** Ask for the whole table; entries arrive in later turns. False: a dump for this purpose runs already. */
  dump(purpose: DumpPurpose, handler: DumpHandler): boolean;
  /** Whether the kernel tells us of new flows. Changes and ends are always told. */
  hearNew(on: boolean): void;
}

export const ENOENT = 2;
export const EEXIST = 17;

/** Requests in one batch: their errors must fit the socket's receive buffer. */
export const BATCH_REQUESTS = 64;
