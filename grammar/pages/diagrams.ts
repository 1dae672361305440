/** Railroad diagrams, one for each clause that holds others. For the documentation only. */

/// <reference path="./railroad-diagrams.d.ts" />
import * as railroad from "@prantlf/railroad-diagrams";
import { type ClauseRow, clauseRows, clausesIn } from "../clauses.ts";
import type { Element } from "../shape.ts";
import { alternatives, holdsClauses } from "./words.ts";

type Node = railroad.Sequence;

const style = `<style>
svg { background-color: #fff }
path { stroke-width: 2; stroke: #333; fill: none }
text { font: 14px monospace; text-anchor: middle; white-space: pre }
rect { stroke-width: 2; stroke: #333; fill: #eef3fb }
g.non-terminal rect { fill: #fff }
</style>`;

function choice(of: readonly string[]): Node {
  const nodes = alternatives(of).map(({ text, isKind }) =>
    isKind ? new railroad.NonTerminal(text) : new railroad.Terminal(text),
  );
  return nodes.length === 1 && nodes[0] ? nodes[0] : new railroad.Choice(0, ...nodes);
}

function inner(row: ClauseRow): Node {
  const items = clausesIn(row.id).filter(({ legacy }) => legacy === undefined);
  return new railroad.Choice(0, ...items.map(leaf));
}

/** Clauses that hold others have a diagram of their own. */
function leaf(row: ClauseRow): Node {
  return holdsClauses(row) ? new railroad.NonTerminal(row.keyword ?? row.id) : sequence(row);
}

function braces(row: ClauseRow): Node {
  const [open, close] = [new railroad.Terminal("{"), new railroad.Terminal("}")];
  return new railroad.Sequence(open, new railroad.ZeroOrMore(inner(row)), close);
}

function element(row: ClauseRow, part: Element): Node {
  switch (part.kind) {
    case "one":
      return choice(part.of);
    case "many":
      return new railroad.ZeroOrMore(choice(part.of));
    case "optional":
      return new railroad.Optional(new railroad.Sequence(...part.words.map(choice)));
    case "body":
      return part.instead.length > 0
        ? new railroad.Choice(0, choice(part.instead), braces(row))
        : braces(row);
    case "item":
      return inner(row);
  }
}

function sequence(row: ClauseRow): Node {
  const parts = row.elements.map((part) => element(row, part));
  const keyword = row.keyword ? [new railroad.Terminal(row.keyword)] : [];
  return new railroad.Sequence(...keyword, ...parts);
}

/** Id of the clause, and its picture. */
export function diagrams(): Map<string, string> {
  const rows = clauseRows.filter((row) => holdsClauses(row) && row.legacy === undefined);
  return new Map(
    rows.map((row) => {
      const svg = new railroad.Diagram(sequence(row)).toString();
      const opening = '<svg xmlns="http://www.w3.org/2000/svg" ';
      const title = `<title>${row.keyword ?? row.id}</title>`;
      return [row.id, `${svg.replace("<svg ", opening).replace(">", `>\n${title}\n${style}`)}\n`];
    }),
  );
}
