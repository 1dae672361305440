/**
 * One command as it was said: what to do, with which table, and everything that was told about flows.
 *
 * It is filled from left to right (reading.ts, protocols.ts), checked as a whole (legality.ts), and
 * then carried out. A batch fills one and the same object for each line.
 */
import { FlowTemplate } from "../../flow/template.ts";
import type { CommandRow, Table, Verb } from "./options.ts";
import type { ProtocolRow } from "./protocols.ts";

/** What `-o` asks for. */
export const Output = {
  xml: 1,
  extended: 2,
  timestamp: 4,
  id: 8,
  ktimestamp: 16,
  labels: 32,
  userspace: 64,
  save: 128,
  json: 256,
} as const;

/** What `--color` asks for. */
export const COLOR_WORDS = ["auto", "always", "never"] as const;

/** Kinds of events, as bits of the groups: NEW, UPDATE, DESTROY. */
export const ALL_EVENTS = 7;

/** The tuple of an expected flow, or its mask: values of an address pair and of two ports. */
export interface TupleValues {
  /** Source, destination: four words each in network order. */
  readonly addresses: Uint32Array;
  /** Source, destination: ports or keys. */
  readonly l4: Uint16Array;
}

export class Command {
  row: CommandRow | undefined;
  table: Table = "conntrack";
  readonly template = new FlowTemplate();
  /** Bits of OPTIONS, by their place in the table. */
  options = 0;
  /** The extension that the last `-p` chose, and bits of its own options. */
  protocol: ProtocolRow | undefined;
  protocolOptions = 0;
  /** The family that was said or implied; 0: any. */
  family = 0;
  events = 0;
  output = 0;
  color: (typeof COLOR_WORDS)[number] = "never";
  /** Whether lines are painted: the answer to `color` on this standard output. */
  isColored = false;
  bufferBytes: number | undefined;
  /** Names, resolved once the command is complete. */
  labels: string[] = [];
  labelsToAdd: string[] = [];
  labelsToClear: string[] = [];
  labelMapFile: string | undefined;
  /** Bits of the labels to add and to clear. */
  addBits: number[] = [];
  clearBits: number[] = [];
  readonly expected: TupleValues = tupleValues();
  readonly mask: TupleValues = tupleValues();

  /** Forget the line before; what lasts over a batch, the output, stays. */
  nextLine(): void {
    this.row = undefined;
    this.protocol = undefined;
    this.table = "conntrack";
    this.template.clear();
    this.options = 0;
    this.protocolOptions = 0;
    this.family = 0;
    this.events = 0;
    this.bufferBytes = undefined;
    if (this.labels.length > 0) this.labels = [];
    if (this.labelsToAdd.length > 0) this.labelsToAdd = [];
    if (this.labelsToClear.length > 0) this.labelsToClear = [];
    if (this.addBits.length > 0) this.addBits = [];
    if (this.clearBits.length > 0) this.clearBits = [];
  }

  get verb(): Verb | undefined {
    return this.row?.verb;
  }

  get isOnExpectations(): boolean {
    return this.table === "expect";
  }

  printsAs(output: number): boolean {
    return (this.output & output) !== 0;
  }
}

function tupleValues(): TupleValues {
  return { addresses: new Uint32Array(8), l4: new Uint16Array(2) };
}
