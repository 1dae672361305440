/**
 * The dedicated links of this node: all of them receive, one of them sends. Which one is decided by
 * src/sync/links.ts; here its inputs are gathered and its decision is carried out.
 *
 * Described in: doc/sync/machines.md, "Dedicated links".
 */
import { IFF_RUNNING, IFF_UP } from "../../../native/constants.ts";
import * as native from "../../../native/index.ts";
import type { LinkNews } from "../../netlink/rtnetlink.ts";
import { afterMessage, afterNews, GONE, isUsable, type LinkState } from "../../sync/links.ts";
import type { Outbox } from "../../sync/outbox.ts";
import { opening } from "../start-error.ts";
import { SystemError } from "../system-error.ts";
import { DatagramLink } from "./datagram-link.ts";
import { InterfaceWatch } from "./interface-watch.ts";
import type { Link, LinkEvents, LinkOptions } from "./link.ts";
import { TcpLink } from "./tcp-link.ts";

/** An interface that came back has no addresses at first: the next attempt comes later. */
const REOPEN_MS = 500;

export interface DedicatedLinksOptions {
  /** At least one. */
  readonly links: readonly LinkOptions[];
  /** Index of the link to start with. */
  readonly first: number;
  readonly onMessages: LinkEvents["onMessages"];
  /** What had arrived was taken, and what it caused may be sent. */
  readonly onTurn: () => void;
  readonly log: {
    notice(text: string): void;
    warning(text: string): void;
    error(text: string): void;
  };
}

export class DedicatedLinks {
  readonly all: readonly Link[];
  /** Datagrams that were given up, because nobody took them. */
  dropped = 0;
  readonly #options: DedicatedLinksOptions;
  readonly #states: LinkState[];
  /** Numbers of the interfaces, by link. */
  readonly #indexes: number[];
  readonly #watch: InterfaceWatch;
  readonly #reopening = new Set<NodeJS.Timeout>();
  #current: number;
  /** No link is usable, and the log says so. */
  #hasNone = false;
  /** The link that took no more; it says when it does. */
  #full: Link | undefined;

