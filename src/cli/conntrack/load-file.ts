/**
 * `-R FILE`: the commands of a file, one a line. All lines are read before the first is carried out.
 *
 * A file may hold hundreds of thousands of lines: one that creates an entry is kept as its request (creations.ts), any
 * other as its text, and nothing else of it.
 *
 * Described in: doc/conntrack.md, "Batch files".
 */
import { closeSync, openSync, readSync } from "node:fs";
import { errnoText } from "../../../native/index.ts";
import type { LabelMap } from "../../flow/label-map.ts";
import { writeErrText } from "../../runtime/standard-output.ts";
import { LineCutter, type LineVisitor, splitWords } from "./batch-words.ts";
import type { Command } from "./command.ts";
import { Context } from "./context.ts";
import { Creations } from "./creations.ts";
import { deleteFlows } from "./delete.ts";
import { Failure, operationFailure, usageFailure } from "./failure.ts";
import { flushTable } from "./flush.ts";
import { needsLabels, readLabelMap, resolveLabels } from "./labels.ts";
import { checkLegality } from "./legality.ts";
import { type Line, LineShapes } from "./line-shapes.ts";
import { systemProtocol } from "./protocol-database.ts";
import { CommandReader } from "./reading.ts";
import { updateFlows } from "./update.ts";

const STDIN = 0;
const PIECE_BYTES = 1 << 16;

/** What is done in turn: many creations, or one command. */
type Step =
  | { readonly kind: "creations"; readonly creations: Creations }
  /** The line is read again when its time has come: its words are less than what they become. */
  | { readonly kind: "command"; readonly text: Buffer; readonly line: number };

/** A failure in a line of the file: the line is told behind the words of the reference. */
class LineFailure extends Failure {
  readonly #place: string;

  constructor({ message, exit }: Failure, file: string, line: number) {
    super(message, exit);
    this.#place = `in line ${line} of ${file === "-" ? "standard input" : file}\n`;
  }

  override get lines(): string {
    return super.lines + this.#place;
  }
}

/** @throws Failure */
export async function loadFile(file: string): Promise<number> {
  const batch = new Batch(file);
  readLines(file, (bytes, at, end, number) => batch.line({ bytes, at, end }, number));
  await batch.run();
  return 0;
}

class Batch {
  readonly #file: string;
  readonly #steps: Step[] = [];
  readonly #reader: CommandReader;
  readonly #shapes = new LineShapes();
  #warnings = 0;
  #map: LabelMap | undefined;
  #hasMap = false;
  #mapFile: string | undefined;
  /** Only creating, adding, updating, deleting and flushing can be done from a file. */
  #misfit: Failure | undefined;

  constructor(file: string) {
    this.#file = file;
    this.#reader = new CommandReader({
      warn: (line) => {
        this.#warnings += 1;
        writeErrText(`${line}\n`, "latin1");
      },
      protocolNumber: systemProtocol,
    });
  }

  line(line: Line, number: number): void {
    const known = this.#shapes.fill(line);
    if (known !== undefined) {
      this.#creations().add(known, number);
      return;
    }
    try {
      const words = splitWords(line.bytes.toString("latin1", line.at, line.end), "conntrack");
      if (words !== undefined) this.#read(words, line, number);
    } catch (error) {
      throw this.#inLine(error, number);
    }
  }

  async run(): Promise<void> {
    if (this.#misfit !== undefined) throw this.#misfit;
    const context = new Context(this.#map, true);
    for (const step of this.#steps) {
      if (step.kind === "creations") {
        this.#create(step.creations, context);
        continue;
      }
      const { text, line } = step;
      try {
        const command = this.#again(text);
        if (command.verb === "flush") flushTable(command, context);
        else if (command.verb === "delete") await deleteFlows(command, context);
        else updateFlows(command, context);
      } catch (error) {
        throw this.#inLine(error, line);
      }
    }
  }

  /** The command of a line that was checked before; what was to be warned of was. */
  #again(text: Buffer): Command {
    const reader = new CommandReader({ warn: () => undefined, protocolNumber: systemProtocol });
    const command = reader.read(splitWords(text.toString("latin1"), "conntrack") ?? []);
    resolveLabels(command, this.#map);
    // What the output looks like is said once for the whole file.
    command.output = this.#reader.command.output;
    return command;
  }

  #read(words: string[], line: Line, number: number): void {
    const warnings = this.#warnings;
    const command = this.#reader.read(words);
    if (needsLabels(command)) this.#readMap(command);
    resolveLabels(command, this.#map);
    checkLegality(command);
    const isKnown = command.table === "conntrack";
    const { verb, template } = command;
    if (isKnown && (verb === "create" || verb === "add")) {
      const creation = { template, isExclusive: verb === "create" };
      const { placed } = this.#reader;
      // A warning is given for every line.
      if (placed !== undefined && warnings === this.#warnings) {
        this.#shapes.learn(line, creation, placed);
      }
      this.#creations().add(creation, number);
    } else if (isKnown && (verb === "update" || verb === "delete" || verb === "flush")) {
      const text = Buffer.from(line.bytes.subarray(line.at, line.end));
      this.#steps.push({ kind: "command", text, line: number });
    } else {
      this.#misfit ??= this.#misfitOf(command, number);
    }
  }

  #misfitOf(command: Command, line: number): Failure {
    const refused = usageFailure(`Cannot use command \`${nameOf(command)}' with --load-file`);
    return new LineFailure(refused, this.#file, line);
  }

  #readMap({ labelMapFile }: Command): void {
    this.#mapFile ??= labelMapFile;
    if (this.#hasMap) return;
    this.#hasMap = true;
    this.#map = readLabelMap(this.#mapFile);
  }

  #creations(): Creations {
    const last = this.#steps.at(-1);
    if (last?.kind === "creations") return last.creations;
    const creations = new Creations();
    this.#steps.push({ kind: "creations", creations });
    return creations;
  }

  #create(creations: Creations, { session }: Context): void {
    const refused = creations.run(session);
    if (refused === undefined) return;
    const operation = refused.isExclusive ? "create" : "add";
    throw this.#inLine(operationFailure(operation, refused.errno, errnoText), refused.line);
  }

  #inLine(error: unknown, line: number): unknown {
    return error instanceof Failure ? new LineFailure(error, this.#file, line) : error;
  }
}

/** How the message names a command; two of them by the names of others, as the reference does. */
function nameOf({ row, table, verb }: Command): string {
  if (row === undefined) return "unknown";
  if (table !== "expect") return `-${row.short}`;
  if (verb === "create" || verb === "count") return "-C expect";
  return `-${row.short} expect`;
}

function readLines(file: string, visit: LineVisitor): void {
  let fd: number;
  try {
    fd = file === "-" ? STDIN : openSync(file, "r");
  } catch {
    throw usageFailure(`Failed to open file ${file} for reading`);
  }
  const cutter = new LineCutter(visit);
  const piece = Buffer.allocUnsafe(PIECE_BYTES);
  for (let size = readPiece(fd, piece); size > 0; size = readPiece(fd, piece)) {
    cutter.take(piece.subarray(0, size));
  }
  cutter.end();
  if (fd !== STDIN) closeSync(fd);
}

/** 0 at the end; a directory is an empty file. */
function readPiece(fd: number, piece: Buffer): number {
  for (;;) {
    try {
      return readSync(fd, piece, 0, piece.length, null);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== "EAGAIN") return 0;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}
