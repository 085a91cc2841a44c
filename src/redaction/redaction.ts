// Redacts secrets in texts: answers of servers, streams and logs all use this module.
//
// An Aho-Corasick automaton finds all spellings of all secrets (spellings.ts) in one pass, so the
// time depends on the length of the text alone. Each match is a range. Overlapping ranges are
// joined, and each range becomes `***`. A secret that begins another one, or ends where another one
// begins, therefore leaves nothing of either, in any order. A stream is held back only as far as
// its end may begin a spelling.

import type { RunError } from '../contracts/errors.ts';
import { isJsonNumber } from '../json/exact-number.ts';
import { hasMembers, isJsonObject, type Json } from '../json/json.ts';
import { PatternAutomaton } from './pattern-automaton.ts';
import { spellings } from './spellings.ts';

/** The replacement of a secret. */
export const REDACTED = '***';

/**
 * The shortest secret that is redacted. A shorter one may be an ordinary word (`ollama`, `none`,
 * `EMPTY`).
 */
export const SHORTEST_SECRET = 8;
/** The shortest secret that is redacted in the answer to a request that carried it. */
export const SHORTEST_ECHO = 4;

/** Most levels of JSON. Deeper values are replaced whole, since they are not searched. */
const MAX_LEVELS = 1_000;

/** A redaction of a text that comes in pieces. */
export type StreamRedaction = {
  pass(piece: string): string;
  /**
   * Returns the text held back. `isCut` means that the text broke off, so its end may be half a
   * secret.
   */
  rest(options?: { isCut?: boolean }): string;
};

export class Redaction {
  readonly #automata: readonly PatternAutomaton[];

  private constructor(automata: readonly PatternAutomaton[]) {
    this.#automata = automata;
  }

  /** Creates a redaction of secrets; shorter ones than `shortest` are ignored. */
  static of(
    secrets: Iterable<string>,
    { shortest = SHORTEST_SECRET }: { shortest?: number } = {},
  ): Redaction {
    const automaton = new PatternAutomaton();
    for (const secret of secrets) {
      const value = secret.trim();
      if (value.length < shortest) continue;
      for (const spelling of spellings(value)) automaton.add(spelling);
    }
    if (automaton.isEmpty) return new Redaction([]);
    automaton.link();
    return new Redaction([automaton]);
  }

  /** Creates a redaction of the secrets of several redactions. */
  static union(redactions: readonly Redaction[]): Redaction {
    return new Redaction(redactions.flatMap((redaction) => redaction.#automata));
  }

  /** True when there is nothing to redact. */
  get isEmpty(): boolean {
    return this.#automata.length === 0;
  }

  /** The number of comparisons so far, by which tests measure the cost of a text. */
  get comparisons(): number {
    return this.#automata.reduce((sum, { comparisons }) => sum + comparisons, 0);
  }

  text(text: string, options?: { isCut?: boolean }): string {
    if (this.isEmpty) return text;
    const stream = this.stream();
    return stream.pass(text) + stream.rest(options);
  }

  /** Redacts all texts of a document, the names of fields, and numbers that are a secret. */
  json<T>(value: T): T {
    return this.isEmpty ? value : (this.#json(value as Json, 0) as T);
  }

  #json(value: Json, level: number): Json {
    if (typeof value === 'string') return this.text(value);
    if (isJsonNumber(value)) {
      const text = String(value);
      return this.text(text) === text ? value : REDACTED;
    }
    if (!hasMembers(value)) return value;
    if (level > MAX_LEVELS) return REDACTED;
    if (Array.isArray(value)) return value.map((one) => this.#json(one, level + 1));
    if (!isJsonObject(value)) return value;
    return Object.fromEntries(
      Object.entries(value).map(([name, one]) => [this.text(name), this.#json(one, level + 1)]),
    );
  }

  /** Redacts an error, but not its code, which Howdah sets. */
  error(error: RunError): RunError {
    if (this.isEmpty) return error;
    const cause = error.cause === undefined ? {} : { cause: this.json(error.cause) };
    return { ...error, message: this.text(error.message), ...cause };
  }

  /** Redacts the bytes of a file. */
  bytes(bytes: Buffer): Buffer {
    if (this.isEmpty) return bytes;
    const text = bytes.toString('latin1');
    const rest = this.text(text);
    return rest === text ? bytes : Buffer.from(rest, 'latin1');
  }

  stream(): StreamRedaction {
    if (this.isEmpty) return { pass: (piece) => piece, rest: () => '' };
    return new RedactedStream(this.#automata);
  }
}

type Range = { from: number; to: number };

/** The redaction of one stream: the text that is held back, and the matches in it. */
class RedactedStream implements StreamRedaction {
  readonly #automata: readonly PatternAutomaton[];
  /** The state of each automaton. */
  readonly #states: number[];
  #buffered = '';
  /** The position in the stream at which the buffered text starts. */
  #base = 0;
  /** The position in the stream at which the text read ends. */
  #end = 0;
  /** Matches that are disjoint and in order; all end within the text read. */
  #ranges: Range[] = [];

  constructor(automata: readonly PatternAutomaton[]) {
    this.#automata = automata;
    this.#states = new Array<number>(automata.length).fill(0);
  }

  pass(piece: string): string {
    this.#buffered += piece;
    for (let at = 0; at < piece.length; at += 1) this.#read(piece.charCodeAt(at));
    return this.#release(this.#end - this.#pendingLength());
  }

  rest({ isCut = false }: { isCut?: boolean } = {}): string {
    const length = this.#pendingLength();
    if (isCut && length >= SHORTEST_ECHO) this.#addRange(this.#end - length, this.#end);
    this.#states.fill(0);
    return this.#release(this.#end);
  }

  #read(code: number): void {
    this.#end += 1;
    for (let one = 0; one < this.#automata.length; one += 1) {
      const automaton = this.#automata[one] as PatternAutomaton;
      const state = automaton.step(this.#states[one] as number, code);
      this.#states[one] = state;
      const length = automaton.longestAt(state);
      if (length > 0) this.#addRange(this.#end - length, this.#end);
    }
  }

  /** Adds a match that ends last. Joins it with the matches that it overlaps. */
  #addRange(from: number, to: number): void {
    let first = from;
    for (let last = this.#ranges.at(-1); last && last.to > first; last = this.#ranges.at(-1)) {
      first = Math.min(first, last.from);
      this.#ranges.pop();
    }
    this.#ranges.push({ from: first, to });
  }

  /** Returns the length of the longest end of the text read that may begin a spelling. */
  #pendingLength(): number {
    return this.#automata.reduce(
      (most, automaton, one) => Math.max(most, automaton.depthOf(this.#states[one] as number)),
      0,
    );
  }

  /** Returns the text before a position. A range across it continues there. */
  #release(place: number): string {
    let text = '';
    let at = this.#base;
    const later: Range[] = [];
    for (const { from, to } of this.#ranges) {
      if (from >= place) {
        later.push({ from, to });
        continue;
      }
      text += this.#textBetween(at, from);
      at = Math.min(to, place);
      if (to > place) later.push({ from: place, to });
      else text += REDACTED;
    }
    text += this.#textBetween(at, place);
    this.#buffered = this.#buffered.slice(place - this.#base);
    this.#base = place;
    this.#ranges = later;
    return text;
  }

  #textBetween(from: number, to: number): string {
    return this.#buffered.slice(from - this.#base, to - this.#base);
  }
}
