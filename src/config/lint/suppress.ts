/**
 * Comments that tell config-lint to be silent: `# lint: ignore RULE` for its line, or for the next one
 * where it stands alone; `# lint: ignore-file RULE` for the whole file. Mistakes of the language
 * cannot be silenced: the daemon would stumble over them all the same.
 */

import type { Token } from "../index.ts";
import type { ShownRule, Span } from "./rule.ts";

export interface Suppression extends Span {
  readonly rule: string;
  /** Bytes it is about: those of a line, or the whole file. */
  readonly about: Span;
}

const shape = /^#+\s*lint:\s*(ignore|ignore-file)\s+([\w\s,-]+)/;

export function suppressionsOf(text: string, comments: readonly Token[]): Suppression[] {
  const lineFor = lineFinder(text);
  return comments.toReversed().flatMap((comment) => {
    const [whole, verb, names] = shape.exec(comment.text) ?? [];
    if (whole === undefined || names === undefined) return [];
    const offset = comment.offset;
    const isForFile = verb === "ignore-file";
    const about = isForFile ? { offset: 0, end: text.length + 1 } : lineFor(offset);
    const end = offset + comment.text.trimEnd().length;
    const rules = names.split(/[\s,]+/).filter((name) => name !== "");
    return rules.map((rule) => ({ rule, offset, end, about }));
  });
}

/**
 * For comments from the last to the first: their own line, or the first one below that says something.
 * Below a comment that was asked for, its answer holds: a file of comments is not read again for each.
 */
function lineFinder(text: string): (comment: number) => Span {
  const known = new Map<number, Span>();
  return (comment) => {
    const start = text.lastIndexOf("\n", comment - 1) + 1;
    if (/\S/.test(text.slice(start, comment))) {
      return { offset: start, end: endOfLine(text, comment) };
    }
    let offset = endOfLine(text, start) + 1;
    while (offset < text.length && !known.has(offset) && isSilent(text, offset)) {
      offset = endOfLine(text, offset) + 1;
    }
    const found = known.get(offset) ?? { offset, end: endOfLine(text, offset) };
    known.set(start, found);
    return found;
  };
}

/** A line with nothing but a comment, or with nothing at all. */
function isSilent(text: string, offset: number): boolean {
  return /^\s*(?:#|$)/.test(text.slice(offset, endOfLine(text, offset)));
}

function endOfLine(text: string, from: number): number {
  const end = text.indexOf("\n", from);
  return end < 0 ? text.length : end;
}

/** What is reported about the comments themselves. */
export const suppressionRules = [
  {
    id: "unknown-suppression",
    severity: "warning",
    summary: "a comment that silences a rule there is none of",
    reason: "Nothing is silenced; the name is misspelt, or the rule is gone.",
    fix: "Write the id as config-lint shows it; `--list-rules` lists all.",
    example: "# lint: ignore-file no-lock\n",
    better: "# lint: ignore-file no-log\n",
  },
  {
    id: "unused-suppression",
    severity: "note",
    summary: "a comment that silences nothing",
    reason: "The day the rule would speak up again, it must not be silenced by accident.",
    fix: "Remove the comment.",
    example: "General {\n    HashSize 65536 # lint: ignore zero-is-default\n}\n",
    better: "General {\n    HashSize 0 # lint: ignore zero-is-default\n}\n",
  },
] as const satisfies readonly ShownRule<string>[];
