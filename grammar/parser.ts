/**
 * Sentences of conntrackd.conf: one rule for each row of clauses.ts.
 *
 * One token of lookahead decides everything. The rules also say what becomes of a mistake: it is
 * noted, what belongs to it is set aside, and reading goes on. So the first mistake is where a parser
 * that stops would stop, and one run finds all of them in linear time. What a clause means is none of
 * its business. Described in: doc/config.md, "Mistakes".
 */

import { EmbeddedActionsParser, EOF, type IToken, type TokenType } from "chevrotain";
import { type ClauseRow, clauseRows, clausesIn } from "./clauses.ts";
import { legacyWords } from "./keywords.ts";
import type { Element } from "./shape.ts";
import { tokenNamed, tokenTypes } from "./tokens.ts";

export interface Clause {
  readonly row: ClauseRow;
  keyword?: IToken;
  /** What stands between the keyword and the braces. */
  readonly values: IToken[];
  open?: IToken;
  close?: IToken;
  items: Clause[];
  /** False: a word is missing or wrong. Braces that stay open do not count. */
  isWhole: boolean;
}

/** A token that does not fit. At the end of the text its type is EOF. */
export interface Misfit {
  readonly token: IToken;
  /** Names of the tokens that would have fitted. */
  readonly expected: readonly string[];
  /** The clause in whose braces it stands. */
  readonly block: string;
}

export interface Parsed {
  readonly clauses: Clause[];
  /** In file order. */
  readonly misfits: Misfit[];
}

/** Beyond, mistakes are not noted any more. */
const maxMisfits = 1000;
const top = "file";
const leftBrace = "LeftBrace";
const rightBrace = "RightBrace";

/** A clause while it is read. */
interface Draft {
  readonly clause: Clause;
  /** The clause in whose braces it stands. */
  readonly block: string;
  /** The first word of a clause without keyword, until the element that it belongs to. */
  ahead: IToken | undefined;
  /** Words that might have stood here instead. */
  skipped: string[];
}

class ConfigParser extends EmbeddedActionsParser {
  private text = "";
  private misfits: Misfit[] = [];
  private readonly clauseRules = new Map<string, (block: string) => Clause>();
  private readonly strangers: { readonly inner: Stranger; readonly top: Stranger };
  private readonly start: () => Clause[];

  constructor(isValidating: boolean) {
    // The grammar is fixed: a test validates it, and a program that starts does not pay for it.
    super(tokenTypes(), { maxLookahead: 1, skipValidations: !isValidating });
    for (const row of clauseRows) {
      const rule = this.RULE(`${row.id}Clause`, (block: string) => this.clause(row, block));
      this.clauseRules.set(row.id, (block) => this.subrule(0, rule, { ARGS: [block] }));
    }
    // A rule becomes a member of this class, so its name must not be one.
    // Only at the top a closing brace can be a stranger.
    const inner = this.RULE("innerStranger", (block: string) => this.stranger(block, "Inner"));
    const outer = this.RULE("topStranger", (block: string) => this.stranger(block, "Anything"));
    this.strangers = {
      inner: (block) => this.subrule(0, inner, { ARGS: [block] }),
      top: (block) => this.subrule(0, outer, { ARGS: [block] }),
    };
    this.start = this.RULE("wholeFile", () => {
      const clauses = this.items(top);
      this.consume(0, EOF);
      return clauses;
    });
    this.performSelfAnalysis();
  }

  parse(text: string, tokens: IToken[]): Parsed {
    this.input = tokens;
    this.text = text;
    this.misfits = [];
    const clauses = this.start();
    const [error] = this.errors;
    if (error !== undefined) throw error; // The rules take every sequence of tokens.
    return { clauses, misfits: this.misfits };
  }

  private clause(row: ClauseRow, block: string): Clause {
    const clause: Clause = { row, values: [], items: [], isWhole: true };
    const draft: Draft = { clause, block, ahead: undefined, skipped: [] };
    if (row.keyword === undefined) draft.ahead = this.oneOf(0, firstWords(row));
    else clause.keyword = this.consume(0, tokenNamed(row.keyword));
    row.elements.forEach((element, index) => {
      this.element(draft, element, index * 10 + 1);
    });
    return clause;
  }

  private element(draft: Draft, element: Element, index: number): void {
    if (element.kind === "one") this.one(draft, element.of, index);
    if (element.kind === "many") this.several(draft, element.of, index);
    if (element.kind === "optional") this.perhaps(draft, element.words, index);
    if (element.kind === "body") this.body(draft, element.instead, index);
    if (element.kind === "item") this.item(draft, index);
  }

