/** Expectations on standard output: text, XML or JSON, with the time where it is asked for. */
import type { ExpectationRegister } from "../../flow/expectation.ts";
import { writeExpectationJson } from "../../flow/expectation-json.ts";
import { expectationText, expectationXml } from "../../flow/expectation-text.ts";
import { whenXml } from "../../flow/xml.ts";
import { LineWriter } from "../../kit/line-writer.ts";
import { writeOut } from "../../runtime/standard-output.ts";
import { paintFrom } from "./color.ts";
import { type Command, Output } from "./command.ts";
import { EVENT_TAGS, type Occasion } from "./printing.ts";

const PIECE_BYTES = 1 << 17;

export class ExpectationPrinter {
  /** Milliseconds since the epoch, set by whoever knows the time. */
  now = Date.now();
  readonly #isXml: boolean;
  readonly #isJson: boolean;
  readonly #timestamps: boolean;
  readonly #isColored: boolean;
  readonly #writer: () => LineWriter;
  #began = false;

  /** Lines go into a writer of its own, or into what `writer` gives each time. */
  constructor(command: Command, writer?: () => LineWriter) {
    const own = writer === undefined ? new LineWriter(PIECE_BYTES) : undefined;
    this.#writer = writer ?? (() => own!);
    this.#isJson = command.printsAs(Output.json);
    this.#isXml = command.printsAs(Output.xml);
    this.#isColored = command.isColored;
    this.#timestamps = command.printsAs(Output.timestamp);
  }

  line(expectation: ExpectationRegister, event?: Occasion): void {
    const writer = this.#writer();
    if (this.#isJson) {
      writeExpectationJson(writer, expectation, { event, time: this.now });
    } else if (this.#isXml) {
      if (!this.#began) writer.text('<?xml version="1.0" encoding="utf-8"?>\n<expect>\n');
      this.#began = true;
      writer.text(
        expectationXml(expectation, {
          timeout: true,
          ...(event === undefined ? {} : { type: event }),
          ...(this.#timestamps ? { when: whenXml(new Date(this.now)) } : {}),
        }),
      );
    } else {
      const start = writer.length;
      if (this.#timestamps) writer.text(`[${paddedSeconds(this.now)}]\t`);
      if (event !== undefined) writer.text(EVENT_TAGS[event] ?? "");
      writer.text(expectationText(expectation, { timeout: true }));
      if (this.#isColored) paintFrom(writer, start);
    }
    writer.newline();
  }

  /** Close the XML, where one was begun. */
  end(): void {
    if (this.#began) this.#writer().text("</expect>\n");
  }

  flushLarge(): void {
    if (this.#writer().length >= PIECE_BYTES) this.flush();
  }

  flush(): void {
    const writer = this.#writer();
    if (writer.length > 0) writeOut(writer.bytes, writer.length);
    writer.cut();
  }
}

/** `%-8ld.%-6ld`: padded on the right, as the reference does here and only here. */
function paddedSeconds(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000);
  const micros = Math.floor((milliseconds - seconds * 1000) * 1000);
  return `${`${seconds}`.padEnd(8)}.${`${micros}`.padEnd(6)}`;
}
