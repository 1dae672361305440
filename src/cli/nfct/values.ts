/** Values that both subsystems of `nfct` take. Described in: doc/nfct.md, "Values". */
import { Mistake } from "./mistake.ts";

const families: Readonly<Record<string, number>> = { inet: 2, inet6: 10 };

/** The number of a family. @throws Mistake */
export function readFamily(word: string): number {
  const family = Object.hasOwn(families, word) ? families[word] : undefined;
  if (family === undefined) throw new Mistake("unknown layer 3 protocol");
  return family;
}

/** A name as the kernel gets it: its bytes, one character each. */
export function nameBytes(word: string): string {
  return Buffer.from(word).toString("latin1");
}

/** @throws Mistake when there are more than `count` parameters */
export function atMost(parameters: readonly string[], count: number): void {
  if (parameters.length > count) throw new Mistake("too many arguments");
}
