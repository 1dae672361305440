/**
 * A file as rules see it: what it means, and its clauses as they were written, in file order.
 * Knows no rule.
 */

import type { Edit } from "../diagnostic.ts";
import type { Inspection, Token, Written } from "../index.ts";
import type { Config, LinkConfig } from "../model.ts";
import type { Span } from "./rule.ts";

export interface WrittenLink {
  readonly link: LinkConfig;
  readonly clause: Written;
}

export interface Subject {
  readonly config: Config;
  /** One character a byte. */
  readonly text: string;
  readonly sections: readonly Written[];
  /** Every clause of these ids that says what it has to, wherever it stands, in file order. */
  all(...ids: string[]): readonly Written[];
  last(...ids: string[]): Written | undefined;
  readonly links: readonly WrittenLink[];
}

export function subjectOf({ config, outline, text }: Inspection): Subject {
  const byId = new Map<string, Written[]>();
  const collect = (clause: Written): void => {
    const known = byId.get(clause.clause) ?? [];
    byId.set(clause.clause, known);
    if (speaks(clause)) known.push(clause);
    clause.items.forEach(collect);
  };
  outline.forEach(collect);
  const all = (...ids: string[]): readonly Written[] => {
    const lists = ids.map((id) => byId.get(id) ?? []).filter((list) => list.length > 0);
    // Most rules ask for what stands once or never; some for a list as long as the file.
    if (lists.length < 2) return lists[0] ?? [];
    return lists.flat().sort((a, b) => a.offset - b.offset);
  };
  const written = all("multicast", "udp", "tcp");
  const links = config.sync.links.flatMap((link, index) => {
    const clause = written[index];
    return clause === undefined ? [] : [{ link, clause }];
  });
  const last = (...ids: string[]) => all(...ids).at(-1);
  return { config, text, sections: outline, all, last, links };
}

/** Clauses directly inside another, as `all` has them. */
export function itemsOf(clause: Written | undefined, ...ids: string[]): readonly Written[] {
  return clause?.items.filter((item) => ids.includes(item.clause) && speaks(item)) ?? [];
}

/** A clause without its value is a mistake of the language, and no rule's business. */
function speaks({ isWhole, body }: Written): boolean {
  return isWhole || body !== undefined;
}

export function lastItem(clause: Written | undefined, ...ids: string[]): Written | undefined {
  return itemsOf(clause, ...ids).at(-1);
}

/** Where to point: a clause with braces by its first words, any other as a whole. */
export function head({ offset, end, keyword, values, body }: Written): Span {
  if (body === undefined) return { offset, end };
  const last = values.at(-1) ?? keyword;
  return { offset, end: last === undefined ? end : last.offset + last.text.length };
}

/** `head`, for a clause that may not be there. */
export function headOf(...candidates: readonly (Written | undefined)[]): Span | undefined {
  const clause = candidates.find((candidate) => candidate !== undefined);
  return clause && head(clause);
}

/** The first value as it was written. */
export function valueText(clause: Written): string {
  return clause.values[0]?.text ?? "";
}

/** Puts another text in place of a clause's first value. */
export function replaceValue({ values: [value] }: Written, text: string): readonly Edit[] {
  return value ? replaceToken(value, text) : [];
}

export function replaceToken({ offset, text: old }: Token, text: string): readonly Edit[] {
  return [{ offset, end: offset + old.length, text }];
}
