/**
 * How a command line ends that does not succeed: its words, its exit status, and the texts for errors
 * of the kernel.
 *
 * Described in: doc/conntrack.md, "Messages".
 */

/** The reference that we answer like. */
export const BANNER = "conntrack v1.4.9 (conntrack-tools)";

export const EXIT_FAILURE = 1;
export const EXIT_USAGE = 2;

export const TRY_HELP = "Try `conntrack -h' or 'conntrack --help' for more information.";

/** Ends the program. Only the edge catches it. */
export class Failure extends Error {
  readonly exit: number;

  constructor(message: string, exit = EXIT_FAILURE) {
    super(message);
    this.name = "Failure";
    this.exit = exit;
  }

  /** What goes to standard error. */
  get lines(): string {
    const first = `${BANNER}: ${this.message}\n`;
    return this.exit === EXIT_USAGE ? `${first}${TRY_HELP}\n` : first;
  }
}

/** A mistake in the command line. */
export function usageFailure(message: string): Failure {
  return new Failure(message, EXIT_USAGE);
}

/** What is no protocol, or, in the words of the reference, no family. */
export function unsupportedProtocol(text: string): Failure {
  return usageFailure(`\`${text}' unsupported protocol`);
}

export const EPERM = 1;
export const ENOENT = 2;
export const EINTR = 4;
export const ENOMEM = 12;
export const EEXIST = 17;
export const EINVAL = 22;
export const ENOSPC = 28;
export const ETIME = 62;
export const EAFNOSUPPORT = 97;
export const ENOTSUPP = 524;

/** Who asked the kernel. */
export type Operation =
  | "list"
  | "get"
  | "delete"
  | "create"
  | "add"
  | "update"
  | "flush"
  | "count"
  | "statistics"
  | "events"
  | "xlist"
  | "xget"
  | "xcreate"
  | "xdelete"
  | "xflush"
  | "xcount"
  | "xstatistics";

interface ErrorRow {
  readonly errno: number;
  /** Undefined: all but `except`. */
  readonly only?: readonly Operation[];
  readonly except?: readonly Operation[];
  readonly text: string;
}

/** The first row that fits; the C library's words otherwise. */
const ERRORS: readonly ErrorRow[] = [
  {
    errno: EINVAL,
    except: ["add", "xcount", "statistics", "xstatistics"],
    text: "invalid parameters",
  },
  { errno: EEXIST, only: ["create"], text: "Such conntrack exists, try -U to update" },
  { errno: ENOENT, only: ["create", "add", "get", "delete"], text: "such conntrack doesn't exist" },
  { errno: ENOMEM, only: ["create", "add", "get"], text: "not enough memory" },
  { errno: EAFNOSUPPORT, only: ["get"], text: "protocol not supported" },
  { errno: ETIME, only: ["create", "add"], text: "conntrack has expired" },
  { errno: ENOTSUPP, only: ["list"], text: "function not implemented" },
  { errno: ENOENT, only: ["xcreate"], text: "master conntrack not found" },
  { errno: EPERM, text: "sorry, you must be root or get CAP_NET_ADMIN capability to do this" },
];

/** `errno` is positive; `strerror` gives the C library's words. */
export function operationFailure(
  operation: Operation,
  errno: number,
  strerror: (errno: number) => string,
): Failure {
  const row = ERRORS.find(
    (each) =>
      each.errno === errno &&
      (each.only === undefined || each.only.includes(operation)) &&
      each.except?.includes(operation) !== true,
  );
  return new Failure(`Operation failed: ${row?.text ?? strerror(errno)}`);
}