  private one(draft: Draft, of: readonly string[], index: number): void {
    this.ACTION(() => {
      if (draft.ahead === undefined) this.demand(draft, of);
    });
    const isNext = () => draft.clause.isWhole && draft.ahead === undefined;
    const token = this.option(index, { GATE: isNext, DEF: () => this.oneOf(index, of) });
    this.ACTION(() => this.take(draft, token ?? draft.ahead));
  }

  private several(draft: Draft, of: readonly string[], index: number): void {
    this.ACTION(() => {
      if (draft.ahead && of.includes(draft.ahead.tokenType.name)) this.take(draft, draft.ahead);
      draft.skipped.push(...of);
    });
    const isNext = () => draft.ahead === undefined;
    const next = () => {
      const token = this.oneOf(index, of);
      this.ACTION(() => draft.clause.values.push(token));
    };
    this.many(index, { GATE: isNext, DEF: next });
  }

  private perhaps(draft: Draft, words: readonly (readonly string[])[], index: number): void {
    const [first = [], ...rest] = words;
    const isGiven = this.option(index, () => {
      const token = this.oneOf(index, first);
      this.ACTION(() => this.take(draft, token));
      rest.forEach((of, i) => {
        this.one(draft, of, index + 1 + i);
      });
      return true;
    });
    this.ACTION(() => {
      if (isGiven !== true) draft.skipped.push(...first);
    });
  }

  private body(draft: Draft, instead: readonly string[], index: number): void {
    const { clause } = draft;
    this.ACTION(() => this.demand(draft, [...instead, leftBrace]));
    if (instead.length > 0) {
      const isNext = () => clause.isWhole;
      const token = this.option(index, { GATE: isNext, DEF: () => this.oneOf(index, instead) });
      this.ACTION(() => this.take(draft, token));
    }
    const isNext = () => clause.values.length === 0 || instead.length === 0;
    this.option(index + 1, { GATE: isNext, DEF: () => this.braces(clause) });
  }

  private item(draft: Draft, index: number): void {
    const { clause } = draft;
    this.ACTION(() => this.demand(draft, openings(clause.row.id), { at: clause.row.id }));
    this.option(index, {
      GATE: () => clause.isWhole,
      DEF: () => {
        const item = this.or(index, this.alternatives(clause.row.id));
        this.ACTION(() => clause.items.push(item));
      },
    });
  }

  private braces(clause: Clause): void {
    const open = this.consume(0, tokenNamed(leftBrace));
    const items = this.items(clause.row.id);
    const close = this.option(0, () => this.consume(0, tokenNamed(rightBrace)));
    this.ACTION(() => {
      clause.open = open;
      clause.items = items;
      if (close === undefined) this.note(expectedIn(clause.row.id), clause.row.id);
      else clause.close = close;
    });
  }

  private items(block: string): Clause[] {
    const items: Clause[] = [];
    const stranger = {
      ALT: () => this.strangers[block === top ? "top" : "inner"](block),
      IGNORE_AMBIGUITIES: true, // Any token may be one; a clause that fits comes first.
    };
    const alternatives = [...this.alternatives(block), stranger];
    this.many(0, {
      // A section within another: the brace between them was forgotten.
      GATE: () => block === top || !this.isSectionAhead(),
      DEF: () => {
        const item: Clause | undefined = this.or(0, alternatives);
        this.ACTION(() => item !== undefined && items.push(item));
      },
    });
    return items;
  }

  private alternatives(block: string): { ALT: () => Clause }[] {
    return clausesIn(block).map(({ id }) => ({
      ALT: () => {
        const rule = this.clauseRules.get(id);
        if (rule === undefined) throw new Error(`no rule ${id}`);
        return rule(block);
      },
    }));
  }

  private stranger(block: string, kind: string): undefined {
    this.ACTION(() => this.note(expectedIn(block), block));
    const token = this.consume(0, tokenNamed(kind));
    this.ACTION(() => {
      const { name } = token.tokenType;
      if (name === leftBrace) this.setAsideBraces(1);
      else if (name !== rightBrace) this.setAside(block, false);
    });
    return undefined;
  }

  private oneOf(index: number, names: readonly string[]): IToken {
    const [only = ""] = names;
    if (names.length === 1) return this.consume(index, tokenNamed(only));
    const consume = (name: string) => ({ ALT: () => this.consume(index, tokenNamed(name)) });
    return this.or(index, names.map(consume));
  }

