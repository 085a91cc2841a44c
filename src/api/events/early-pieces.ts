import type { TokenPiece } from '../../contracts/runs/step.ts';

/** Most pieces that wait for the steps before them. */
const MAX_EARLY = 500;

/**
 * Holds pieces of answers that arrive before the previous step is complete. Beyond `MAX_EARLY`,
 * pieces are dropped, because the step will have the whole answer. A step that loses a piece here
 * gets no further pieces, so that the pieces of a step are the beginning of its answer, without a
 * gap.
 */
export class EarlyPieces {
  #pieces: TokenPiece[] = [];
  /** The last step that lost a piece here. */
  #lastCut = 0;

  /**
   * Returns the pieces to send now: this piece, if it belongs to the step after `lastSeq`. Holds a
   * piece of a later step.
   */
  offer(piece: TokenPiece, lastSeq: number): TokenPiece[] {
    if (piece.seq <= Math.max(lastSeq, this.#lastCut)) return [];
    if (piece.seq === lastSeq + 1) return [piece];
    if (this.#pieces.length < MAX_EARLY) this.#pieces.push(piece);
    else this.#lastCut = piece.seq;
    return [];
  }

  /** Removes and returns the pieces of the step after `lastSeq`. Drops those of earlier steps. */
  take(lastSeq: number): TokenPiece[] {
    const next = this.#pieces.filter(({ seq }) => seq === lastSeq + 1);
    this.#pieces = this.#pieces.filter(({ seq }) => seq > lastSeq + 1);
    return next;
  }
}
