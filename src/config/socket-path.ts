/**
 * The path of the control socket, for a client: all that it needs of a configuration.
 *
 * Loads neither the parser nor the models, which take longer than everything else a client does. Sure
 * of a file without a mistake only; of any other it says nothing, and the whole reader is asked.
 */

import { maxFileBytes } from "../../grammar/limits.ts";
import { recognise } from "../../grammar/recognise.ts";
import type { Diagnostic } from "./diagnostic.ts";
import { interpret, type ReadOptions } from "./interpret.ts";
import { sourceOf } from "./source.ts";

export { maxFileBytes };

export interface SocketPath {
  /** Empty when the file names none. */
  readonly path: string;
  readonly warnings: readonly Diagnostic[];
}

/** What the whole reader would say, or undefined. */
export function socketPath(bytes: Uint8Array, options: ReadOptions): SocketPath | undefined {
  if (bytes.length > maxFileBytes) return undefined;
  const source = sourceOf(bytes);
  const sentence = recognise(source.text);
  if (sentence === undefined) return undefined;
  const { draft, said } = interpret(source, sentence, [], options, true);
  if (said.some(({ severity }) => severity === "error")) return undefined;
  const warnings = said.filter(({ severity }) => severity === "warning");
  return { path: draft.general.unixPath ?? "", warnings };
}
