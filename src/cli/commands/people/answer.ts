import type { Command } from 'commander';
import { HowdahError } from '../../../contracts/errors.ts';
import { API_OPTION } from '../../backend/connect-server.ts';
import { ARGUMENT_SOURCES, readArgument, readTextArgument } from '../../input/input-argument.ts';
import { questionId } from '../../input/resolve-id.ts';
import { answerAndPrint } from '../../nouns/answer-and-print.ts';
import type { CliIo } from '../../output/output.ts';

type Options = { data?: string };

/** Registers `howdah answer ID TEXT`, which answers a question of any kind. */
export function register(command: Command, io: CliIo): void {
  command
    .argument('<id>', 'id of the question, or of the run that asks it')
    .argument(
      '[text]',
      `the answer; for a call with an unknown outcome: \`done\`, \`again\` or \`give_up\`; ${ARGUMENT_SOURCES}`,
    )
    .option(
      '--data <json>',
      `the answer as JSON; with the answer \`done\`, the result of the call; ${ARGUMENT_SOURCES}`,
    )
    .option(...API_OPTION)
    .action(async (name: string, said: string | undefined, options: Options, self: Command) => {
      const text = said === undefined ? undefined : await readTextArgument(io, 'the answer', said);
      const data = await readArgument(io, 'data', options.data);
      if (text === undefined && data === undefined) {
        throw new HowdahError('EUSAGE', 'the answer is missing', {
          hint: 'howdah answer ID TEXT, or --data JSON',
        });
      }
      const id = questionId(name);
      await answerAndPrint(io, self, (questions) => questions.answer(id, text ?? null, data));
    });
}
