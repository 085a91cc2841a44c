import type { TokenPiece } from '../../contracts/runs/step.ts';
import type { RunSnapshot } from '../openai/runs.ts';
import type { AnswerItem } from './follow-answer.ts';

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
  #pending: TokenPiece[] = [];

  /** Starts after the step `since`, the last one that was sent already. */
  constructor(since: number) {
    this.#settled = since;
  }

  *hear(piece: TokenPiece): Generator<AnswerItem> {
    const { seq, attempt, text } = piece;
    if (seq <= this.#settled || text === '') return;
    if (seq > this.#settled + 1) {
      this.#pending.push(piece);
      return;
    }
    const isAnew = seq === this.#seq && attempt !== this.#attempt;
    const before = isAnew && this.#text !== '' ? ANEW : '';
    if (seq !== this.#seq || isAnew) this.#text = '';
    this.#seq = seq;
    this.#attempt = attempt;
    this.#text += text;
    yield { type: 'text', seq, text: before + text };
  }

  /**
   * Sends the rest of the committed answers. Steps without an answer were failed attempts, or have
   * no answer.
   */
  *settle({
    answers,
    step_count,
  }: Pick<RunSnapshot, 'answers' | 'step_count'>): Generator<AnswerItem> {
    for (const { seq, content, has_calls } of answers) {
      if (seq <= this.#settled) continue;
      const sent = seq === this.#seq ? this.#text : '';
      this.#settled = seq;
      const rest = content.startsWith(sent) ? content.slice(sent.length) : ANEW + content;
      if (rest !== '') yield { type: 'text', seq, text: rest };
      yield { type: 'settled', seq, hasCalls: has_calls };
    }
    this.#settled = Math.max(this.#settled, step_count);
    for (const piece of this.#pending.splice(0)) yield* this.hear(piece);
  }
}
