/**
 * What people write because other configuration files have it, and what this language has instead.
 * A table of hints: nothing here decides whether a file is right.
 */

import type { Mistake } from "../../grammar/index.ts";

interface Habit {
  readonly applies: (mistake: Mistake, before: string) => boolean;
  /** One sentence, in the imperative where there is something to do. */
  readonly hint: string;
}

const symbolIs =
  (shape: RegExp): Habit["applies"] =>
  ({ symbol }) =>
    shape.test(symbol);

const wants =
  (kind: string, shape: RegExp): Habit["applies"] =>
  ({ symbol, expected }) =>
    expected.includes(kind) && shape.test(symbol);

/** The first that applies counts. `before` is the byte in front of the word. */
const habits: readonly Habit[] = [
  {
    applies: symbolIs(/^;$/),
    hint: "Remove the `;`: nothing ends a clause but the next one.",
  },
  {
    applies: symbolIs(/^,$/),
    hint: "Remove the `,`: blanks alone stand between words.",
  },
  {
    applies: symbolIs(/^[=:]$/),
    hint: "Write a blank between a clause and its value, and no other sign.",
  },
  {
    applies: symbolIs(/^["']$/),
    hint: "Remove the quotes: a path ends at a blank, and a word needs none.",
  },
  {
    applies: symbolIs(/^\/[/*]/),
    hint: "Begin a comment with `#`.",
  },
  {
    applies: symbolIs(/^%$/),
    hint: "Write the address without its zone: `Interface` names the link.",
  },
  {
    applies: symbolIs(/^[Ii]nclude$/),
    hint: "Put everything into this file: another one cannot be included.",
  },
  {
    applies: ({ symbol, expected }, before) =>
      symbol === "." && /\d/.test(before) && expected.includes("IPv4_address"),
    hint: "Write the length of the network's prefix, such as `/24`, instead of a mask.",
  },
  {
    applies: ({ symbol }, before) => /^[A-Za-z]/.test(symbol) && /\d/.test(before),
    hint: "Write the number out: it has no unit behind it.",
  },
  {
    applies: wants("an IP address", /^[A-Za-z]/),
    hint: "Write the address: names are not looked up.",
  },
  {
    applies: wants("an absolute path", /^[\w.~]/),
    hint: "Write the whole path, from `/` on.",
  },
  {
    applies: wants("a word", /^[0-9A-Fa-f:]{1,39}$/),
    hint: "Choose another name: one that begins like a number or a group of an IPv6 address (`bce0`) is read as such.",
  },
  {
    applies: wants("a number with a sign", /^\d/),
    hint: "Write a sign in front of the number, `+` or `-`.",
  },
  {
    applies: wants("{", /./),
    hint: "Open the braces of the clause before this word.",
  },
];

/** A hint for a mistake that many make; undefined for all others. */
export function habit(mistake: Mistake, file: string): string | undefined {
  const before = file[mistake.offset - 1] ?? "";
  return habits.find(({ applies }) => applies(mistake, before))?.hint;
}
