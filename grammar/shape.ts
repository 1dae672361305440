/**
 * What follows a clause's keyword, written as people write a usage line.
 *
 * `number`, `signed`, `ip`, `path`, `word`, `switch` stand for a kind of value, a capital letter
 * begins a keyword. `a|b` is a choice, `[a b]` may be missing, a `*` behind the last word of a
 * choice repeats it, `{}` are braces with clauses, `<>` is one clause without braces.
 */

export type Element =
  | { readonly kind: "one"; readonly of: readonly string[] }
  | { readonly kind: "many"; readonly of: readonly string[] }
  | { readonly kind: "optional"; readonly words: readonly (readonly string[])[] }
  /** `instead`: words that may stand in place of the braces. */
  | { readonly kind: "body"; readonly instead: readonly string[] }
  | { readonly kind: "item" };

/** Names of tokens for the words of a shape; other words are keywords. */
const kinds: Readonly<Record<string, readonly string[]>> = {
  number: ["Number"],
  signed: ["Signed"],
  ip: ["Ip"],
  path: ["PathName"],
  word: ["Word"],
  switch: ["On", "Off"],
};

function choice(text: string): string[] {
  return text.split("|").flatMap((word) => kinds[word] ?? [word]);
}

function element(text: string): Element {
  if (text === "<>") return { kind: "item" };
  if (text.endsWith("{}")) {
    const instead = text.slice(0, -2).replace(/\|$/, "");
    return { kind: "body", instead: instead === "" ? [] : choice(instead) };
  }
  if (text.startsWith("[")) {
    return { kind: "optional", words: text.slice(1, -1).split(" ").map(choice) };
  }
  const isRepeated = text.endsWith("*");
  return { kind: isRepeated ? "many" : "one", of: choice(text.replace(/\*$/, "")) };
}

export function readShape(shape: string): Element[] {
  return (shape.match(/\[[^\]]*\]|\S+/g) ?? []).map(element);
}
