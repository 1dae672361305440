/**
 * One look at the table after the other, added up for the screen: totals, states, rates, and the best of what is asked
 * for. It takes flows and a time, and does no I/O.
 *
 * A look costs the same for a flow however many there are: the best are kept in a list as long as the screen, hosts up
 * to a limit.
 *
 * Described in: doc/conntrack.md, "Top".
 */
import { writeAddress } from "../../flow/address-text.ts";
import {
  DCCP_STATES,
  protocolName,
  protocolState,
  SCTP_STATES,
  stateName,
  TCP_STATES,
} from "../../flow/flow-words.ts";
import {
  AF_INET6,
  type FlowRegister,
  Has0,
  Has1,
  hasPorts,
  IPPROTO_DCCP,
  IPPROTO_SCTP,
  W,
} from "../../flow/register.ts";
import { writeFlowText } from "../../flow/text.ts";
import { LineWriter } from "../../kit/line-writer.ts";
import type { FlowCounters } from "./counters.ts";

export const VIEWS = ["flows", "sources", "destinations"] as const;
export type View = (typeof VIEWS)[number];
export const SORTS = ["rate", "bytes", "packets", "flows"] as const;
export type Sort = (typeof SORTS)[number];

/** What is asked of a look. */
export interface Question {
  readonly view: View;
  readonly sort: Sort;
  /** Words that the line of a flow must hold, as `-L` prints it. */
  readonly words: readonly string[];
  /** Rows that the screen has room for. */
  readonly rows: number;
}

export interface Row {
  readonly name: string;
  /** Protocol and state, of a flow. */
  readonly kind: string;
  readonly flows: number;
  readonly bytes: number;
  readonly packets: number;
  /** Bytes since the last look. */
  readonly fresh: number;
}

/** What a look has found. */
export interface Picture {
  readonly flows: number;
  readonly shown: number;
  /** Flows that were not there before, and those that are no more; undefined at the first look. */
  readonly begun: number | undefined;
  readonly ended: number | undefined;
  /** Seconds since the last look; 0 at the first. */
  readonly seconds: number;
  readonly freshBytes: number;
  readonly freshPackets: number;
  readonly hasCounters: boolean;
  readonly kinds: readonly (readonly [name: string, flows: number])[];
  readonly rows: readonly Row[];
  /** Hosts were left out because there are too many. */
  readonly isPartial: boolean;
}

