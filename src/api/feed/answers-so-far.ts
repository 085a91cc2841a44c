import type { TokenPiece } from '../../contracts/runs/step.ts';

/**
 * The answers that models are generating, as far as their pieces have come. A subscriber that comes
 * in the middle of an answer gets this text first. An answer of which a piece was missed is
 * omitted, since its step will have the whole text.
 */
export class AnswersSoFar {
  readonly #answers = new Map<string, TokenPiece>();

  add(piece: TokenPiece): void {
    const { execution_id: id, seq, attempt, offset, text } = piece;
    const answer = this.#answers.get(id);
    const isNext = answer?.seq === seq && answer.attempt === attempt;
    if (offset === 0) this.#answers.set(id, { ...piece });
    else if (isNext && answer.text.length === offset) answer.text += text;
    else this.#answers.delete(id);
  }

  /** Drops the answer of a run if its step was committed. */
  settle(id: string, stepCount: number): void {
    if ((this.#answers.get(id)?.seq ?? 0) <= stepCount) this.#answers.delete(id);
  }

  drop(id: string): void {
    this.#answers.delete(id);
  }

  /** Returns the text of a run as one piece. */
  of(id: string): TokenPiece | undefined {
    const answer = this.#answers.get(id);
    return answer && { ...answer };
  }
}
