/**
 * Files without a mistake, read without the parser: the rows alone say what may follow.
 *
 * For programs that need one value and start often. It says nothing about a mistake but that there
 * may be one: then parse.ts is asked. Both give the same clauses; a test compares them.
 */

import { type ClauseRow, clausesIn } from "./clauses.ts";
import { legacyWords } from "./keywords.ts";
import { maxNesting, maxTokens } from "./limits.ts";
import { scan } from "./scan.ts";
import type { Element } from "./shape.ts";
import type { Sentence, Token, Written } from "./written.ts";

const kinds: Readonly<Record<string, string>> = {
  OldAlarm: "ALARM",
  OldFtfw: "FTFW",
  ...Object.fromEntries(legacyWords.map((word) => [word, "Word"])),
};

/** @param text One character for each byte. */
export function recognise(text: string): Sentence | undefined {
  const tokens: Token[] = [];
  const comments: Token[] = [];
  for (let at = 0; at < text.length; ) {
    const { name, end } = scan(text, at);
    if (name !== "Blank") {
      const kind = name === "Comment" ? comments : tokens;
      kind.push({ name, text: text.slice(at, end), offset: at });
    }
    if (tokens.length > maxTokens) return undefined;
    at = end;
  }
  const outline = new Cursor(tokens).file();
  return outline && { outline, tokens, comments, mistakes: [] };
}

/** While it is read. */
type Whole = { -readonly [Key in keyof Written]: Written[Key] };

class Cursor {
  private readonly tokens: readonly Token[];
  private at = 0;
  private depth = 0;

  constructor(tokens: readonly Token[]) {
    this.tokens = tokens;
  }

  file(): Written[] | undefined {
    const sections = this.items("file");
    return this.at === this.tokens.length ? sections : undefined;
  }

  private items(block: string): Written[] | undefined {
    const items: Written[] = [];
    while (this.at < this.tokens.length && !this.isNext("RightBrace")) {
      const item = this.item(block);
      if (item === undefined) return undefined;
      items.push(item);
    }
    return items;
  }

  private item(block: string): Written | undefined {
    const next = this.tokens[this.at];
    const row = next && rowThatBegins(block, next.name);
    return row && this.clause(row);
  }

  private clause(row: ClauseRow): Written | undefined {
    const offset = this.tokens[this.at]?.offset ?? 0;
    const keyword = row.keyword === undefined ? undefined : this.tokens[this.at++];
    let values: readonly Token[] = [];
    let items: readonly Written[] = [];
    let body: Written["body"];
    for (const element of row.elements) {
      if (element.kind === "body" && !this.isOneOf(element.instead)) {
        const braces = this.braces(row.id);
        if (braces === undefined) return undefined;
        ({ items, body } = braces);
      } else if (element.kind === "item") {
        const item = this.item(row.id);
        if (item === undefined) return undefined;
        items = [item];
      } else {
        const words = this.words(element);
        if (words === undefined) return undefined;
        values = values.length === 0 ? words : [...values, ...words];
      }
    }
    const last = this.tokens[this.at - 1];
    const end = (last?.offset ?? 0) + (last?.text.length ?? 0);
    const written: Whole = { clause: row.id, values, offset, end, items, isWhole: true };
    if (keyword) written.keyword = keyword;
    if (body) written.body = body;
    return written;
  }

  private words(element: Element): Token[] | undefined {
    if (element.kind === "one") return this.sequence([element.of]);
    if (element.kind === "body") return this.sequence([element.instead]);
    if (element.kind === "optional") {
      const [first = []] = element.words;
      return this.isOneOf(first) ? this.sequence(element.words) : [];
    }
    if (element.kind !== "many") return undefined;
    const words: Token[] = [];
    for (let next = this.take(element.of); next; next = this.take(element.of)) words.push(next);
    return words;
  }

  /** One word of each. */
  private sequence(choices: readonly (readonly string[])[]): Token[] | undefined {
    const words = choices.map((of) => this.take(of));
    return words.every((word) => word !== undefined) ? words : undefined;
  }

  private take(of: readonly string[]): Token | undefined {
    if (!this.isOneOf(of)) return undefined;
    return this.tokens[this.at++];
  }

  private braces(block: string) {
    const open = this.tokens[this.at];
    if (!this.isNext("LeftBrace") || open === undefined || this.depth >= maxNesting) {
      return undefined;
    }
    this.at++;
    this.depth++;
    const items = this.items(block);
    const close = this.tokens[this.at];
    if (items === undefined || close === undefined) return undefined;
    this.at++;
    this.depth--;
    return { items, body: { open: open.offset, close: close.offset } };
  }

  private isOneOf(names: readonly string[]): boolean {
    const actual = this.tokens[this.at]?.name;
    return actual !== undefined && names.some((name) => isKind(actual, name));
  }

  private isNext(name: string): boolean {
    return this.isOneOf([name]);
  }
}

function isKind(actual: string, wanted: string): boolean {
  return actual === wanted || kinds[actual] === wanted;
}

/** What was asked before, by block and name of a token: a list of addresses asks the same again and again. */
const beginnings = new Map<string, Map<string, ClauseRow | undefined>>();

function rowThatBegins(block: string, token: string): ClauseRow | undefined {
  const known = beginnings.get(block) ?? new Map<string, ClauseRow | undefined>();
  beginnings.set(block, known);
  if (!known.has(token)) known.set(token, findRow(block, token));
  return known.get(token);
}

function findRow(block: string, token: string): ClauseRow | undefined {
  const isIn = (names: readonly string[]) => names.some((name) => isKind(token, name));
  return clausesIn(block).find(({ keyword, elements: [first, second] }) => {
    if (keyword !== undefined) return isKind(token, keyword);
    if (first?.kind === "one") return isIn(first.of);
    if (first?.kind !== "many" || second?.kind !== "one") return false;
    return isIn(first.of) || isIn(second.of);
  });
}
