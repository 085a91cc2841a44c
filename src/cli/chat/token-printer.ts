import type { TokenPiece } from '../../contracts/runs/step.ts';
import type { Step } from '../../db/queries/queries.ts';
import { type CliIo, printJson } from '../output/output.ts';
import { plainText } from '../output/terminal-text.ts';

/** Answers shown on stdout while they are written. */
export type TokenPrinter = {
  piece(piece: TokenPiece): void;
  /** To be called with each step before it is shown: completes what was heard of it. True when all it said stands there. */
  completes(step: Step): boolean;
  /** Whether the last answer that stands there is this one. */
  hasShown(answer: string): boolean;
};

/**
 * Pieces may be lost, or come twice where a connection was opened again: what stands there is the beginning of the answer, and the
 * step has the rest. They may come again in another attempt: what stands there then stays as a line of its own, and the
 * committed text is shown whole.
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
      if (offset > heard) return; // one is missing: the step will have the rest
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
    hasShown: (answer) => shown !== '' && plainText(answer) === shown,
  };
}
