/**
 * `ExpectationSync`: whose expectations are replicated. A list names helpers by the beginning of their
 * name, in any case: `sip` means `sip-5060` too.
 */
import { type ExpectationRegister, HasX, X } from "./expectation.ts";

export type ExpectationFilter = (expectation: ExpectationRegister) => boolean;

/** Build the test of an expectation. No list: everything passes; a list refuses what has no helper. */
export function helperFilter(helpers: readonly string[]): ExpectationFilter {
  if (helpers.length === 0) return () => true;
  const prefixes = helpers.map((name) => new TextEncoder().encode(name.toLowerCase()));
  return (expectation) =>
    expectation.has(HasX.helper) && prefixes.some((prefix) => begins(expectation, prefix));
}

function begins({ words, bytes }: ExpectationRegister, prefix: Uint8Array): boolean {
  if (words[X.helperLength]! < prefix.length) return false;
  return prefix.every((letter, i) => lower(bytes[X.helper * 4 + i]!) === letter);
}

function lower(letter: number): number {
  return letter >= 0x41 && letter <= 0x5a ? letter | 0x20 : letter;
}
