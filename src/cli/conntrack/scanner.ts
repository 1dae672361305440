/**
 * `getopt_long` with permutation: words of a command line to options, as the C library finds them.
 *
 * Which options there are is asked each time, because `-p` brings more of them. The scanner
 * knows nothing of their meaning, and complains by throwing what `complain` makes.
 *
 * Described in: doc/conntrack.md, "Command line".
 */
import type { Argument } from "./options.ts";

/** One name of something that may be given. Several names of one thing share `what`. */
export interface Name<T> {
  readonly name: string;
  readonly argument: Argument;
  readonly what: T;
}

export interface Names<T> {
  short(letter: string): Name<T> | undefined;
  /** The long names, for exact ones and for beginnings. */
  long(name: string): Name<T> | undefined;
  longs(): Iterable<Name<T>>;
}

export interface Found<T> {
  readonly what: T;
  /** The value that was given with it, attached or as the next word. */
  readonly value: string | undefined;
  /** The number of the word that is the value, as it was given; 0 if it was attached or comes later. */
  readonly valueWord: number;
}

export interface Complaints {
  missing(word: string): Error;
  unknown(word: string): Error;
}

export class Scanner<T> {
  readonly #words: string[];
  readonly #names: Names<T>;
  readonly #complaints: Complaints;
  /** The next word to look at, and the words without a dash that were passed over before it. */
  #next: number;
  #firstPassed: number;
  #lastPassed: number;
  /** The rest of a cluster of letters. */
  #cluster = "";

  /** `words[0]` is the name of the program. The list is permuted. */
  constructor(words: string[], names: Names<T>, complaints: Complaints) {
    this.#words = words;
    this.#names = names;
    this.#complaints = complaints;
    this.#next = this.#firstPassed = this.#lastPassed = 1;
  }

  /** The next option; undefined at the end. */
  next(): Found<T> | undefined {
    if (this.#cluster !== "") return this.#letter();
    this.#permute();
    const words = this.#words;
    while (this.#next < words.length && !isOption(words[this.#next]!)) this.#next += 1;
    this.#lastPassed = this.#next;
    if (this.#next >= words.length) return undefined;
    const word = words[this.#next]!;
    if (word === "--") return undefined;
    if (word.startsWith("--")) return this.#long(word);
    this.#cluster = word.slice(1);
    return this.#letter();
  }

  /** The next word, if it is no option and no negation: optional values and tables are given so. */
  optionalWord(): string | undefined {
    const word = this.#words[this.#next];
    if (word === undefined || word.startsWith("-") || word.startsWith("!")) return undefined;
    this.#next += 1;
    return word;
  }

  /** Words that were passed over go behind the options that followed them. */
  #permute(): void {
    if (this.#lastPassed > this.#next) this.#lastPassed = this.#next;
    if (this.#firstPassed > this.#next) this.#firstPassed = this.#next;
    if (this.#firstPassed === this.#lastPassed) {
      this.#firstPassed = this.#lastPassed = this.#next;
      return;
    }
    if (this.#lastPassed === this.#next) return;
    const passed = this.#words.splice(this.#firstPassed, this.#lastPassed - this.#firstPassed);
    this.#words.splice(this.#next - passed.length, 0, ...passed);
    this.#firstPassed += this.#next - this.#lastPassed;
    this.#lastPassed = this.#next;
  }

  #long(word: string): Found<T> {
    this.#next += 1;
    const equals = word.indexOf("=");
    const typed = equals < 0 ? word.slice(2) : word.slice(2, equals);
    const found = this.#byName(typed);
    if (found === undefined) throw this.#complaints.unknown(this.#last());
    if (equals >= 0) {
      if (found.argument === "none") throw this.#complaints.unknown(this.#last());
      return { what: found.what, value: word.slice(equals + 1), valueWord: 0 };
    }
    return this.#withNextWord(found);
  }

  /** An exact name wins; the beginning of several is fine if they are the same thing. */
  #byName(typed: string): Name<T> | undefined {
    const exact = this.#names.long(typed);
    if (exact !== undefined) return exact;
    let found: Name<T> | undefined;
    for (const each of this.#names.longs()) {
      if (!each.name.startsWith(typed)) continue;
      if (found !== undefined && (found.what !== each.what || found.argument !== each.argument)) {
        return undefined;
      }
      found ??= each;
    }
    return found;
  }

  #letter(): Found<T> {
    const letter = this.#cluster[0]!;
    this.#cluster = this.#cluster.slice(1);
    const isLast = this.#cluster === "";
    if (isLast) this.#next += 1;
    const found = this.#names.short(letter);
    if (found === undefined) throw this.#complaints.unknown(this.#last());
    if (found.argument === "none") return { what: found.what, value: undefined, valueWord: 0 };
    if (isLast) return this.#withNextWord(found);
    const value = this.#cluster;
    this.#cluster = "";
    this.#next += 1;
    return { what: found.what, value, valueWord: 0 };
  }

  #withNextWord({ what, argument }: Name<T>): Found<T> {
    if (argument !== "required") return { what, value: undefined, valueWord: 0 };
    return { what, value: this.#value(), valueWord: this.#next - 1 };
  }

  /** The next word, whatever it looks like. */
  #value(): string {
    const value = this.#words[this.#next];
    if (value === undefined) throw this.#complaints.missing(this.#last());
    this.#next += 1;
    return value;
  }

  /** The word before the one that would come next. */
  #last(): string {
    return this.#words[this.#next - 1]!;
  }
}

/** A dash alone is an ordinary word. */
function isOption(word: string): boolean {
  return word.length > 1 && word.charCodeAt(0) === 0x2d;
}
