// Takes secrets out of texts: the one place where it is done, for what servers answer, for streams, for logs.
//
// All spellings of all secrets (spellings.ts) are looked for in one pass by an Aho-Corasick automaton, so the time depends on
// the length of the text alone. Each place where a spelling stands is a range; ranges that overlap are one, and each of them
// becomes `***`. So a secret that is the beginning of another, or ends where another begins, leaves nothing of either, in
// whatever order they are known. A stream is held back only as far as its end may be the beginning of a spelling.

import type { RunError } from './errors.ts';
import { isJsonObject, type Json } from './json.ts';
import { PatternAutomaton } from './pattern-automaton.ts';
import { spellings } from './spellings.ts';

/** What stands where a secret stood. */
export const REDACTED = '***';

/** A shorter secret is not looked for: it is a word that an ordinary text may well hold (`ollama`, `none`, `EMPTY`). */
export const SHORTEST_SECRET = 8;
/** In the answer to a request that carried the secret itself, which is about little else. */
export const SHORTEST_ECHO = 4;

/** Of JSON: what is nested deeper is left out, since nobody has looked at it. */
const MOST_LEVELS = 1_000;

/** Pieces of a text, given on without the secrets. */
export type StreamRedaction = {
  pass(piece: string): string;
  /** What was held back. `isCut`: the text was broken off, so its end may be half a secret. */
  rest(options?: { isCut?: boolean }): string;
};

export class Redaction {
  readonly #automata: readonly PatternAutomaton[];

  private constructor(automata: readonly PatternAutomaton[]) {
    this.#automata = automata;
  }

  /** Of these secrets; `shortest` is the length of the shortest that is looked for. */
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

  /** Of all secrets of these, as if they had been given together. */
  static union(redactions: readonly Redaction[]): Redaction {
    return new Redaction(redactions.flatMap((redaction) => redaction.#automata));
  }

  /** Whether there is nothing to look for. */
  get isEmpty(): boolean {
    return this.#automata.length === 0;
  }

  /** Comparisons made since the beginning, for tests of what a text costs. */
  get work(): number {
    return this.#automata.reduce((sum, { work }) => sum + work, 0);
  }

  text(text: string, options?: { isCut?: boolean }): string {
    if (this.isEmpty) return text;
    const stream = this.stream();
    return stream.pass(text) + stream.rest(options);
  }

  /** All texts of a document: names of fields too, and numbers that are a secret. */
  json<T>(value: T): T {
    return this.isEmpty ? value : (this.#json(value as Json, 0) as T);
  }

  #json(value: Json, level: number): Json {
    if (typeof value === 'string') return this.text(value);
    if (typeof value === 'number') {
      const text = String(value);
      return this.text(text) === text ? value : REDACTED;
    }
    if (typeof value !== 'object' || value === null) return value;
    if (level > MOST_LEVELS) return REDACTED;
    if (Array.isArray(value)) return value.map((one) => this.#json(one, level + 1));
    if (!isJsonObject(value)) return value;
    return Object.fromEntries(
      Object.entries(value).map(([name, one]) => [this.text(name), this.#json(one, level + 1)]),
    );
  }

  /** A failure; its code is ours. */
  error(error: RunError): RunError {
    if (this.isEmpty) return error;
    const cause = error.cause === undefined ? {} : { cause: this.json(error.cause) };
    return { ...error, message: this.text(error.message), ...cause };
  }

  /** The bytes of a file that is kept as it came. */
  bytes(bytes: Buffer): Buffer {
    if (this.isEmpty) return bytes;
    const text = bytes.toString('latin1');
    const rest = this.text(text);
    return rest === text ? bytes : Buffer.from(rest, 'latin1');
  }

  stream(): StreamRedaction {
    if (this.isEmpty) return { pass: (piece) => piece, rest: () => '' };
    return streamOver(this.#automata);
  }
}

type Range = { from: number; to: number };

function streamOver(automata: readonly PatternAutomaton[]): StreamRedaction {
  const states = new Array<number>(automata.length).fill(0);
  let held = '';
  /** Where in the stream the held text begins, and where what has been read ends. */
  let base = 0;
  let end = 0;
  /** Disjoint, in order; none reaches beyond what has been read. */
  let ranges: Range[] = [];

  const find = (from: number, to: number): void => {
    let first = from;
    for (let last = ranges.at(-1); last && last.to > first; last = ranges.at(-1)) {
      first = Math.min(first, last.from);
      ranges.pop();
    }
    ranges.push({ from: first, to });
  };

  /** Length of the longest end of what was read that a spelling begins with. */
  const begun = (): number =>
    automata.reduce(
      (most, automaton, one) => Math.max(most, automaton.depthOf(states[one] as number)),
      0,
    );

  const read = (code: number): void => {
    end += 1;
    for (let one = 0; one < automata.length; one += 1) {
      const automaton = automata[one] as PatternAutomaton;
      const state = automaton.step(states[one] as number, code);
      states[one] = state;
      const length = automaton.longestAt(state);
      if (length > 0) find(end - length, end);
    }
  };

  /** Gives what stands before this place; a range that reaches beyond goes on from there. */
  const give = (place: number): string => {
    let text = '';
    let at = base;
    const later: Range[] = [];
    for (const { from, to } of ranges) {
      if (from >= place) {
        later.push({ from, to });
        continue;
      }
      text += held.slice(at - base, from - base);
      at = Math.min(to, place);
      if (to > place) later.push({ from: place, to });
      else text += REDACTED;
    }
    text += held.slice(at - base, place - base);
    held = held.slice(place - base);
    base = place;
    ranges = later;
    return text;
  };

  return {
    pass(piece) {
      held += piece;
      for (let at = 0; at < piece.length; at += 1) read(piece.charCodeAt(at));
      return give(end - begun());
    },
    rest({ isCut = false } = {}) {
      const length = begun();
      if (isCut && length >= SHORTEST_ECHO) find(end - length, end);
      states.fill(0);
      return give(end);
    },
  };
}
