/**
 * Flows on standard output, in the format that `-o` asks for, in large pieces.
 *
 * Each format is one function that writes a line; a new format is a row here.
 *
 * Described in: doc/conntrack.md, "Output".
 */

import { type FlowJsonOptions, writeFlowJson } from "../../flow/json.ts";
import type { Origin } from "../../flow/json-words.ts";
import type { LabelMap } from "../../flow/label-map.ts";
import { type FlowRegister, Has1, W } from "../../flow/register.ts";
import { type SaveCommand, writeFlowSave } from "../../flow/save.ts";
import { writeFlowText } from "../../flow/text.ts";
import { type FlowXmlOptions, writeFlowXml } from "../../flow/xml.ts";
import { LineWriter } from "../../kit/line-writer.ts";
import { ctime } from "../../runtime/ctime.ts";
import { writeOut } from "../../runtime/standard-output.ts";
import { paintFrom } from "./color.ts";
import { type Command, Output } from "./command.ts";

/** Bytes from which on a piece is written. */
const PIECE_BYTES = 1 << 17;

/** What a line is about: an entry of the table, what was done to one, or an event. */
export type Occasion = "listed" | "updated" | "deleted" | "new" | "update" | "destroy";

/** `origin` is who caused an event; in XML there is no place for it. */
type Format = (
  w: LineWriter,
  flow: FlowRegister,
  occasion: Occasion,
  printer: FlowPrinter,
  origin: Origin | undefined,
) => void;

const SAVE_COMMANDS: Readonly<Record<Occasion, SaveCommand>> = {
  listed: "-A",
  updated: "-A",
  deleted: "-D",
  new: "-A",
  update: "-U",
  destroy: "-D",
};

/** What a line of an event begins with. */
export const EVENT_TAGS: Readonly<Partial<Record<Occasion, string>>> = {
  new: "    [NEW] ",
  update: " [UPDATE] ",
  destroy: "[DESTROY] ",
};

const formats = {
  save: ((w, flow, occasion, _printer, origin) => {
    writeFlowSave(w, flow, SAVE_COMMANDS[occasion]);
    writeOrigin(w, origin);
  }) as Format,
  json: ((w, flow, occasion, printer, origin) => {
    const { text } = printer;
    if (EVENT_TAGS[occasion] !== undefined) {
      text.event = occasion;
      text.time = eventTime(flow, printer);
      text.origin = origin;
    }
    writeFlowJson(w, flow, text);
  }) as Format,
  xml: ((w, flow, occasion, printer) => {
    const { text } = printer;
    if (EVENT_TAGS[occasion] !== undefined) {
      text.event = occasion;
      text.when = printer.timestamps ? new Date(eventTime(flow, printer)) : undefined;
    }
    writeFlowXml(w, flow, text);
  }) as Format,
  text: ((w, flow, occasion, printer, origin) => {
    const tag = EVENT_TAGS[occasion];
    if (tag !== undefined) {
      if (printer.timestamps) w.text(`[${secondsText(eventTime(flow, printer))}]\t`);
      w.text(tag);
    }
    writeFlowText(w, flow, printer.text);
    writeOrigin(w, origin);
  }) as Format,
} as const;

const painted: Format = (w, ...line) => {
  const start = w.length;
  formats.text(w, ...line);
  paintFrom(w, start);
};

function formatOf(command: Command): keyof typeof formats {
  if (command.printsAs(Output.json)) return "json";
  if (command.printsAs(Output.xml)) return "xml";
  return command.printsAs(Output.save) ? "save" : "text";
}

function writeOrigin(w: LineWriter, origin: Origin | undefined): void {
  if (origin === undefined) return;
  w.text(" [USERSPACE] portid=");
  w.decimal(origin.port);
  if (origin.program === undefined) return;
  w.text(" progname=");
  w.text(origin.program);
}

/** Milliseconds since the epoch, with microseconds as their fraction: the kernel's time, or now. */
function eventTime(flow: FlowRegister, { text }: FlowPrinter): number {
  if (!flow.has1(Has1.eventTime)) return text.now;
  const { words } = flow;
  return (words[W.eventTimeHigh]! * 2 ** 32 + words[W.eventTimeLow]!) / 1e6;
}

/** `%.8ld.%.6ld`. */
function secondsText(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000);
  const micros = Math.floor((milliseconds - seconds * 1000) * 1000);
  return `${`${seconds}`.padStart(8, "0")}.${`${micros}`.padStart(6, "0")}`;
}

/** The options of all formats, of which the moment and the event change. */
type PrinterText = FlowXmlOptions &
  FlowJsonOptions & {
    now: number;
    event?: string | undefined;
    when?: Date | undefined;
    time?: number | undefined;
    origin?: Origin | undefined;
  };

export class FlowPrinter {
  readonly #writer: () => LineWriter;
  /** What the formats show; `now` is set by whoever knows the time. */
  readonly text: PrinterText;
  readonly timestamps: boolean;
  readonly #format: Format;
  readonly #prologue: string;
  #began = false;

  /** Lines go into a writer of its own, or into what `writer` gives each time. */
  constructor(command: Command, labels: LabelMap | undefined, writer?: () => LineWriter) {
    const own = writer === undefined ? new LineWriter(PIECE_BYTES + 4096) : undefined;
    this.#writer = writer ?? (() => own!);
    const { verb } = command;
    const changes = verb === "update" || verb === "delete";
    const format = formatOf(command);
    this.#format = format === "text" && command.isColored ? painted : formats[format];
    this.timestamps = command.printsAs(Output.timestamp);
    this.#prologue =
      format === "xml" && !changes ? '<?xml version="1.0" encoding="utf-8"?>\n<conntrack>\n' : "";
    this.text = {
      timeout: true,
      now: Date.now(),
      family: command.printsAs(Output.extended),
      id: command.printsAs(Output.id),
      labels: verb === "delete" ? undefined : labels,
      times: command.printsAs(Output.ktimestamp) && !changes ? ctime : undefined,
      event: undefined,
      when: undefined,
      time: undefined,
      origin: undefined,
    };
  }

  get writer(): LineWriter {
    return this.#writer();
  }

  /** A line that is not written yet, whatever has gathered. */
  add(flow: FlowRegister, occasion: Occasion, origin?: Origin): void {
    if (!this.#began) {
      this.#began = true;
      this.writer.text(this.#prologue);
    }
    const { writer } = this;
    this.#format(writer, flow, occasion, this, origin);
    writer.newline();
  }

  line(flow: FlowRegister, occasion: Occasion): void {
    this.add(flow, occasion);
    this.flushLarge();
  }

  /** Write what has gathered, if it is worth a system call. */
  flushLarge(): void {
    if (this.writer.length >= PIECE_BYTES) this.flush();
  }

  /** Close the XML, where one was begun. */
  end(): void {
    if (this.#began && this.#prologue !== "") this.writer.text("</conntrack>\n");
  }

  flush(): void {
    if (this.writer.length > 0) writeOut(this.writer.bytes, this.writer.length);
    this.writer.cut();
  }
}
