/** Reads the configuration file and says what there is to say about it, as the reference does. */
import { closeSync, fstatSync, openSync, readFileSync } from "node:fs";
import { type Config, type Diagnostic, readConfig } from "../config/index.ts";

/** More than any configuration: the reader refuses it, and it is not read into memory first. */
const READ_MAX_BYTES = 16 * 1024 * 1024;

/** Index of an interface; 0 or less: there is none. */
export type InterfaceIndex = (name: string) => number;

/** The two voices of a program that starts. */
export interface Voice {
  readonly warning: (text: string) => void;
  readonly error: (text: string) => void;
  /** For people: not part of the reference's words. */
  readonly hint: (text: string) => void;
}

/** The configuration, or undefined when it was refused and the reason was said. */
export function loadConfig(
  file: string,
  voice: Voice,
  interfaceIndex?: InterfaceIndex,
): Config | undefined {
  const bytes = readBytes(file);
  if (bytes === undefined) {
    voice.error(`can't open config file \`${file}'`);
    return undefined;
  }
  const protocols = readProtocols();
  const result = readConfig(bytes, {
    file,
    ...(protocols === undefined ? {} : { protocols }),
    ...(interfaceIndex === undefined ? {} : { interfaceIndex }),
  });
  for (const warning of result.warnings) voice.warning(warning.text);
  if (!result.ok) {
    voice.error(result.error.text);
    voice.hint(where(file, result.error));
    return undefined;
  }
  const { config } = result;
  if (config.sync.commitTimeout !== 0 && config.sync.disableExternalCache) {
    voice.warning(
      "`CommitTimeout' can't be combined with `DisableExternalCache', ignoring this option. Fix your configuration file.",
    );
    config.sync.commitTimeout = 0;
  }
  return config;
}

function where(file: string, error: Diagnostic): string {
  const place = `${file}:${error.line}:${error.column}`;
  const expected = error.expected ?? [];
  if (expected.length === 0) return `${place}: see above`;
  return `${place}: expected ${expected.join(" or ")}`;
}

/** Undefined: the file cannot be read, or is no file. */
function readBytes(file: string): Uint8Array | undefined {
  let fd: number | undefined;
  try {
    fd = openSync(file, "r");
    const status = fstatSync(fd);
    if (status.isDirectory()) return undefined;
    if (status.size > READ_MAX_BYTES) return new Uint8Array(READ_MAX_BYTES);
    return readFileSync(fd);
  } catch {
    return undefined;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** The protocols database, where there is one. */
function readProtocols(): string | undefined {
  try {
    return readFileSync("/etc/protocols", "latin1");
  } catch {
    return undefined;
  }
}