  private take(draft: Draft, token: IToken | undefined): void {
    if (token === undefined || !draft.clause.isWhole) return;
    draft.clause.values.push(token);
    draft.ahead = undefined;
    draft.skipped = [];
  }

  /**
   * The next token is one of these, or the clause is broken from here on.
   * @param at The clause that they stand in, where it is not the block around.
   */
  private demand(draft: Draft, names: readonly string[], { at = draft.block } = {}) {
    const { clause, block, skipped } = draft;
    if (!clause.isWhole) return;
    const next = this.LA(1).tokenType;
    if (names.some((name) => fitsType(next, tokenNamed(name)))) return;
    clause.isWhole = false;
    this.note([...skipped, ...names].filter(isOfToday), at);
    this.setAside(
      block,
      clause.row.elements.some(({ kind }) => kind === "body"),
    );
  }

  private note(expected: readonly string[], block: string): void {
    const token = this.LA(1);
    if (this.misfits.at(-1)?.token === token || this.misfits.length >= maxMisfits) return;
    this.misfits.push({ token, expected, block });
  }

  /** What belongs to a mistake: the rest of its line up to a clause, and braces that follow. */
  private setAside(block: string, stopsAtBrace: boolean): void {
    const clauses = new Set(openings(block));
    for (;;) {
      const { tokenType, startOffset } = this.LA(1);
      if (tokenType === EOF || tokenType.name === rightBrace) return;
      if (tokenType.name === leftBrace) {
        if (!stopsAtBrace) this.setAsideBraces(0);
        return;
      }
      const { startOffset: before, image } = this.LA(0);
      const isNextLine = this.text.slice(before + image.length, startOffset).includes("\n");
      if (isNextLine || clauses.has(tokenType.name) || this.isSectionAhead()) return;
      this.SKIP_TOKEN();
    }
  }

  /** @param open Braces that are open already. */
  private setAsideBraces(open: number): void {
    let depth = open;
    do {
      const { tokenType } = this.LA(1);
      if (tokenType === EOF || this.isSectionAhead()) return;
      if (tokenType.name === leftBrace) depth++;
      if (tokenType.name === rightBrace) depth--;
      this.SKIP_TOKEN();
    } while (depth > 0);
  }

  private isSectionAhead(): boolean {
    return sections.has(this.LA(1).tokenType.name) && this.LA(2).tokenType.name === leftBrace;
  }
}

type Stranger = (block: string) => undefined;

const sections: ReadonlySet<string> = new Set(
  clausesIn(top).flatMap(({ keyword, legacy }) => (keyword && !legacy ? [keyword] : [])),
);

function fitsType(actual: TokenType, wanted: TokenType): boolean {
  return actual === wanted || (actual.CATEGORIES ?? []).includes(wanted);
}

/** Tokens that may begin a clause without keyword. */
function firstWords(row: ClauseRow): string[] {
  const [first, second] = row.elements;
  if (first?.kind === "one") return [...first.of];
  if (first?.kind === "many" && second?.kind === "one") return [...first.of, ...second.of];
  throw new Error(`clause ${row.id} has no first word`);
}

/** People are not told words of older releases. */
function isOfToday(name: string): boolean {
  return !legacyWords.includes(name);
}

const openingsOf = new Map<string, readonly string[]>();

/** Names of the tokens that may begin a clause in the braces of `block`. */
function openings(block: string): readonly string[] {
  const known = openingsOf.get(block);
  if (known !== undefined) return known;
  const rows = clausesIn(block);
  const names = rows.flatMap((row) => (row.keyword ? [row.keyword] : firstWords(row)));
  openingsOf.set(block, names);
  return names;
}

const expectations = new Map<string, readonly string[]>();

/** What people may write in these braces: nothing of older releases. */
function expectedIn(block: string): readonly string[] {
  const known = expectations.get(block);
  if (known !== undefined) return known;
  const rows = clausesIn(block).filter(({ legacy }) => legacy === undefined);
  const names = rows.flatMap((row) => (row.keyword ? [row.keyword] : firstWords(row)));
  const all = block === top ? names : [...names, rightBrace];
  expectations.set(block, all);
  return all;
}

/** Analysing the grammar takes some milliseconds: a program makes one parser. */
export function createParser(isValidating = false): {
  parse(text: string, tokens: IToken[]): Parsed;
} {
  return new ConfigParser(isValidating);
}