  /** @throws SystemError where a link cannot be opened, StartError where interfaces cannot be watched */
  constructor(options: DedicatedLinksOptions) {
    this.#options = options;
    this.#current = options.first;
    // First the news, then the states: what happens in between is not lost.
    this.#watch = opening("can't open interface watcher", () => this.#watchInterfaces());
    const all: Link[] = [];
    try {
      for (const each of options.links) all.push(this.#open(each, all.length));
    } catch (error) {
      this.#watch.close();
      for (const link of all) link.close();
      throw error;
    }
    this.all = all;
    this.#states = all.map(() => GONE);
    this.#indexes = all.map((link) => native.interfaceIndex(link.interfaceName));
    this.#ask();
  }

  get current(): Link {
    return this.all[this.#current]!;
  }

  /** The state of a link's interface. */
  stateOf(link: Link): LinkState {
    return this.#states[this.all.indexOf(link)] ?? GONE;
  }

  /** Bytes a datagram must stay below: it may have to leave on any of the links. */
  get datagramLimit(): number {
    return Math.min(...this.all.map((link) => link.datagramLimit));
  }

  /** The current link takes nothing more; `onTurn` follows when that has changed. */
  get isBlocked(): boolean {
    return this.#full !== undefined && this.#full === this.current;
  }

  /** Nothing that is given to the current link can leave now, and nobody knows when. */
  get isCutOff(): boolean {
    const { current } = this;
    return current instanceof TcpLink && !current.isClientConnected;
  }

  /** Datagrams that wait for a connection. */
  get queued(): number {
    let count = 0;
    for (const link of this.all) if (link instanceof TcpLink) count += link.queue.count;
    return count;
  }

  start(): void {
    this.#watch.start();
    for (const link of this.all) link.start();
    this.#choose();
  }

  close(): void {
    this.#watch.close();
    for (const timer of this.#reopening) clearTimeout(timer);
    for (const link of this.all) link.close();
  }

  /** As `Link.send`, on the current link, or on the one that takes over when it fails. */
  send(outbox: Outbox, first: number): number {
    let next = first;
    let link: Link;
    do {
      link = this.current;
      next = link.send(outbox, next);
    } while (link !== this.current && next < outbox.count);
    this.#full = next < outbox.count ? link : undefined;
    return next;
  }

  #watchInterfaces(): InterfaceWatch {
    return new InterfaceWatch({
      onNews: (news) => this.#hear(news),
      onEnd: () => this.#choose(),
      onOverrun: () => this.#ask(),
    });
  }

  #open(options: LinkOptions, index: number): Link {
    const events: LinkEvents = {
      onMessages: this.#options.onMessages,
      onTurn: (accepted) => {
        if (accepted) this.#moveTo(afterMessage(this.#states, this.#current, index));
        this.#options.onTurn();
      },
      onWritable: () => {
        if (this.#full === this.all[index]) this.#full = undefined;
        this.#options.onTurn();
      },
      onSendError: () => this.#replace(index),
      onLimitedBuffer: (clause, bytes) =>
        this.#options.log.warning(
          `${clause}: not permitted to exceed the system's limit, got ${bytes} bytes`,
        ),
    };
    return options.kind === "TCP"
      ? new TcpLink(options, events)
      : new DatagramLink(options, events);
  }

  /** A link could not send: look at its interface without waiting for the news. True: another one sends. */
  #replace(index: number): boolean {
    if (this.all.length === 1 || index !== this.#current) return false;
    const state = askState(this.current);
    if (isUsable(state)) return false;
    this.#states[index] = state;
    const next = afterNews(this.#states, index);
    if (next === index) return false;
    this.#announce(next);
    return true;
  }

  #hear({ index, flags, name }: LinkNews): void {
    this.all.forEach((link, i) => {
      const isRenewed = flags !== 0 && name === link.interfaceName && index !== this.#indexes[i];
      if (isRenewed) this.#renew(link, i, index);
      if (index === this.#indexes[i]) this.#states[i] = stateFrom(flags);
    });
  }

  /** The interface was taken away and made again: groups and scopes belong to the old one. */
  #renew(link: Link, i: number, index: number): void {
    this.#indexes[i] = index;
    try {
      link.reopen();
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      const timer = setTimeout(() => {
        this.#reopening.delete(timer);
        if (this.#indexes[i] === index) this.#renew(link, i, index);
      }, REOPEN_MS);
      this.#reopening.add(timer);
    }
  }

  /** Read all states from the kernel. */
  #ask(): void {
    this.all.forEach((link, i) => {
      this.#states[i] = askState(link);
    });
  }

  /** The states are new: is the current link still the right one? */
  #choose(): void {
    const next = afterNews(this.#states, this.#current);
    if (next !== this.#current) {
      this.#announce(next);
      this.#options.onTurn();
    }
    const hasNone = !this.#states.some(isUsable);
    if (hasNone && !this.#hasNone) this.#options.log.error("no dedicated links available!");
    this.#hasNone = hasNone;
  }

  #announce(next: number): void {
    this.#moveTo(next);
    this.#options.log.notice(`device \`${this.current.interfaceName}' becomes dedicated link`);
  }

  #moveTo(next: number): void {
    const before = this.current;
    this.#current = next;
    const now = this.current;
    if (before !== now && before instanceof TcpLink && now instanceof TcpLink) {
      this.dropped += now.adopt(before);
    }
  }
}

function askState(link: Link): LinkState {
  const flags = native.interfaceFlags(link.interfaceName);
  return flags < 0 ? GONE : stateFrom(flags);
}

function stateFrom(flags: number): LinkState {
  return { isUp: (flags & IFF_UP) !== 0, isRunning: (flags & IFF_RUNNING) !== 0 };
}
