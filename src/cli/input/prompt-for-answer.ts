import type { Question } from '../../db/queries/questions.ts';
import type { QuestionBackend } from '../backend/backend.ts';
import { reportOf } from '../output/exit-codes.ts';
import { type CliIo, printError } from '../output/output.ts';

const REJECTED = /^reject\b\s*/i;

/**
 * Asks the person at the terminal until the answer is accepted. Returns false if there is no
 * terminal, or if the person leaves the question to others by an empty line. The text after the
 * word `reject` is the reason.
 */
export async function promptForAnswer(
  io: CliIo,
  questions: Pick<QuestionBackend, 'answer'>,
  { id, kind }: Question,
): Promise<boolean> {
  const prompt = kind === 'approval' ? 'approve, or reject REASON: ' : 'answer: ';
  while (io.ask && !io.json) {
    const line = (await io.ask(prompt))?.trim();
    if (!line) {
      return false;
    }
    const reason = kind === 'approval' && REJECTED.test(line) ? line.replace(REJECTED, '') : '';
    try {
      await questions.answer(id, reason ? 'reject' : line, reason || undefined);
      return true;
    } catch (error) {
      const report = reportOf(error);
      printError(io, report);
      if (report.code !== 'HWINV') {
        return report.code === 'HWCNF'; // somebody else answered first
      }
    }
  }
  return false;
}
