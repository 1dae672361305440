/**
 * An expectation as one line of text and as one XML element, in the words of the reference.
 *
 * It adds no event tag, no suffix and no newline: those belong to whoever prints.
 *
 * Described in: doc/flow.md, "Expectations".
 */
import { addressText } from "./address-text.ts";
import {
  EXPECTED_TUPLE,
  ExpectationFlag,
  type ExpectationRegister,
  HasX,
  MASK_TUPLE,
  MASTER_FLOW_TUPLE,
  X,
} from "./expectation.ts";
import { familyName, printableText, protocolName } from "./flow-words.ts";
import type { TupleWords } from "./register.ts";
import { layer4Text } from "./text.ts";
import { element, layer4Xml, stringOf } from "./xml.ts";

export interface ExpectationTextOptions {
  /** Print the timeout where the expectation has one. Dumps of a cache do not. */
  readonly timeout?: boolean;
}

export interface ExpectationXmlOptions extends ExpectationTextOptions {
  /** `new`, `update` or `destroy`, of an event. */
  readonly type?: string;
  /** The `<when>` element of an event, ready made. */
  readonly when?: string;
}

const FLAG_NAMES: readonly [number, string][] = [
  [ExpectationFlag.PERMANENT, "PERMANENT"],
  [ExpectationFlag.INACTIVE, "INACTIVE"],
  [ExpectationFlag.USERSPACE, "USERSPACE"],
];

export function expectationText(
  r: ExpectationRegister,
  options: ExpectationTextOptions = {},
): string {
  const { words } = r;
  let text = options.timeout === true && r.has(HasX.timeout) ? `${words[X.timeout]!} ` : "";
  text += `proto=${words[EXPECTED_TUPLE.protocol]!}`;
  text += tupleText(r, EXPECTED_TUPLE, "");
  text += tupleText(r, MASK_TUPLE, "mask-");
  text += tupleText(r, MASTER_FLOW_TUPLE, "master-");
  if (r.has(HasX.zone)) text += ` zone=${words[X.zone]!}`;
  const flags = flagNames(r).join(",");
  if (flags !== "") text += ` ${flags}`;
  if (r.has(HasX.class)) text += ` class=${words[X.class]!}`;
  if (r.has(HasX.helper)) text += ` helper=${printableText(r, X.helper, words[X.helperLength]!)}`;
  return text;
}

export function expectationXml(
  r: ExpectationRegister,
  options: ExpectationXmlOptions = {},
): string {
  const { words } = r;
  const type = options.type === undefined ? "" : ` type="${options.type}"`;
  const family = words[EXPECTED_TUPLE.family]!;
  const protocol = words[EXPECTED_TUPLE.protocol]!;
  const layer3 = directions((tuple) => addresses(r, tuple));
  const layer4 = directions((tuple) =>
    layer4Xml(words[tuple.protocol]!, words[tuple.l4Src]!, words[tuple.l4Dst]!),
  );
  return (
    `<flow${type}><layer3 protonum="${family}" protoname="${familyName(family)}">${layer3}</layer3>` +
    `<layer4 protonum="${protocol}" protoname="${protocolName(protocol)}">${layer4}</layer4>` +
    `<meta>${metaXml(r, options)}</meta></flow>`
  );
}

function tupleText(r: ExpectationRegister, tuple: TupleWords, prefix: string): string {
  const { words, bytes } = r;
  const family = words[tuple.family]!;
  const src = addressText(family, bytes, tuple.src * 4);
  const dst = addressText(family, bytes, tuple.dst * 4);
  const layer4 = layer4Text(words[tuple.protocol]!, words[tuple.l4Src]!, words[tuple.l4Dst]!);
  return ` ${prefix}src=${src} ${prefix}dst=${dst}${layer4}`;
}

function flagNames(r: ExpectationRegister): string[] {
  if (!r.has(HasX.flags)) return [];
  return FLAG_NAMES.filter(([bit]) => (r.words[X.flags]! & bit) !== 0).map(([, name]) => name);
}

function directions(part: (tuple: TupleWords) => string): string {
  return (
    element("expected", part(EXPECTED_TUPLE)) +
    element("mask", part(MASK_TUPLE)) +
    element("master", part(MASTER_FLOW_TUPLE))
  );
}

function addresses(r: ExpectationRegister, tuple: TupleWords): string {
  const family = r.words[tuple.family]!;
  return (
    element("src", addressText(family, r.bytes, tuple.src * 4)) +
    element("dst", addressText(family, r.bytes, tuple.dst * 4))
  );
}

function metaXml(r: ExpectationRegister, options: ExpectationXmlOptions): string {
  const { words } = r;
  let text = r.has(HasX.helper)
    ? element("helper-name", stringOf(r, X.helper, X.helperLength))
    : "";
  if (options.timeout === true && r.has(HasX.timeout))
    text += element("timeout", words[X.timeout]!);
  if (r.has(HasX.class)) text += element("class", words[X.class]!);
  if (r.has(HasX.zone)) text += element("zone", words[X.zone]!);
  text += options.when ?? "";
  for (const name of flagNames(r)) text += `<${name.toLowerCase()}/>`;
  return text;
}
