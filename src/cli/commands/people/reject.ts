import type { Command } from 'commander';
import { API_OPTION } from '../../backend/connect-server.ts';
import { ARGUMENT_SOURCES, readTextArgument } from '../../input/input-argument.ts';
import { questionId } from '../../input/resolve-id.ts';
import { answerAndPrint } from '../../nouns/answer-and-print.ts';
import type { CliIo } from '../../output/output.ts';

/** Registers `howdah reject ID`, which rejects the call that a run waits to make. */
export function register(command: Command, io: CliIo): void {
  command
    .argument('<id>', 'id of the question, or of the run that asks it')
    .option('--reason <text>', `reason that is sent to the model; ${ARGUMENT_SOURCES}`)
    .option(...API_OPTION)
    .action(async (text: string, options: { reason?: string }, self: Command) => {
      const id = questionId(text);
      const { reason: said } = options;
      const reason = said === undefined ? null : await readTextArgument(io, 'the reason', said);
      await answerAndPrint(io, self, (questions) => questions.reject(id, reason));
    });
}
