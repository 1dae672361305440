/** The door of this floor: a configuration file read, checked, printed. */
export { formatAddress, parseIpv4, parseIpv6 } from "./address.ts";
export { unsupported } from "./check.ts";
export {
  type Config,
  type LinkConfig,
  type Model,
  modelSchema,
  type Position,
  type TcpState,
  tcpStateNumber,
} from "./model.ts";
export { printConfig } from "./print.ts";
export { type ReadOptions, type ReadResult, readConfig } from "./read.ts";
export type { Diagnostic } from "./reading.ts";
