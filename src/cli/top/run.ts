/**
 * Joins the reader of the table and the screen, and gives the terminal back as it was.
 *
 * Described in: doc/conntrack.md, "Top".
 */
import { readFileSync } from "node:fs";
import process from "node:process";
import { render } from "ink";
import { createElement } from "react";
import { errnoText } from "../../../native/index.ts";
import { AF_INET, AF_INET6 } from "../../flow/register.ts";
import { operationFailure } from "../conntrack/failure.ts";
import type { ScreenState } from "./keys.ts";
import type { Picture } from "./look.ts";
import { type Feed, Screen } from "./screen.tsx";
import { TableReader } from "./table-reader.ts";

const ACCOUNTING_FILE = "/proc/sys/net/netfilter/nf_conntrack_acct";
const OTHER_SCREEN = "\x1b[?1049h";
const FIRST_SCREEN = "\x1b[?1049l\x1b[?25h";

const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

export interface TopOptions {
  readonly words: readonly string[];
  /** Seconds between two looks. */
  readonly interval: number;
  readonly family?: "ipv4" | "ipv6";
}

/** Resolves with the exit status when the screen is left. */
export async function runTop(options: TopOptions): Promise<number> {
  if (process.stdin.isTTY !== true || process.stdout.isTTY !== true) {
    process.stderr.write(
      "conntrack top: needs a terminal for standard input and standard output; `conntrack -L -o json' is for programs\n",
    );
    return 1;
  }
  const initial: ScreenState = {
    view: "flows",
    sort: "rate",
    filter: options.words.join(" "),
    isTyping: false,
    isPaused: false,
    isOver: false,
  };
  let failure: string | undefined;
  const feed = new TableFeed(options, initial, (reason) => {
    failure = reason;
    // The first look comes while the screen is still being made.
    setImmediate(() => screen.unmount());
  });
  // Whatever ends us, the terminal is as it was before.
  process.once("exit", giveBack);
  process.stdout.write(OTHER_SCREEN);
  const screen = render(createElement(Screen, { feed, initial, notice: accountingNotice() }), {
    exitOnCtrlC: false,
  });
  // Whoever ends us from outside gets the status of a program that has died of it.
  let status = 0;
  const ends = Object.entries(SIGNALS).map(([signal, number]) => {
    const end = () => {
      status = 128 + number;
      screen.unmount();
    };
    process.on(signal, end);
    return () => process.off(signal, end);
  });
  await screen.waitUntilExit();
  for (const forget of ends) forget();
  feed.close();
  process.off("exit", giveBack);
  giveBack();
  if (failure === undefined) return status;
  process.stderr.write(`${failure}\n`);
  return 1;
}

function giveBack(): void {
  process.stdout.write(FIRST_SCREEN);
}

/** A machine without the file counts, as far as we know. */
function accountingNotice(): string | undefined {
  try {
    if (readFileSync(ACCOUNTING_FILE, "latin1").trim() !== "0") return undefined;
  } catch {
    return undefined;
  }
  return "The kernel counts no bytes: `sysctl -w net.netfilter.nf_conntrack_acct=1', for flows that begin afterwards.";
}

/** The screen's question for the reader, the reader's pictures for the screen. */
class TableFeed implements Feed {
  readonly #reader: TableReader;
  #state: ScreenState;
  #rows = 0;
  #listener: ((picture: Picture) => void) | undefined;

  constructor(options: TopOptions, initial: ScreenState, onFailure: (reason: string) => void) {
    const families = { ipv4: AF_INET, ipv6: AF_INET6 } as const;
    this.#state = initial;
    this.#reader = new TableReader({
      family: options.family === undefined ? 0 : families[options.family],
      intervalMs: options.interval * 1000,
      question: () => ({
        view: this.#state.view,
        sort: this.#state.sort,
        words: this.#state.filter.split(/ +/).filter((word) => word !== ""),
        rows: this.#rows,
      }),
      onPicture: (picture) => {
        if (!this.#state.isPaused) this.#listener?.(picture);
      },
      onFailure: (errno) => onFailure(operationFailure("list", errno, errnoText).lines.trimEnd()),
    });
  }

  subscribe(listener: (picture: Picture) => void): () => void {
    this.#listener = listener;
    return () => {
      this.#listener = undefined;
    };
  }

  ask(state: ScreenState, rows: number): void {
    this.#state = state;
    this.#rows = rows;
    this.#reader.look();
  }

  close(): void {
    this.#reader.close();
  }
}
