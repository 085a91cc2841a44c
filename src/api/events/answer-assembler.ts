import type { TokenPiece } from '../../contracts/runs/step.ts';
import type { RunSnapshot } from '../openai/runs.ts';
import type { AnswerItem } from './follow-answer.ts';

/** Between what was said of an answer that broke off and the whole of the one that came instead. */
const ANEW = '\n\n';

/**
 * What was said of each step, from pieces that may be lost, late or of an attempt that came to nothing, and from the answers
 * that were committed: of those nothing is missing in the end, nothing is told twice, and each is told to its end before
 * the next begins.
 */
export class AnswerAssembler {
  #seq = 0;
  #attempt = 0;
  /** What was told of the present attempt. */
  #text = '';
  #settled: number;
  /** Pieces of later steps: the one before may lack something that its commit will say, or all of it. */
  #held: TokenPiece[] = [];

  /** `since`: the last step that is told already. */
  constructor(since: number) {
    this.#settled = since;
  }

  *hear(piece: TokenPiece): Generator<AnswerItem> {
    const { seq, attempt, text } = piece;
    if (seq <= this.#settled || text === '') return;
    if (seq > this.#settled + 1) {
      this.#held.push(piece);
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

  /** What is committed is told to its end; steps without an answer were attempts that failed, or no answers. */
  *settle({
    answers,
    step_count,
  }: Pick<RunSnapshot, 'answers' | 'step_count'>): Generator<AnswerItem> {
    for (const { seq, content, has_calls } of answers) {
      if (seq <= this.#settled) continue;
      const told = seq === this.#seq ? this.#text : '';
      this.#settled = seq;
      const rest = content.startsWith(told) ? content.slice(told.length) : ANEW + content;
      if (rest !== '') yield { type: 'text', seq, text: rest };
      yield { type: 'settled', seq, hasCalls: has_calls };
    }
    this.#settled = Math.max(this.#settled, step_count);
    for (const piece of this.#held.splice(0)) yield* this.hear(piece);
  }
}
