import type { TokenPiece } from '../../contracts/runs/step.ts';
import type { Step } from '../../db/queries/queries.ts';
import { type CliIo, printJson } from '../output/output.ts';
import { plainText } from '../output/terminal-text.ts';

/** A printer that shows answers on stdout while they are written. */
export type TokenPrinter = {
  piece(piece: TokenPiece): void;
  /**
   * Completes the printed text of a step. Has to be called with each step before the step is shown.
   * Returns true if all text of the step was printed.
   */
  completes(step: Step): boolean;
  /** Ends an unfinished line, so that a line of talk can follow. */
  endLine(): void;
  /** Returns whether the last printed answer is this one. */
  hasShown(answer: string): boolean;
};

/**
 * Creates a token printer.
 *
 * Pieces may be lost, or arrive twice after a connection was opened again. The printed text is then
 * the beginning of the answer, and the step has the rest. Pieces may also arrive again in another
 * attempt. The text printed before then stays as a line of its own, and the committed text is shown
 * in full.
 */
export function createTokenPrinter(io: CliIo): TokenPrinter {
  let seq = 0;
  let attempt = 0;
  let shown = '';
  let heard = 0;
  let isMidLine = false;
  const write = (text: string) => {
    if (text === '') return;
    io.write(text);
    shown += text;
    isMidLine = !text.endsWith('\n');
  };
  const endLine = () => {
    if (isMidLine) io.write('\n');
    isMidLine = false;
  };
  return {
    piece(piece) {
      if (io.json) {
        printJson(io, { type: 'token', ...piece });
        return;
      }
      if (piece.seq !== seq || piece.attempt !== attempt) {
        endLine();
        ({ seq, attempt } = piece);
        shown = '';
        heard = 0;
      }
      const { text, offset = heard } = piece;
      if (offset > heard) return; // a piece is missing: the step has the rest
      write(plainText(text.slice(heard - offset)));
      heard = Math.max(heard, offset + text.length);
    },
    completes(step) {
      const said = step.kind === 'model' && step.seq === seq ? plainText(step.said ?? '') : '';
      const isHeard = shown !== '' && said.startsWith(shown);
      if (isHeard) write(said.slice(shown.length));
      else if (step.seq >= seq && step.kind === 'model') shown = '';
      endLine();
      return isHeard;
    },
    endLine,
    hasShown: (answer) => shown !== '' && plainText(answer) === shown,
  };
}
