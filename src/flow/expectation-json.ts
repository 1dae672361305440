/**
 * An expectation as one JSON object on one line: `conntrack -L expect -o json`.
 *
 * Described in: doc/json.md.
 */
import type { LineWriter } from "../kit/line-writer.ts";
import {
  EXPECTED_TUPLE,
  ExpectationFlag,
  type ExpectationRegister,
  HasX,
  MASK_TUPLE,
  MASTER_FLOW_TUPLE,
  NAT_TUPLE,
  X,
} from "./expectation.ts";
import {
  beginJson,
  beginTuple,
  endJson,
  type JsonEvent,
  jsonNumber,
  jsonString,
  writeJsonLayer4,
} from "./json-words.ts";
import type { TupleWords } from "./register.ts";

export function writeExpectationJson(
  w: LineWriter,
  r: ExpectationRegister,
  event: JsonEvent,
): void {
  const { words } = r;
  beginJson(w, event, words[EXPECTED_TUPLE.family]!, words[EXPECTED_TUPLE.protocol]!);
  if (r.has(HasX.timeout)) jsonNumber(w, ',"timeout":', words[X.timeout]!);
  writeTuple(w, r, ',"expected"', EXPECTED_TUPLE);
  writeTuple(w, r, ',"mask"', MASK_TUPLE);
  writeTuple(w, r, ',"master"', MASTER_FLOW_TUPLE);
  if (r.has(HasX.nat)) {
    writeTuple(w, r, ',"nat"', NAT_TUPLE);
    w.text(`,"nat_direction":"${words[X.natDirection] === 0 ? "original" : "reply"}"`);
  }
  if (r.has(HasX.zone)) jsonNumber(w, ',"zone":', words[X.zone]!);
  if (r.has(HasX.flags)) w.text(`,"flags":${flagsText(words[X.flags]!)}`);
  if (r.has(HasX.class)) jsonNumber(w, ',"class":', words[X.class]!);
  if (r.has(HasX.helper)) jsonString(w, ',"helper":', r, X.helper, words[X.helperLength]!);
  if (r.has(HasX.fn)) jsonString(w, ',"function":', r, X.fn, words[X.fnLength]!);
  if (r.has(HasX.id)) jsonNumber(w, ',"id":', words[X.id]!);
  endJson(w, event);
}

function writeTuple(w: LineWriter, r: ExpectationRegister, name: string, tuple: TupleWords): void {
  const { words } = r;
  w.text(name);
  beginTuple(w, r, words[tuple.family]!, tuple.src, tuple.dst);
  if (r.has(tuple.hasL4)) {
    writeJsonLayer4(w, words[tuple.protocol]!, words[tuple.l4Src]!, words[tuple.l4Dst]!);
  }
  w.text("}");
}

function flagsText(flags: number): string {
  const names = Object.entries(ExpectationFlag).filter(([, bit]) => (flags & bit) !== 0);
  return JSON.stringify(names.map(([name]) => name));
}
