/**
 * The path of the control socket, as a client learns it from the configuration. Says what the daemon
 * would say about the file; loads the whole reader only where the file has a mistake.
 */
import { socketPath } from "../config/socket-path.ts";
import { readConfigBytes, readProtocols, sayUnreadable, type Voice } from "./config-bytes.ts";

/** Undefined when the file was refused and the reason was said. */
export async function findSocketPath(file: string, voice: Voice): Promise<string | undefined> {
  const read = readConfigBytes(file);
  if (!read.ok) return sayUnreadable(file, read.reason, voice);
  const protocols = readProtocols();
  const quick = socketPath(read.bytes, { file, ...(protocols !== undefined && { protocols }) });
  if (quick === undefined) {
    const { understandConfig } = await import("./config-file.ts");
    return understandConfig(file, read.bytes, voice)?.general.unixPath;
  }
  for (const warning of quick.warnings) voice.warning(warning.text);
  return quick.path;
}
