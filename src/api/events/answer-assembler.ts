import type { TokenPiece } from '../../contracts/runs/step.ts';
import type { RunSnapshot } from '../conversation-protocols/conversation-runs.ts';
import { EarlyPieces } from './early-pieces.ts';

/** A part of the answers of a run, in the order in which a client reads them. */
export type AssembledItem =
  /** A piece of the answer that the model gives in a step. */
  | { type: 'text'; seq: number; text: string }
  /** The end of a step. With calls, the run goes on. */
  | { type: 'settled'; seq: number; hasCalls: boolean };

/**
 * The separator between the text of an interrupted answer and the whole answer that replaces it.
 */
const ANEW = '\n\n';

/**
 * Assembles the answer of each step. The input is pieces and committed answers. A piece may be lost
 * or late, or may belong to a failed attempt. In the output, no committed text is missing or
 * repeated, and each answer is complete before the next one begins.
 */
export class AnswerAssembler {
  #seq = 0;
  #attempt = 0;
  /** The text sent for the current attempt. */
  #text = '';
  #settled: number;
  /**
   * Pieces of later steps. They wait, because the committed answer of the step before may add to
   * its text, or be all of it.
   */
  readonly #early = new EarlyPieces();

  /** Starts after the step `since`, the last one that was sent already. */
  constructor(since: number) {
    this.#settled = since;
  }

  /** The last step whose answer was sent completely. */
  get settled(): number {
    return this.#settled;
  }

  /** Sends a piece of an answer, or keeps it until the steps before it are settled. */
  *offer(piece: TokenPiece): Generator<AssembledItem> {
    for (const next of this.#early.offer(piece, this.#settled)) yield* this.#send(next);
  }

  /**
   * Sends the rest of the committed answers. Other steps up to `step_count` count as settled too.
   * Call `release` when everything else of these steps was sent.
   */
  *settle({
    answers,
    step_count,
  }: Pick<RunSnapshot, 'answers' | 'step_count'>): Generator<AssembledItem> {
    for (const { seq, content, has_calls } of answers) {
      if (seq <= this.#settled) continue;
      const sent = seq === this.#seq ? this.#text : '';
      this.#settled = seq;
      const rest = content.startsWith(sent) ? content.slice(sent.length) : ANEW + content;
      if (rest !== '') yield { type: 'text', seq, text: rest };
      yield { type: 'settled', seq, hasCalls: has_calls };
    }
    this.#settled = Math.max(this.#settled, step_count);
  }

  /** Sends the pieces of the next step that arrived early. */
  *release(): Generator<AssembledItem> {
    for (const piece of this.#early.take(this.#settled)) yield* this.#send(piece);
  }

  *#send({ seq, attempt, offset, text }: TokenPiece): Generator<AssembledItem> {
    if (text === '') return;
    const isSame = seq === this.#seq && attempt === this.#attempt;
    // after a missed piece, the rest of the answer comes with its step
    if (offset !== undefined && offset !== (isSame ? this.#text.length : 0)) return;
    const isAnew = seq === this.#seq && !isSame;
    const before = isAnew && this.#text !== '' ? ANEW : '';
    if (seq !== this.#seq || isAnew) this.#text = '';
    this.#seq = seq;
    this.#attempt = attempt;
    this.#text += text;
    yield { type: 'text', seq, text: before + text };
  }
}
