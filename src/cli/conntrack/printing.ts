/**
 * Flows on standard output, in the format that `-o` asks for, in large pieces.
 *
 * Each format is one function that writes a line; a new format is a row here.
 *
 * Described in: doc/conntrack.md, "Output".
 */
import type { LabelMap } from "../../flow/label-map.ts";
import { type FlowRegister, Has1, W } from "../../flow/register.ts";
import { type SaveCommand, writeFlowSave } from "../../flow/save.ts";
import { writeFlowText } from "../../flow/text.ts";
import { type FlowXmlOptions, writeFlowXml } from "../../flow/xml.ts";
import { LineWriter } from "../../kit/line-writer.ts";
import { ctime } from "../../runtime/ctime.ts";
import { writeOut } from "../../runtime/standard-output.ts";
import { type Command, Output } from "./command.ts";

/** Bytes from which on a piece is written. */
const PIECE_BYTES = 1 << 17;

/** What a line is about: an entry of the table, what was done to one, or an event. */
export type Occasion = "listed" | "updated" | "deleted" | "new" | "update" | "destroy";

type Format = (w: LineWriter, flow: FlowRegister, occasion: Occasion, printer: FlowPrinter) => void;

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
  save: ((w, flow, occasion) => writeFlowSave(w, flow, SAVE_COMMANDS[occasion])) as Format,
  xml: ((w, flow, occasion, printer) => {
    const { text } = printer;
    if (EVENT_TAGS[occasion] !== undefined) {
      text.event = occasion;
      text.when = printer.timestamps ? new Date(eventTime(flow, printer)) : undefined;
    }
    writeFlowXml(w, flow, text);
  }) as Format,
  text: ((w, flow, occasion, printer) => {
    const tag = EVENT_TAGS[occasion];
    if (tag !== undefined) {
      if (printer.timestamps) w.text(`[${secondsText(eventTime(flow, printer))}]\t`);
      w.text(tag);
    }
    writeFlowText(w, flow, printer.text);
  }) as Format,
} as const;

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

/** The options of text and XML, of which the moment and the event change. */
type PrinterText = FlowXmlOptions & {
  now: number;
  event?: string | undefined;
  when?: Date | undefined;
};

export class FlowPrinter {
  readonly #writer: () => LineWriter;
  /** What the text and the XML show; `now` is set by whoever knows the time. */
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
    const isXml = command.printsAs(Output.xml);
    this.#format = isXml
      ? formats.xml
      : command.printsAs(Output.save)
        ? formats.save
        : formats.text;
    this.timestamps = command.printsAs(Output.timestamp);
    this.#prologue =
      isXml && !changes ? '<?xml version="1.0" encoding="utf-8"?>\n<conntrack>\n' : "";
    this.text = {
      timeout: true,
      now: Date.now(),
      family: command.printsAs(Output.extended),
      id: command.printsAs(Output.id),
      labels: verb === "delete" ? undefined : labels,
      times: command.printsAs(Output.ktimestamp) && !changes ? ctime : undefined,
      event: undefined,
      when: undefined,
    };
  }

  get writer(): LineWriter {
    return this.#writer();
  }

  /** Whether a line may say who caused an event: in XML there is no place for it. */
  get takesOrigin(): boolean {
    return this.#format !== formats.xml;
  }

  /** A line without its end. */
  write(flow: FlowRegister, occasion: Occasion): void {
    if (!this.#began) {
      this.#began = true;
      this.writer.text(this.#prologue);
    }
    this.#format(this.writer, flow, occasion, this);
  }

  /** A line that may still be taken back. */
  add(flow: FlowRegister, occasion: Occasion): void {
    this.write(flow, occasion);
    this.writer.newline();
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
