/** Reads the configuration file and says what there is to say about it, as the reference does. */
import { type Config, type Diagnostic, readConfig } from "../config/index.ts";
import { readConfigBytes, readProtocols, sayUnreadable, type Voice } from "./config-bytes.ts";

export type { Voice } from "./config-bytes.ts";

/** Index of an interface; 0 or less: there is none. */
export type InterfaceIndex = (name: string) => number;

/** The configuration, or undefined when it was refused and the reason was said. */
export function loadConfig(
  file: string,
  voice: Voice,
  interfaceIndex?: InterfaceIndex,
): Config | undefined {
  const read = readConfigBytes(file);
  if (read.ok) return understandConfig(file, read.bytes, voice, interfaceIndex);
  return sayUnreadable(file, read.reason, voice);
}

export function understandConfig(
  file: string,
  bytes: Uint8Array,
  voice: Voice,
  interfaceIndex?: InterfaceIndex,
): Config | undefined {
  const protocols = readProtocols();
  const result = readConfig(bytes, {
    file,
    ...(protocols === undefined ? {} : { protocols }),
    ...(interfaceIndex === undefined ? {} : { interfaceIndex }),
  });
  for (const warning of result.warnings) voice.warning(warning.text);
  if (result.ok) return result.config;
  voice.error(result.error.text);
  if (result.error.rule !== "limits") voice.hint(where(file, result.error));
  return undefined;
}

function where(file: string, { line, column, expected, suggestions, hint }: Diagnostic): string {
  const place = `${file}:${line}:${column}`;
  if (suggestions) return `${place}: did you mean ${suggestions.join(" or ")}?`;
  if (hint) return `${place}: ${hint}`;
  return expected ? `${place}: expected ${expected.join(" or ")}` : `${place}: see above`;
}
