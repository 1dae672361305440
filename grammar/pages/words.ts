/** How the generated pages spell the elements of a clause. */

import type { ClauseRow } from "../clauses.ts";
import type { Element } from "../shape.ts";

const kinds: Readonly<Record<string, string>> = {
  Number: "number",
  Signed: "signed",
  Ip: "ip",
  PathName: "path",
  Word: "word",
};

/** Values and keywords of a choice; `On|Off` is a switch. */
export function alternatives(of: readonly string[]): { text: string; isKind: boolean }[] {
  return of
    .filter((name) => name !== "Off")
    .map((name) => {
      if (name === "On") return { text: "switch", isKind: true };
      const kind = kinds[name];
      return { text: kind ?? name, isKind: kind !== undefined };
    });
}

/** Braces or a choice of clauses hold others. */
export function holdsClauses({ elements }: ClauseRow): boolean {
  return elements.some(({ kind }) => kind === "body" || kind === "item");
}

function elementUsage(element: Element): string {
  const choice = (of: readonly string[]) =>
    alternatives(of)
      .map(({ text }) => text)
      .join("|");
  switch (element.kind) {
    case "one":
      return choice(element.of);
    case "many":
      return `[${choice(element.of)} …]`;
    case "optional":
      return `[${element.words.map(choice).join(" ")}]`;
    case "body":
      return element.instead.length > 0 ? `${choice(element.instead)} | { … }` : "{ … }";
    case "item":
      return "…";
  }
}

/** As in a manual page: `UDP [Default] { … }`. */
export function usage({ keyword, elements }: ClauseRow): string {
  return [...(keyword ? [keyword] : []), ...elements.map(elementUsage)].join(" ");
}
