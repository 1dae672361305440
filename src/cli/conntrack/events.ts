/**
 * `-E`: what happens to a table, line by line, until a signal ends it.
 *
 * Events are read in batches and leave as soon as a batch was read. A slow reader of our output does not
 * keep us from reading the kernel's, as long as there is memory.
 *
 * Described in: doc/conntrack.md, "Events".
 */
import process from "node:process";
import { EventReader, Happened } from "../../flow/event-reader.ts";
import { ExpectationRegister } from "../../flow/expectation.ts";
import { decodeKernelExpectation } from "../../flow/expectation-kernel.ts";
import { flowMatch } from "../../flow/match.ts";
import {
  IPCTNL_MSG_EXP_DELETE,
  IPCTNL_MSG_EXP_NEW,
  NLM_F_CREATE,
  readI32,
  readU16,
} from "../../netlink/message.ts";
import { EventOutput } from "../../runtime/event-output.ts";
import { EventSource, type EventSourceOptions } from "../../runtime/event-source.ts";
import { writeErrText } from "../../runtime/standard-output.ts";
import { SystemError } from "../../runtime/system-error.ts";
import { ALL_EVENTS, type Command } from "./command.ts";
import { ATTRIBUTES, type Context, summarize } from "./context.ts";
import { ExpectationPrinter } from "./expectation-printing.ts";
import { Failure } from "./failure.ts";
import { checkSelection, optionBit } from "./legality.ts";
import { Origins } from "./origin.ts";
import { FlowPrinter, type Occasion } from "./printing.ts";

/** Events of one system call. */
const BATCH = 256;
/** An event takes more of the socket's buffer than this. */
const LEAST_EVENT_BYTES = 512;
const EVENT_MASK = optionBit("event-mask");
const EXPECTATION_GROUPS = 0x38;

const OCCASIONS: Readonly<Record<number, Occasion>> = {
  [Happened.created]: "new",
  [Happened.updated]: "update",
  [Happened.destroyed]: "destroy",
};

const OVERRUN = `WARNING: We have hit ENOBUFS! We are losing events.
This message means that the current netlink socket buffer size is too small.
Please, check --buffer-size in conntrack(8) manpage.
`;

/** What is done with the events of one table. */
interface Follower {
  wake(now: number): void;
  /** True where a line was made of the message. */
  event(bytes: Uint8Array, at: number, end: number): boolean;
  end(): void;
}

/** Resolves with the exit status once a signal has come. @throws Failure */
export function followFlows(command: Command, context: Context): Promise<number> {
  const groups = (command.options & EVENT_MASK) === 0 ? ALL_EVENTS : command.events;
  const stream = new EventStream(groups, (reason) => {
    writeErrText(`mnl_socket_bind: ${reason}\n`);
    return new Failure("Can't open netlink socket");
  });
  if (command.bufferBytes !== undefined) {
    const size = stream.source.resize(command.bufferBytes);
    writeErrText(`NOTICE: Netlink socket buffer size has been set to ${size} bytes.\n`);
  }
  checkSelection(command);
  const reader = new EventReader({
    filter: flowMatch(command.template),
    filteredByKernel: false,
  });
  const printer = new FlowPrinter(command, context.labels, () => stream.output.writer);
  const origins = new Origins();
  return stream.follow("flow", {
    wake: (now) => {
      printer.text.now = now;
    },
    event: (bytes, at, end) => {
      const occasion = OCCASIONS[reader.event(bytes, at, end)];
      if (occasion === undefined) return false;
      const port = readI32(bytes, at + 12) >>> 0;
      printer.add(reader.flow, occasion, origins.of(port, printer.text.now));
      return true;
    },
    end: () => printer.end(),
  });
}

/** The same for expectations, which have no filters and no origin. @throws Failure */
export function followExpectations(command: Command): Promise<number> {
  const stream = new EventStream(EXPECTATION_GROUPS, () => new Failure("Can't open handler"));
  const printer = new ExpectationPrinter(command, () => stream.output.writer);
  const expectation = new ExpectationRegister();
  return stream.follow("expectation", {
    wake: (now) => {
      printer.now = now;
    },
    event: (bytes, at, end) => {
      const type = readU16(bytes, at + 4);
      if (type !== IPCTNL_MSG_EXP_NEW && type !== IPCTNL_MSG_EXP_DELETE) return false;
      if (!decodeKernelExpectation(expectation, bytes, at + ATTRIBUTES, end)) return false;
      const isNew = (readU16(bytes, at + 6) & NLM_F_CREATE) !== 0;
      const occasion = isNew ? "new" : "update";
      printer.line(expectation, type === IPCTNL_MSG_EXP_DELETE ? "destroy" : occasion);
      return true;
    },
    end: () => printer.end(),
  });
}

/** Events in, lines out, until SIGINT or SIGTERM. */
class EventStream {
  readonly source: EventSource;
  readonly output: EventOutput;
  #follower: Follower | undefined;
  #count = 0;

  /** `refused` makes the failure where the socket is refused. */
  constructor(groups: number, refused: (reason: string) => Failure) {
    const options: EventSourceOptions = {
      groups,
      iterationLimit: BATCH - 1,
      program: new Uint8Array(0),
      reliable: false,
      bufferBytes: 0,
      bufferMaxBytes: 0,
      onWake: () => this.#follower?.wake(Date.now()),
      onEvent: (bytes, at, end) => {
        if (this.#follower?.event(bytes, at, end) === true) this.#count += 1;
      },
      onTurn: () => this.output.flush(),
      onOverrun: () => writeErrText(OVERRUN),
    };
    try {
      this.source = new EventSource(options);
    } catch (error) {
      throw error instanceof SystemError ? refused(error.reason) : error;
    }
    this.output = new EventOutput({
      onFull: () => this.source.pause(),
      onRoom: () => this.source.start(),
    });
  }

  follow(what: string, follower: Follower): Promise<number> {
    this.#follower = follower;
    this.source.start();
    return new Promise((resolve) => {
      const finish = () => {
        this.source.pause();
        // What has come before the signal is shown, and no more than the buffer can hold: events may go on coming.
        let left = Math.ceil(this.source.bufferBytes / LEAST_EVENT_BYTES / BATCH);
        while (this.source.drain() && left > 0) left -= 1;
        follower.end();
        this.output.end(() => {
          this.source.close();
          summarize(`${this.#count} ${what} events have been shown.`);
          resolve(0);
        });
      };
      for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, finish);
    });
  }
}