/** Hosts that are added up. */
export const MAX_HOSTS = 1 << 16;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export class Look {
  readonly #counters: FlowCounters;
  readonly #question: Question;
  readonly #seconds: number;
  readonly #words: readonly (readonly Buffer[])[];
  readonly #line = new LineWriter(1024);
  readonly #kinds = new Map<string, number>();
  readonly #hosts = new Map<string, Mutable<Row>>();
  /** The best flows, in no order, and the least of them. */
  readonly #best: Row[] = [];
  #least = 0;
  #flows = 0;
  #shown = 0;
  #begun = 0;
  #freshBytes = 0;
  #freshPackets = 0;
  #hasCounters = false;
  #isPartial = false;

  /** `seconds` since the last look with these counters; 0 where there was none. */
  constructor(counters: FlowCounters, question: Question, seconds: number) {
    this.#counters = counters;
    this.#question = question;
    this.#seconds = seconds;
    this.#words = question.words.map((word) =>
      [word, word.toLowerCase(), word.toUpperCase()].map((each) => Buffer.from(each, "latin1")),
    );
    counters.turn();
  }

  see(flow: FlowRegister): void {
    const { words } = flow;
    const bytes = sum(words, W.bytesOrigLow, W.bytesReplyLow, flow);
    const packets = sum(words, W.packetsOrigLow, W.packetsReplyLow, flow);
    const change = this.#counters.see(words[W.id]!, bytes, packets);
    this.#flows += 1;
    if (change.isNew) this.#begun += 1;
    if (!this.#isWanted(flow)) return;
    this.#shown += 1;
    this.#hasCounters ||= flow.has1(Has1.countersOrig);
    const isFirst = this.#seconds === 0;
    if (!isFirst) {
      this.#freshBytes += change.bytes;
      this.#freshPackets += change.packets;
    }
    const kind = kindOf(words);
    this.#kinds.set(kind, (this.#kinds.get(kind) ?? 0) + 1);
    const freshBytes = isFirst ? 0 : change.bytes;
    if (this.#question.view === "flows") this.#offer(flow, kind, bytes, packets, freshBytes);
    else this.#addToHost(flow, bytes, packets, freshBytes);
  }

  end(): Picture {
    const { sort, rows } = this.#question;
    const all = this.#question.view === "flows" ? this.#best : [...this.#hosts.values()];
    const before = this.#counters.countBefore;
    const isFirst = this.#seconds === 0;
    return {
      flows: this.#flows,
      shown: this.#shown,
      begun: isFirst ? undefined : this.#begun,
      ended: isFirst ? undefined : Math.max(0, before - (this.#flows - this.#begun)),
      seconds: this.#seconds,
      freshBytes: this.#freshBytes,
      freshPackets: this.#freshPackets,
      hasCounters: this.#hasCounters,
      kinds: [...this.#kinds].sort(([, a], [, b]) => b - a),
      rows: all.sort((a, b) => score(b, sort) - score(a, sort)).slice(0, rows),
      isPartial: this.#isPartial,
    };
  }

  /** Every word stands in the line; letters count in any case. */
  #isWanted(flow: FlowRegister): boolean {
    if (this.#words.length === 0) return true;
    const line = this.#line;
    line.cut();
    writeFlowText(line, flow, { timeout: true, now: 0, id: true });
    const text = Buffer.from(line.bytes.buffer, 0, line.length);
    return this.#words.every((forms) => forms.some((form) => text.includes(form)));
  }

  /** Take a flow among the best, for the least of them. */
  #offer(flow: FlowRegister, kind: string, bytes: number, packets: number, fresh: number): void {
    const { sort, rows } = this.#question;
    const best = this.#best;
    const worth = sort === "bytes" ? bytes : sort === "packets" ? packets : fresh;
    if (best.length >= rows) {
      if (rows === 0 || worth <= score(best[this.#least]!, sort)) return;
      best[this.#least] = best[best.length - 1]!;
      best.pop();
    }
    best.push({ name: flowName(flow), kind, flows: 1, bytes, packets, fresh });
    this.#least = 0;
    for (let i = 1; i < best.length; i++) {
      if (score(best[i]!, sort) < score(best[this.#least]!, sort)) this.#least = i;
    }
  }

  #addToHost(flow: FlowRegister, bytes: number, packets: number, fresh: number): void {
    const name = addressOf(flow, this.#question.view === "sources" ? W.origSrc : W.origDst);
    let host = this.#hosts.get(name);
    if (host === undefined) {
      if (this.#hosts.size >= MAX_HOSTS) {
        this.#isPartial = true;
        return;
      }
      host = { name, kind: "", flows: 0, bytes: 0, packets: 0, fresh: 0 };
      this.#hosts.set(name, host);
    }
    host.flows += 1;
    host.bytes += bytes;
    host.packets += packets;
    host.fresh += fresh;
  }
}

function score(row: Row, sort: Sort): number {
  switch (sort) {
    case "rate":
      return row.fresh;
    case "bytes":
      return row.bytes;
    case "packets":
      return row.packets;
    case "flows":
      return row.flows;
  }
}

/** Both directions; doubles will do for a screen. */
function sum(words: Uint32Array, orig: number, reply: number, flow: FlowRegister): number {
  const value = (low: number) => words[low + 1]! * 2 ** 32 + words[low]!;
  return (
    (flow.has1(Has1.countersOrig) ? value(orig) : 0) +
    (flow.has1(Has1.countersReply) ? value(reply) : 0)
  );
}

/** By protocol and state, so that a look makes no string for a flow. */
const KINDS = new Map<number, string>();

function kindOf(words: Uint32Array): string {
  const protocol = words[W.protocol]!;
  const state = protocolState(words);
  const key = protocol * 256 + state + 1;
  let kind = KINDS.get(key);
  if (kind === undefined) {
    const name = protocolName(protocol);
    kind = name === "unknown" ? `protocol ${protocol}` : name;
    if (state !== -1) kind += ` ${stateName(statesOf(protocol), state)}`;
    KINDS.set(key, kind);
  }
  return kind;
}

function statesOf(protocol: number): readonly string[] {
  if (protocol === IPPROTO_SCTP) return SCTP_STATES;
  return protocol === IPPROTO_DCCP ? DCCP_STATES : TCP_STATES;
}

const addressLine = new LineWriter(64);

function addressOf({ words, bytes }: FlowRegister, word: number): string {
  addressLine.cut();
  writeAddress(addressLine, words[W.family]!, bytes, word * 4);
  return addressLine.string();
}

function flowName(flow: FlowRegister): string {
  const { words } = flow;
  const end = (address: number, port: number) => {
    const text = addressOf(flow, address);
    if (!flow.has0(Has0.origL4) || !hasPorts(words[W.protocol]!)) return text;
    return words[W.family] === AF_INET6 ? `[${text}]:${words[port]}` : `${text}:${words[port]}`;
  };
  return `${end(W.origSrc, W.origL4Src)} → ${end(W.origDst, W.origL4Dst)}`;
}
